"""A test that takes the interpreter with it."""
import os
import unittest


class Killed(unittest.TestCase):
    def test_a_passes(self):
        pass

    def test_b_dies(self):
        os.write(2, b"going\n")
        os._exit(3)

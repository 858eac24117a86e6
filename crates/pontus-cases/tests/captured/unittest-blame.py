"""One test that prints the word of a failure and passes: nothing fails."""
import sys
import unittest


class Blame(unittest.TestCase):
    def test_a_says_fail(self):
        sys.stderr.write("FAIL\n")

    def test_b_passes(self):
        pass

    def test_c_says_skipped(self):
        sys.stderr.write("skipped 'not'\n")

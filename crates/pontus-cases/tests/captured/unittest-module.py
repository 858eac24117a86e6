"""A module that cannot set itself up."""
import unittest


def setUpModule():
    raise RuntimeError("setUpModule")


class Never(unittest.TestCase):
    def test_never(self):
        pass

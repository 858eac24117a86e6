"""What goes wrong before and after the tests of a class."""
import unittest


class Broken(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        raise RuntimeError("setUpClass")

    def test_never(self):
        pass


class Left(unittest.TestCase):
    @classmethod
    def tearDownClass(cls):
        raise RuntimeError("tearDownClass")

    def test_passes(self):
        pass


class Absent(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        raise unittest.SkipTest("not on this machine")

    def test_never(self):
        pass


def tearDownModule():
    raise RuntimeError("tearDownModule")

"""Subtests, of unittest and of the fixture."""
import unittest


class TestSubtests(unittest.TestCase):
    def test_unittest(self):
        for i in range(3):
            with self.subTest("message", i=i):
                self.assertNotEqual(i, 1)


def test_fixture(subtests):
    for i in range(2):
        with subtests.test(msg="all well", i=i):
            pass


def test_fixture_fails(subtests):
    with subtests.test(i=1):
        assert False

"""Each outcome that unittest knows, once."""
import sys
import unittest


class Basic(unittest.TestCase):
    def test_passes(self):
        self.assertTrue(True)

    def test_described(self):
        """One ... two, says the docstring.

        And more that is not shown.
        """

    def test_described_fails(self):
        """A description of a failure"""
        self.fail("no")

    def test_fails(self):
        self.assertEqual(1, 2)

    def test_raises(self):
        raise OSError("broken")

    @unittest.skip("it's too early")
    def test_skipped_by_decorator(self):
        self.fail("never")

    def test_skipped_inside(self):
        self.skipTest("no network\nhere")

    @unittest.expectedFailure
    def test_expected_failure(self):
        self.fail("as expected")

    @unittest.expectedFailure
    def test_unexpected_success(self):
        pass


class TearsDownBadly(unittest.TestCase):
    def tearDown(self):
        raise RuntimeError("tearDown")

    def test_fails_twice(self):
        self.fail("first")

    def test_fails_once(self):
        pass


@unittest.skip("the whole class")
class SkippedClass(unittest.TestCase):
    def test_one(self):
        pass

    def test_two(self):
        pass

"""Subtests, which count for themselves when they fail or are skipped."""
import unittest


class Subtests(unittest.TestCase):
    def test_all_pass(self):
        for i in range(3):
            with self.subTest(i=i):
                pass

    def test_some_fail(self):
        """With a description"""
        for i in range(4):
            with self.subTest("of four", i=i):
                self.assertEqual(i % 2, 0)

    def test_some_raise(self):
        for name in ["a b", "(c) ... ok"]:
            with self.subTest(name=name):
                raise OSError(name)

    def test_some_skipped(self):
        for i in range(2):
            with self.subTest(i=i):
                self.skipTest("later")

    def test_subtest_and_itself(self):
        with self.subTest(i=1):
            self.fail("inside")
        self.fail("outside")

    def test_zz_after(self):
        pass

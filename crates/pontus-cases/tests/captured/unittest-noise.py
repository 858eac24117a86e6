"""Tests that print between their name and their outcome."""
import sys
import unittest


class Noise(unittest.TestCase):
    def test_a_line(self):
        sys.stderr.write("hello\nworld\n")

    def test_half_a_line(self):
        sys.stderr.write("no newline at the end: ")

    def test_says_ok_and_fails(self):
        sys.stderr.write("ok\nlooks ok\n")
        self.fail("it was not")

    def test_says_fail_and_passes(self):
        sys.stderr.write("FAIL\nERROR: none\nthis would FAIL\n")

    def test_long_line(self):
        sys.stderr.write("." * 9000)

    def test_stdout(self):
        print("test_other (somewhere.Else.test_other) ... ")

    def test_colour_and_bytes(self):
        sys.stderr.flush()
        sys.stderr.buffer.write(b"\x1b[31mred\x1b[0m \xff\xfe\r\n\x1b]0;never ended\n")
        sys.stderr.flush()

    @classmethod
    def tearDownClass(cls):
        sys.stderr.write("all is FAIL\n")

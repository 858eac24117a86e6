"""Run with -s: what tests print stands between the name and the outcome."""
import sys


def test_a_line():
    print("hello\nworld")


def test_half_a_line():
    print("no newline", end="")


def test_says_passed():
    print("all PASSED\nPASSED")
    assert False

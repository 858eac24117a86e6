"""A test that takes the interpreter with it."""
import os


def test_a_passes():
    pass


def test_b_dies():
    os._exit(3)

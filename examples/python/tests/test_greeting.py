import unittest

from greeting import greeting


class Greeting(unittest.TestCase):
    def test_somebody(self):
        self.assertEqual(greeting("Pontus"), "Hello, Pontus!")

    def test_nobody(self):
        self.assertEqual(greeting(""), "Hello, world!")

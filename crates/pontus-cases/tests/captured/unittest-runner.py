"""A test that runs unittest itself and lets it speak: two tests, of which none fails."""
import unittest


class Outer(unittest.TestCase):
    def test_a_runs_another(self):
        class Inner(unittest.TestCase):
            def test_inner_fails(self):
                self.fail("inside")

            def test_inner_passes(self):
                pass

        suite = unittest.defaultTestLoader.loadTestsFromTestCase(Inner)
        result = unittest.TextTestRunner(verbosity=2).run(suite)
        self.assertEqual(len(result.failures), 1)

    def test_b_passes(self):
        pass

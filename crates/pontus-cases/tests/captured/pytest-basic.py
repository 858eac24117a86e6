"""Each outcome that pytest knows."""
import pytest


def test_passes():
    print("printed and captured PASSED")


def test_fails():
    print("pytest-basic.py::test_passes FAILED")
    print("=== 9 passed, 9 failed in 0.12s ===")
    assert 1 == 2


@pytest.mark.skip(reason="not (yet)")
def test_skipped():
    pass


@pytest.mark.skip(reason="a very long reason that does not fit into any line of eighty columns, " * 2)
def test_skipped_at_length():
    pass


@pytest.mark.xfail(reason="known")
def test_xfail():
    assert False


@pytest.mark.xfail
def test_xpass():
    pass


@pytest.mark.xfail(strict=True, reason="must fail")
def test_xpass_strict():
    pass


@pytest.fixture
def broken_setup():
    raise RuntimeError("setup")


@pytest.fixture
def broken_teardown():
    yield
    raise RuntimeError("teardown")


def test_setup_error(broken_setup):
    pass


def test_teardown_error(broken_teardown):
    pass


def test_fails_and_teardown_error(broken_teardown):
    assert False


class TestInside:
    def test_passes(self):
        pass

    @pytest.mark.parametrize("text", ["a b", "[x] - y", "PASSED (z)", "::", "café", "\x1b[31m\n"])
    def test_parametrised(self, text):
        assert text != "[x] - y"

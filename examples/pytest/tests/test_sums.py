import pytest


@pytest.mark.parametrize("number", [1, 2, 3])
def test_double(number):
    assert number + number == 2 * number


@pytest.mark.skip(reason="not on this machine")
def test_skipped():
    assert False


@pytest.mark.xfail
def test_expected_failure():
    assert 1 + 1 == 3

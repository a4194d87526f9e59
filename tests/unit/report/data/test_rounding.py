import math

from harness.report.data.rounding import rounded


def test_a_number_keeps_its_significant_digits() -> None:
    assert rounded(123456.0, 4) == 123500.0
    assert rounded(0.0123456, 5) == 0.012346


def test_what_is_not_finite_is_none() -> None:
    assert [rounded(value, 4) for value in (None, math.nan, math.inf)] == [None, None, None]

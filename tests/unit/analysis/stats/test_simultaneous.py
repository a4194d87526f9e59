"""Tukey's and Dunnett's probabilities, against SciPy's."""

import pytest
from scipy import stats

from harness.analysis.stats.simultaneous import (
    dunnett_critical,
    dunnett_p,
    tukey_critical,
    tukey_p,
)


@pytest.mark.parametrize(
    ("t", "means", "freedom"),
    [(2.5, 3, 5), (4.0, 7, 5), (3.4, 7, 15), (3.5, 20, 75), (4, 45, 225), (6, 3, 2), (6, 7, 30)],
)  # fmt: skip
def test_tukeys_probability_is_that_of_scipy(t: float, means: int, freedom: float) -> None:
    theirs = stats.studentized_range.sf(t * 2**0.5, means, freedom)
    assert tukey_p(t, means, freedom) == pytest.approx(theirs, rel=1e-7)


@pytest.mark.parametrize(("t", "others", "freedom"), [(2.8, 6, 20), (2.9, 10, 15), (3.5, 3, 5)])
def test_dunnetts_probability_is_that_of_the_multivariate_t(
    t: float, others: int, freedom: int
) -> None:
    correlation = [[1.0 if i == j else 0.5 for j in range(others)] for i in range(others)]
    joint = stats.multivariate_t(shape=correlation, df=freedom, seed=1)
    inside = joint.cdf([t] * others, lower_limit=[-t] * others)
    assert dunnett_p(t, others, freedom) == pytest.approx(1 - inside, abs=1e-4)


@pytest.mark.parametrize("freedom", [1.0, 5.0, 17.5, 1e9])
def test_with_one_difference_both_are_students_test(freedom: float) -> None:
    students = 2 * stats.t.sf(2.5, freedom)
    assert dunnett_p(2.5, 1, freedom) == pytest.approx(students, rel=1e-6)
    assert tukey_p(2.5, 2, freedom) == pytest.approx(students, rel=1e-6)


def test_one_mean_has_no_difference() -> None:
    assert tukey_p(100.0, 1, 5) == 1.0


@pytest.mark.parametrize("count", [2, 7, 20])
def test_a_critical_value_has_the_probability_that_was_asked_for(count: int) -> None:
    assert tukey_p(tukey_critical(count, 12.5, 0.05), count, 12.5) == pytest.approx(0.05)
    assert dunnett_p(dunnett_critical(count, 12.5, 0.05), count, 12.5) == pytest.approx(0.05)


def test_more_comparisons_need_a_larger_difference_and_all_pairs_more_than_a_baseline() -> None:
    assert tukey_critical(3, 10, 0.05) < tukey_critical(7, 10, 0.05)
    assert dunnett_critical(6, 10, 0.05) < tukey_critical(7, 10, 0.05)

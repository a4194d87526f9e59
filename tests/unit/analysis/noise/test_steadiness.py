import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.noise.steadiness import LEAST_CHANGE, LEAST_VALUES, Trend, trend

POSITIVE = st.floats(1e-3, 1e6)


def test_a_steady_growth_is_found_with_its_size() -> None:
    found = trend([100 * 1.05**n for n in range(11)])
    assert found is not None
    assert found.change == pytest.approx(10 * math.log(1.05))
    assert found.is_real


def test_a_decline_counts_as_much_as_a_growth() -> None:
    found = trend([100 * 0.95**n for n in range(11)])
    assert found is not None
    assert found.change == pytest.approx(10 * math.log(0.95))
    assert found.is_real


def test_a_change_that_is_certain_and_small_is_not_called() -> None:
    whole = LEAST_CHANGE * 0.9
    found = trend([math.exp(whole * n / 19) for n in range(20)])
    assert found is not None
    assert found.change == pytest.approx(whole)
    assert found.p is None
    assert not found.is_real


def test_a_change_that_may_be_chance_is_not_called() -> None:
    values = np.exp(np.random.default_rng(1).normal(0, 0.5, 8) + np.linspace(0, 0.4, 8))
    found = trend(values.tolist())
    assert found is not None
    assert found.change > LEAST_CHANGE
    assert found.p is not None
    assert not found.is_real


def test_a_few_disturbed_values_make_no_trend_and_hide_none() -> None:
    flat = [100.0] * 20
    flat[18] = flat[19] = 1000.0
    rising = [100 * 1.03**n for n in range(20)]
    rising[18] = 50.0
    level, grown = trend(flat), trend(rising)
    assert level is not None
    assert grown is not None
    assert not level.is_real
    assert grown.is_real
    assert grown.change == pytest.approx(19 * math.log(1.03), rel=0.1)


def test_noise_alone_is_rarely_called() -> None:
    draw = np.random.default_rng(4)
    found = [trend(np.exp(draw.normal(0, 0.3, 12)).tolist()) for _ in range(300)]
    assert sum(t is not None and t.is_real for t in found) <= 2


def test_values_that_are_all_equal_have_no_trend() -> None:
    found = trend([5.0] * 10)
    assert found is not None
    assert (found.change, found.p) == (0.0, None)


@pytest.mark.parametrize("values", [[], [1.0], [2.0] * (LEAST_VALUES - 1), [-1.0] * 9])
def test_too_few_values_or_any_that_has_no_logarithm_tell_nothing(values: list[float]) -> None:
    assert trend(values) is None


@given(values=st.lists(POSITIVE, min_size=LEAST_VALUES, max_size=20), scale=POSITIVE)
def test_the_unit_does_not_matter_and_time_reversed_mirrors(
    values: list[float], scale: float
) -> None:
    one, scaled = trend(values), trend([scale * v for v in values])
    mirrored = trend(values[::-1])
    assert one is not None
    assert scaled is not None
    assert mirrored is not None
    assert scaled.change == pytest.approx(one.change, abs=1e-9)
    assert mirrored.change == pytest.approx(-one.change, abs=1e-9)
    assert mirrored.p == pytest.approx(one.p)


def test_a_trend_is_real_only_if_it_is_large_and_no_chance() -> None:
    assert Trend(change=-0.3, p=0.0001).is_real
    assert not Trend(change=-0.2, p=0.01).is_real
    assert not Trend(change=0.1, p=0.0001).is_real


def test_a_second_without_an_answer_is_a_low_value_and_hides_no_trend() -> None:
    falling = [float(2 ** (12 - n)) for n in range(11)]
    found = trend([*falling, 0.0])
    assert found is not None
    assert found.is_real
    assert found.change < 0

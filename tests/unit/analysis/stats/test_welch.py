import math

import numpy as np
import pytest
from scipy import stats

from harness.analysis.stats.intervals import LEVEL, Difference, Interval, welch


def difference(values: list[float], others: list[float], level: float = LEVEL) -> Difference:
    found = welch(values, others, level)
    assert found is not None
    return found


def bounds(interval: Interval) -> tuple[float, float]:
    assert interval.low is not None
    assert interval.high is not None
    return interval.low, interval.high


def test_by_hand() -> None:
    """Variances of the means: 1 / 3 and 6.667 / 4, so 2 together.

    Degrees of freedom: 2² / ((1 / 3)² / 2 + (5 / 3)² / 3) = 4 / 0.98148.
    """
    found = difference([1.0, 2.0, 3.0], [4.0, 6.0, 8.0, 10.0])
    assert found.effect.mean == pytest.approx(-5)
    assert found.effect.se == pytest.approx(math.sqrt(2))
    assert found.effect.blocks == 7
    assert found.freedom == pytest.approx(4.07547, abs=1e-5)


@pytest.mark.parametrize("level", [0.5, 0.95])
@pytest.mark.parametrize(("n", "m"), [(2, 2), (3, 9), (12, 5)])
def test_the_interval_is_welchs_as_scipy_computes_it(n: int, m: int, level: float) -> None:
    draw = np.random.default_rng(n + m)
    values, others = draw.normal(0.1, 0.02, n).tolist(), draw.normal(0.0, 0.1, m).tolist()
    found = difference(values, others, level)
    peer = stats.ttest_ind(values, others, equal_var=False)
    low, high = peer.confidence_interval(level)
    assert bounds(found.effect) == pytest.approx((low, high), rel=1e-9)
    assert found.freedom == pytest.approx(peer.df)


def test_the_other_way_round_only_the_sign_changes() -> None:
    values, others = [0.1, 0.13, 0.08], [0.02, 0.05, -0.01, 0.0]
    there, back = difference(values, others), difference(others, values)
    low, high = bounds(there.effect)
    assert bounds(back.effect) == pytest.approx((-high, -low))
    assert back.freedom == pytest.approx(there.freedom)


@pytest.mark.parametrize("few", [[], [0.1]])
def test_one_block_tells_nothing_of_how_much_blocks_differ(few: list[float]) -> None:
    assert welch(few, [0.1, 0.2]) is None
    assert welch([0.1, 0.2], few) is None


def test_blocks_that_agree_exactly_leave_no_width() -> None:
    found = difference([0.5, 0.5], [0.25, 0.25, 0.25])
    assert found == Difference(Interval(0.25, 0.25, 0.25, 0.0, 5), 3.0)


def test_variances_too_small_to_be_squared_still_have_degrees_of_freedom() -> None:
    found = difference([0.0, 1e-120], [0.0, 1e-120])
    assert found.freedom == pytest.approx(2.0)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Of runs with different numbers of blocks, one of them noisier than the other."""
    draw = np.random.default_rng(6)
    held = 0
    for _ in range(2_000):
        found = difference(draw.normal(0.3, 0.06, 4).tolist(), draw.normal(0.1, 0.02, 8).tolist())
        low, high = bounds(found.effect)
        held += low <= 0.2 <= high
    assert held / 2_000 == pytest.approx(0.95, abs=0.02)

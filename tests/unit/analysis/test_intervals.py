import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.analysis.intervals import Interval, t_interval

NUMBERS = st.floats(-1e3, 1e3).map(lambda x: round(x, 6))


@given(values=st.lists(NUMBERS, min_size=2, max_size=40), level=st.sampled_from([0.5, 0.9, 0.95]))
def test_the_interval_is_students_as_scipy_computes_it(values: list[float], level: float) -> None:
    interval = t_interval(values, level)
    assert interval is not None
    se = stats.sem(values)
    if se == 0:
        assert interval.low == interval.high == interval.mean
        return
    low, high = stats.t.interval(level, len(values) - 1, loc=np.mean(values), scale=se)
    assert (interval.low, interval.high) == pytest.approx((low, high), rel=1e-9, abs=1e-9)
    assert interval.se == pytest.approx(se)
    assert interval.half_width == pytest.approx((high - low) / 2, rel=1e-9, abs=1e-9)


def test_a_textbook_example() -> None:
    """Mean 5, standard deviation 2, n = 4: the quantile of Student's t with 3 degrees is 3.182."""
    spread = math.sqrt(4 * 3 / 4)
    interval = t_interval([5 - spread, 5 - spread, 5 + spread, 5 + spread])
    assert interval is not None
    assert interval.low == pytest.approx(5 - 3.1824, abs=1e-3)
    assert interval.high == pytest.approx(5 + 3.1824, abs=1e-3)


def test_one_block_gives_a_mean_without_an_interval() -> None:
    assert t_interval([3.0]) == Interval(mean=3.0, low=None, high=None, se=None, blocks=1)
    only = t_interval([3.0])
    assert only is not None
    assert only.half_width is None
    assert only.exp() == Interval(math.exp(3), None, None, None, 1)


def test_no_block_gives_nothing() -> None:
    assert t_interval([]) is None


def test_exp_turns_logs_of_ratios_into_ratios() -> None:
    logs = t_interval([math.log(1.1), math.log(1.2)])
    assert logs is not None
    ratios = logs.exp()
    assert logs.low is not None
    assert logs.high is not None
    assert ratios.mean == pytest.approx(math.sqrt(1.1 * 1.2))
    assert (ratios.low, ratios.high) == (math.exp(logs.low), math.exp(logs.high))
    assert ratios.se == logs.se
    assert ratios.blocks == 2


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    draw = np.random.default_rng(5)
    held = 0
    for _ in range(2_000):
        interval = t_interval(draw.normal(0.3, 2.0, 5).tolist())
        assert interval is not None
        assert interval.low is not None
        assert interval.high is not None
        held += interval.low <= 0.3 <= interval.high
    assert held / 2_000 == pytest.approx(0.95, abs=0.015)

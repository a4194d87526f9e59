import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.analysis.stats.intervals import (
    BOOTSTRAP_FROM,
    Interval,
    block_interval,
    ratio_interval,
    t_interval,
    two_way_interval,
)

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


def bounds(interval: Interval | None) -> tuple[float, float]:
    assert interval is not None
    assert interval.low is not None
    assert interval.high is not None
    return interval.low, interval.high


@given(values=st.lists(NUMBERS, max_size=BOOTSTRAP_FROM - 1))
def test_below_ten_blocks_the_interval_is_students(values: list[float]) -> None:
    assert block_interval(values) == t_interval(values)


def test_from_ten_blocks_it_is_taken_from_the_blocks_and_is_the_same_each_time() -> None:
    """Mean and standard error stay what they were."""
    values = np.random.default_rng(2).normal(0.1, 0.02, BOOTSTRAP_FROM).tolist()
    found, plain = block_interval(values), t_interval(values)
    assert found == block_interval(list(values))
    assert found is not None
    assert plain is not None
    assert (found.mean, found.se, found.blocks) == (plain.mean, plain.se, plain.blocks)
    assert bounds(found) != bounds(plain)


def test_for_many_normal_blocks_the_bootstrap_is_close_to_student() -> None:
    values = np.random.default_rng(2).normal(0.1, 0.02, 200).tolist()
    found, plain = block_interval(values), t_interval(values)
    assert plain is not None
    assert plain.half_width is not None
    assert bounds(found) == pytest.approx(bounds(plain), abs=0.1 * plain.half_width)


def test_a_bootstrap_of_mirrored_or_scaled_values_is_mirrored_or_scaled() -> None:
    values = np.random.default_rng(7).exponential(1.0, 30)
    low, high = bounds(block_interval(values.tolist()))
    assert bounds(block_interval((-values).tolist())) == pytest.approx((-high, -low), rel=1e-6)
    scaled = bounds(block_interval((3 + 10 * values).tolist()))
    assert scaled == pytest.approx((3 + 10 * low, 3 + 10 * high))


def test_a_longer_tail_makes_the_interval_longer_on_its_side() -> None:
    values = np.random.default_rng(7).exponential(1.0, 30).tolist()
    low, high = bounds(block_interval(values))
    mean = float(np.mean(values))
    assert high - mean > 1.1 * (mean - low)


@pytest.mark.parametrize(
    ("draw", "truth", "least"),
    [
        (lambda rng: rng.normal(0.3, 2.0, 12), 0.3, 0.92),
        (lambda rng: rng.exponential(1.0, 20), 1.0, 0.90),
    ],
)
def test_the_bootstrap_holds_the_truth_about_as_often_as_it_says(
    draw: Callable[[np.random.Generator], np.ndarray], truth: float, least: float
) -> None:
    """Of normal and of skewed blocks, where Student's holds the mean too rarely."""
    rng = np.random.default_rng(11)
    intervals = [bounds(block_interval(draw(rng).tolist())) for _ in range(400)]
    held = sum(low <= truth <= high for low, high in intervals)
    assert least <= held / 400 <= 0.985


@pytest.mark.parametrize("odd", [0.0, 0.1, 5.0])
def test_blocks_that_are_nearly_all_equal_get_students_interval(odd: float) -> None:
    """A resample of equal ones has no spread to divide by, and is no rarity among them."""
    values = [math.log(5000.0)] * 10 + [math.log(5000.0) + odd]
    assert block_interval(values) == t_interval(values)


@given(mean=st.floats(-1, 1), half=st.floats(0.001, 1))
def test_the_half_width_of_ratios_is_that_of_their_logarithms(mean: float, half: float) -> None:
    logs = Interval(mean=mean, low=mean - half, high=mean + half, se=half / 2, blocks=5)
    assert logs.exp().log_half_width == pytest.approx(half)


def test_an_interval_without_bounds_or_with_a_ratio_of_nothing_has_no_such_half_width() -> None:
    assert Interval(1.0, None, None, None, 1).log_half_width is None
    assert Interval(1.0, 0.0, 2.0, 0.5, 3).log_half_width is None
    assert Interval(1.0, -0.5, 2.0, 0.5, 3).log_half_width is None


def test_a_pair_turned_round_has_the_same_interval_turned_round() -> None:
    """From ten blocks on, too, where it is resampled."""
    draw = np.random.default_rng(3)
    values = draw.normal(0.1, 0.05, 12).tolist()
    one, other = block_interval(values), block_interval([-value for value in values])
    assert one is not None
    assert other is not None
    low, high = bounds(one)
    assert bounds(other) == (-high, -low)
    assert other.mean == -one.mean


def test_blocks_that_contradict_each_other_by_any_factor_are_an_interval_all_the_same() -> None:
    wild = block_interval([-40.0, 40.0, 700.0])
    assert wild is not None
    assert math.isfinite(bounds(wild.exp())[1])


def test_what_depends_on_who_was_asked_widens_the_interval() -> None:
    blocks = [100.0, 101.0, 99.0, 100.5, 99.5]
    alone = block_interval(blocks)
    both = two_way_interval(blocks, [100.0, 102.0, 98.0, 101.0, 99.0, 100.0])
    assert alone is not None
    assert both is not None
    assert alone.half_width is not None
    assert both.half_width is not None
    assert both.mean == alone.mean
    assert both.half_width > 2 * alone.half_width


def test_where_nobody_makes_a_difference_the_interval_is_that_of_the_blocks() -> None:
    blocks = [100.0, 101.0, 99.0]
    assert two_way_interval(blocks, [5.0, 5.0, 5.0]) == block_interval(blocks)
    assert two_way_interval(blocks, [5.0]) == block_interval(blocks)
    assert two_way_interval([100.0], [5.0, 6.0]) == block_interval([100.0])


def test_errors_of_independent_values_add_by_their_squares() -> None:
    a, b = Interval(10, 7, 13, 1.5, 6), Interval(5, 1, 9, 2.0, 4)
    assert a.minus(b) == Interval(5, 0, 10, 2.5, 4)
    one, other = Interval(10, 9, 11, 0.5, 6), Interval(4, 3, 5, 0.5, 6)
    product, quotient = one.times(other), one.over(other)
    assert (product.mean, quotient.mean) == (40, 2.5)
    relative = math.hypot(1 / 10, 1 / 4)
    assert product.half_width == pytest.approx(40 * relative)
    assert quotient.half_width == pytest.approx(2.5 * relative)
    assert quotient.se == pytest.approx(2.5 * relative / 2)
    zero = Interval(0, -1, 1, 0.5, 6)
    assert zero.times(one).half_width == pytest.approx(10), "nothing times ten, ± 1"


def test_one_block_leaves_a_sum_without_an_interval() -> None:
    alone = Interval(10, None, None, None, 1)
    assert alone.minus(Interval(4, 3, 5, 0.5, 6)) == Interval(6, None, None, None, 1)
    assert alone.negated() == Interval(-10, None, None, None, 1)
    assert Interval(4, 3, 6, 0.5, 6).negated() == Interval(-4, -6, -3, 0.5, 6)
    assert alone.inverse() == Interval(0.1, None, None, None, 1)
    assert Interval(4, 2, 8, 0.5, 6).inverse() == Interval(0.25, 0.125, 0.5, 0.5, 6)


def test_so_many_times_as_much_has_an_interval_so_many_times_as_wide() -> None:
    thrice = Interval(10, 8, 12, 1, 6).scaled(3)
    assert (thrice.mean, thrice.low, thrice.high, thrice.se, thrice.blocks) == (30, 24, 36, 3, 6)
    assert Interval(10, None, None, None, 1).scaled(3) == Interval(30, None, None, None, 1)


def test_a_ratio_of_means_covers_the_truth_though_single_differences_are_near_nothing() -> None:
    draw = np.random.default_rng(5)
    covered = 0
    for _ in range(400):
        below = draw.normal(100.0, 40.0, 6)
        above = 0.8 * below + draw.normal(40.0, 20.0, 6)  # so the means are as 120 to 100
        found = ratio_interval(list(above), list(below))
        assert found is not None
        if found.low is None or found.high is None:
            covered += 1  # it says that it knows nothing
        else:
            assert found.low <= found.mean <= found.high
            covered += found.low <= 1.2 <= found.high
    assert 0.92 <= covered / 400 <= 0.98


def test_a_ratio_that_blocks_agree_upon_is_exact() -> None:
    found = ratio_interval([50.0, 60.0, 55.0], [100.0, 120.0, 110.0])
    assert found is not None
    assert (found.mean, found.low, found.high) == pytest.approx((0.5, 0.5, 0.5))


def test_a_ratio_to_nothing_has_no_bounds() -> None:
    found = ratio_interval([100.0, 110.0, 90.0], [30.0, -20.0, 5.0])
    assert found is not None
    assert (found.low, found.high, found.blocks) == (None, None, 3)
    assert ratio_interval([], []) is None
    assert ratio_interval([1.0], [0.0]) is None
    single = ratio_interval([3.0], [2.0])
    assert single is not None
    assert (single.mean, single.low) == (1.5, None)

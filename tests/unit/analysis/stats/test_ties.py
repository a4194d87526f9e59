from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.analysis.stats.intervals import Interval, t_interval
from harness.analysis.stats.ties import exceedance_p, holm, letters, noise_floor, tie_groups


def effect(mean: float, se: float | None = 0.01, blocks: int = 5) -> Interval:
    return Interval(mean=mean, low=None, high=None, se=se, blocks=blocks)


MEANS = st.floats(-2, 2)
FLOORS = st.floats(0, 0.5)
ERRORS = st.floats(1e-4, 1)
BLOCKS = st.integers(2, 30)


def test_holm_by_hand() -> None:
    """Sorted .005 .01 .03 .04; times 4, 3, 2, 1 gives .02 .03 .06 .04; then none may fall."""
    adjusted = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert adjusted == pytest.approx({"d": 0.02, "a": 0.03, "c": 0.06, "b": 0.06})


def test_holm_of_one_or_none_changes_nothing() -> None:
    assert holm({"a": 0.04}) == {"a": 0.04}
    assert holm({}) == {}


@given(p_values=st.dictionaries(st.integers(), st.floats(0, 1), max_size=20))
def test_holm_lowers_nothing_keeps_order_and_is_milder_than_bonferroni(
    p_values: dict[int, float],
) -> None:
    adjusted = holm(p_values)
    assert adjusted.keys() == p_values.keys()
    for key, p in p_values.items():
        assert p <= adjusted[key] <= min(1.0, len(p_values) * p) + 1e-12
    ordered = sorted(p_values, key=lambda key: p_values[key])
    values = [adjusted[key] for key in ordered]
    assert values == sorted(values)


@given(mean=MEANS, floor=FLOORS, se=ERRORS, blocks=BLOCKS)
def test_a_mean_within_the_floor_is_never_surprising(
    mean: float, floor: float, se: float, blocks: int
) -> None:
    p = exceedance_p(effect(mean, se, blocks), floor)
    assert 0 <= p <= 1
    if abs(mean) <= floor:
        assert p >= 0.5


@given(mean=MEANS, further=st.floats(0, 1), floor=FLOORS, se=ERRORS, blocks=BLOCKS)
def test_a_larger_effect_is_more_surprising_and_a_higher_floor_less(
    mean: float, further: float, floor: float, se: float, blocks: int
) -> None:
    p = exceedance_p(effect(mean, se, blocks), floor)
    sign = -1 if mean < 0 else 1
    assert exceedance_p(effect(mean + sign * further, se, blocks), floor) <= p + 1e-12
    assert exceedance_p(effect(mean, se, blocks), floor + further) >= p - 1e-12
    assert exceedance_p(effect(-mean, se, blocks), floor) == pytest.approx(p)


@given(mean=MEANS, se=ERRORS, blocks=BLOCKS)
def test_without_a_floor_it_is_students_two_sided_test(mean: float, se: float, blocks: int) -> None:
    wanted = 2 * stats.t.sf(abs(mean) / se, blocks - 1)
    assert exceedance_p(effect(mean, se, blocks), 0.0) == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("freedom", [1.0, 4.0755, 7.9])
def test_an_error_from_elsewhere_has_degrees_of_freedom_of_its_own(freedom: float) -> None:
    seen = effect(0.03, 0.01, blocks=9)
    wanted = 2 * stats.t.sf(3.0, freedom)
    assert exceedance_p(seen, 0.0, freedom) == pytest.approx(wanted, rel=1e-6)
    assert exceedance_p(seen, 0.0, 8) == exceedance_p(seen, 0.0)


def test_one_block_can_show_nothing() -> None:
    assert exceedance_p(effect(9.0, se=None, blocks=1), 0.01) == 1.0


def test_blocks_that_agree_exactly_leave_no_doubt() -> None:
    assert exceedance_p(effect(0.2, se=0.0), 0.1) == 0.0
    assert exceedance_p(effect(0.1, se=0.0), 0.1) == 1.0


def false_calls(true_effect: float, floor: float, alpha: float = 0.05) -> float:
    draw = np.random.default_rng(17)
    calls = 0
    for _ in range(4_000):
        seen = t_interval(draw.normal(true_effect, 0.02, 5).tolist())
        assert seen is not None
        calls += exceedance_p(seen, floor) <= alpha
    return calls / 4_000


def test_at_the_edge_of_the_floor_false_calls_are_as_rare_as_they_may_be() -> None:
    assert false_calls(0.03, 0.03) == pytest.approx(0.05, abs=0.012)


def test_within_the_floor_false_calls_are_rarer_still() -> None:
    assert false_calls(0.0, 0.03) < 0.01
    assert false_calls(0.0, 0.0) == pytest.approx(0.05, abs=0.012)


def test_beyond_the_floor_an_effect_is_found() -> None:
    assert false_calls(0.12, 0.03) > 0.9


def test_the_noise_floor_is_the_far_end_of_the_interval() -> None:
    assert noise_floor(Interval(0.0, -0.02, 0.03, 0.01, 5)) == 0.03
    assert noise_floor(Interval(-0.04, -0.06, -0.02, 0.01, 5)) == 0.06
    assert noise_floor(Interval(0.0, None, None, None, 1)) is None
    assert noise_floor(None) is None


def pairs(*named: str) -> dict[frozenset[str], bool]:
    return {frozenset(pair): True for pair in named}


def test_a_group_holds_those_among_whom_no_two_differ() -> None:
    assert tie_groups("abcd", pairs("ac", "ad", "bc", "bd")) == (("a", "b"), ("c", "d"))
    assert tie_groups("abc", {}) == (("a", "b", "c"),)
    assert tie_groups("abc", pairs("ab", "ac", "bc")) == (("a",), ("b",), ("c",))
    assert tie_groups("a", {}) == (("a",),)
    assert tie_groups("", {}) == ()


def test_tied_is_not_transitive_so_groups_overlap() -> None:
    """a~b and b~c, but a and c differ."""
    assert tie_groups("abc", pairs("ac")) == (("a", "b"), ("b", "c"))


@given(
    ranked=st.lists(st.sampled_from("abcdef"), unique=True),
    apart=st.sets(st.frozensets(st.sampled_from("abcdef"), min_size=2, max_size=2)),
)
def test_two_differ_exactly_where_they_have_no_letter_in_common(
    ranked: list[str], apart: set[frozenset[str]]
) -> None:
    groups = tie_groups(ranked, dict.fromkeys(apart, True))
    for one, other in combinations(ranked, 2):
        common = set(letters(groups, one)) & set(letters(groups, other))
        assert bool(common) is (frozenset((one, other)) not in apart)
    for one_group, other_group in permutations(groups, 2):
        assert not set(one_group) <= set(other_group)
    for group in groups:
        assert list(group) == sorted(group, key=ranked.index)


def test_letters_go_on_after_z() -> None:
    names = [f"v{number}" for number in range(28)]
    groups = [(name,) for name in names]
    assert letters(groups, "v0") == "a"
    assert letters(groups, "v25") == "z"
    assert letters(groups, "v27") == "(28)"

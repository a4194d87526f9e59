from itertools import combinations, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.stats.ties import holm, letters, tie_groups


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

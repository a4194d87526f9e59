import numpy as np
import pytest

from harness.analysis.stats.components import components


def test_the_variance_of_effects_is_split_into_that_of_slices_and_the_rest() -> None:
    """Effects 0, 2, 4: variance 4, of which slices explain 1 on average."""
    found = components([0.0, 2.0, 4.0], [0.5, 1.0, 1.5])
    assert found is not None
    assert found.within == pytest.approx(1.0)
    assert found.between == pytest.approx(3.0)


def test_planted_components_are_found() -> None:
    draw = np.random.default_rng(6)
    effects = draw.normal(0, 0.02, 4_000) + draw.normal(0, 0.01, 4_000)
    found = components(effects.tolist(), [0.01**2] * 4_000)
    assert found is not None
    assert found.between == pytest.approx(0.02**2, rel=0.1)


def test_what_slices_explain_alone_leaves_nothing_between_blocks() -> None:
    found = components([1.0, 1.1, 0.9], [5.0, 5.0, 5.0])
    assert found is not None
    assert found.between == 0.0


def test_fewer_than_two_blocks_cannot_be_split() -> None:
    assert components([], []) is None
    assert components([0.1], [0.01]) is None


def test_sets_of_machines_are_a_level_of_their_own_by_hand() -> None:
    """Sets 0, 2 and 4, 6: mean squares 16 and 2, two blocks each; 7 between sets, 2 - 1 between."""
    found = components([0.0, 2.0, 4.0, 6.0], [1.0] * 4, ["a", "a", "b", "b"])
    assert found is not None
    assert found.within == pytest.approx(1.0)
    assert found.between == pytest.approx(1.0)
    assert found.sets == pytest.approx(7.0)


def test_a_planted_variance_between_sets_is_found_with_unequal_numbers_of_blocks() -> None:
    draw = np.random.default_rng(8)
    found = []
    for _ in range(400):
        sets = list("aaaabbbccdddd")
        shift = {name: draw.normal(0, 0.03) for name in "abcd"}
        effects = [shift[name] + draw.normal(0, 0.02) for name in sets]
        parts = components(effects, [0.0] * len(sets), sets)
        assert parts is not None
        assert parts.sets is not None
        found.append((parts.sets, parts.between))
    of_sets, of_blocks = np.mean(found, axis=0)
    assert of_sets == pytest.approx(0.03**2, rel=0.15)
    assert of_blocks == pytest.approx(0.02**2, rel=0.1)


def test_sets_of_one_block_each_cannot_be_told_from_blocks() -> None:
    effects = [0.0, 1.0, 2.0]
    alone, by_set = (components(effects, [0.1] * 3, sets) for sets in ("", "abc"))
    assert by_set == alone
    assert by_set is not None
    assert by_set.sets is None

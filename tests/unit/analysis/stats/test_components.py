import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.stats.components import Components, components


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


def test_the_best_number_of_rounds_by_hand() -> None:
    """One round has variance 40; sqrt(30 / 2 * 40 / 6) = 10."""
    assert Components(within=2.0, between=6.0).best_rounds(20, block_s=30, round_s=2) == 10


def variance_for(found: Components, rounds: int, had: int, block_s: float, round_s: float) -> float:
    """Of a mean, for one unit of time spent on blocks with so many rounds."""
    return (found.between + found.within * had / rounds) * (block_s + rounds * round_s)


@given(
    within=st.floats(0.1, 10), between=st.floats(0.1, 10),
    block_s=st.floats(1, 100), round_s=st.floats(0.1, 10),
)  # fmt: skip
def test_no_other_number_of_rounds_is_better_by_much(
    within: float, between: float, block_s: float, round_s: float
) -> None:
    found = Components(within=within, between=between)
    best = found.best_rounds(20, block_s, round_s)
    least = min(variance_for(found, n, 20, block_s, round_s) for n in range(1, 201))
    assert variance_for(found, best, 20, block_s, round_s) <= least * 1.07


def test_dearer_blocks_and_noisier_slices_ask_for_more_rounds() -> None:
    base = Components(1.0, 1.0).best_rounds(10, 20, 2)
    assert Components(1.0, 1.0).best_rounds(10, 80, 2) > base
    assert Components(4.0, 1.0).best_rounds(10, 20, 2) > base
    assert Components(1.0, 4.0).best_rounds(10, 20, 2) < base


@pytest.mark.parametrize("between", [0.0, 1e-12])
def test_where_blocks_do_not_differ_the_number_is_limited_all_the_same(between: float) -> None:
    assert Components(1.0, between).best_rounds(12, 30, 2) == 120


def test_at_least_one_round_is_needed() -> None:
    assert Components(within=0.0, between=1.0).best_rounds(12, 30, 2) == 1
    assert math.isfinite(Components(0.0, 0.0).best_rounds(12, 30, 2))

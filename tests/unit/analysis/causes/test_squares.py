import pytest

from harness.analysis.causes.levels import levels
from harness.analysis.causes.squares import Interaction, interaction
from harness.inputs.study import Square
from tests.toys.labelling import measured_condition
from tests.toys.ladder import (
    FUSED,
    LEAN_FUSED,
    LEAN_ORM,
    NATIVE,
    NATIVE_STOCK,
    PER_QUERY,
    REUSED,
    SQUARE,
    ladder_run,
    ladder_trials,
    true_cost,
)

RUN = ladder_run()
CONDITION = RUN.study.conditions[1]
TRIALS = [t for t in ladder_trials(RUN, noise=0.001) if t.condition == CONDITION]


def cost(name: str) -> float:
    return true_cost(name, "io_read")


@pytest.fixture(scope="module")
def found() -> Interaction:
    measured = measured_condition(RUN, CONDITION, TRIALS)
    made = interaction(RUN, SQUARE, measured, levels(measured))
    assert made is not None
    return made


def test_corners_carry_the_values_of_both_factors(found: Interaction) -> None:
    assert [(c.variant, c.row, c.column) for c in found.corners] == [
        (PER_QUERY, "zero-hop", "per-query"),
        (NATIVE, "zero-hop", "none"),
        (REUSED, "stock", "per-query"),
        (NATIVE_STOCK, "stock", "none"),
    ]


def test_effects_of_one_factor_are_told_by_the_values_of_the_other(found: Interaction) -> None:
    assert found.across["stock"].mean == pytest.approx(cost(REUSED) - cost(NATIVE_STOCK), abs=10)
    assert found.across["zero-hop"].mean == pytest.approx(cost(PER_QUERY) - cost(NATIVE), abs=10)
    assert found.ratios["stock"].mean == pytest.approx(cost(REUSED) / cost(NATIVE_STOCK), rel=0.01)


def test_the_interaction_is_the_difference_of_differences_and_the_ratio_of_ratios(
    found: Interaction,
) -> None:
    differences = cost(REUSED) - cost(NATIVE_STOCK) - cost(PER_QUERY) + cost(NATIVE)
    assert found.difference.mean == pytest.approx(differences, abs=10)
    ratios = (cost(REUSED) / cost(NATIVE_STOCK)) / (cost(PER_QUERY) / cost(NATIVE))
    assert found.ratio.mean == pytest.approx(ratios, rel=0.01)


def test_its_test_is_that_the_effects_add(found: Interaction) -> None:
    test = found.hypothesis(CONDITION)
    assert test.p == found.p
    assert test.p is not None
    assert test.p < 0.001, "hops and threads of the life cycle come only with it"
    assert found.called is None
    assert found.tested(CONDITION, {(CONDITION, test.name): True}).called


def test_effects_that_add_are_no_interaction() -> None:
    """A hop costs the same microseconds in both frameworks, so their ratios differ."""
    corners = ((FUSED, NATIVE), (LEAN_FUSED, LEAN_ORM))
    square = Square("framework and bridge", "framework", "bridge", corners)
    trials = [t for t in ladder_trials(RUN, noise=0.02) if t.condition == CONDITION]
    measured = measured_condition(RUN, CONDITION, trials)
    found = interaction(RUN, square, measured, levels(measured))
    assert found is not None
    assert found.difference.low is not None
    assert found.difference.high is not None
    assert found.difference.low < 0 < found.difference.high
    assert found.p is not None
    assert found.p > 0.05


def test_one_block_gives_an_interaction_without_a_test() -> None:
    measured = measured_condition(RUN, CONDITION, [t for t in TRIALS if t.block == 2])
    found = interaction(RUN, SQUARE, measured, levels(measured))
    assert found is not None
    assert (found.p, found.difference.low, found.ratio.low) == (None, None, None)
    assert found.hypothesis(CONDITION).p is None


def test_a_missing_corner_leaves_no_square() -> None:
    measured = measured_condition(RUN, CONDITION, [t for t in TRIALS if t.entry != NATIVE])
    assert interaction(RUN, SQUARE, measured, levels(measured)) is None

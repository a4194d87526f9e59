"""Which variants two runs have in common, where one of them changed after all."""

from collections.abc import Mapping

import msgspec
import pytest

from harness.analysis.measures import Measure
from harness.analysis.reference import BothRuns, Reference, find_reference, no_candidates
from harness.records.plan import DUPLICATE
from harness.records.trial import Trial
from tests.toys.labelling import measured_conditions
from tests.toys.runs import BASELINE, CONDITION, make_run, make_study, simulate

NAMES = (BASELINE, "b/two", "c/three", "d/four", "e/five")
COSTS = dict(zip(NAMES, (500.0, 600.0, 300.0, 900.0, 200.0), strict=True))
TWIN = BASELINE + DUPLICATE
MARGIN = 0.03


def trials(
    names: tuple[str, ...], seed: int, changes: Mapping[str, float], blocks: int = 6
) -> list[Trial]:
    """On a quiet machine, with blocks that differ by a hundredth."""
    costs = {name: COSTS[name] * changes.get(name, 1.0) for name in names}
    run = make_run(make_study(names, blocks))
    return simulate(run, costs, seed, drift=0.002, noise=0.005, start=0.01)


def both_runs(
    names: tuple[str, ...], before: list[Trial], after: list[Trial], measure: Measure = Measure.CPU
) -> BothRuns:
    run = make_run(make_study(names, 6))
    (a,), (b,) = (measured_conditions(run, side) for side in (before, after))
    return BothRuns(measure, a, b)


def found(count: int, changes: Mapping[str, float], speed: float = 1.2) -> Reference:
    """Of so many variants, the second run on a slower machine, and with these changes."""
    names = NAMES[:count]
    slower = {name: speed * changes.get(name, 1.0) for name in names}
    both = both_runs(names, trials(names, 1, {}), trials(names, 2, slower))
    return find_reference(both, CONDITION, names, 1, MARGIN)


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_variants_that_agree_are_the_reference_together(count: int) -> None:
    assert found(count, {}) == Reference(CONDITION, NAMES[:count], {}, None)


@pytest.mark.parametrize("count", [3, 4, 5])
def test_one_that_changed_is_left_out_and_told_with_its_change(count: int) -> None:
    reference = found(count, {"b/two": 1.15})
    assert reference.variants == tuple(name for name in NAMES[:count] if name != "b/two")
    assert reference.missing is None
    assert list(reference.changed) == ["b/two"]
    assert reference.changed["b/two"].mean == pytest.approx(1.15, abs=0.03)


def test_a_baseline_that_changed_is_left_out_with_its_duplicate() -> None:
    reference = found(4, {BASELINE: 0.85})
    assert list(reference.changed) == [BASELINE]
    assert reference.changed[BASELINE].mean == pytest.approx(0.85, abs=0.03)


def test_several_that_changed_are_left_out_while_most_agree() -> None:
    reference = found(5, {"b/two": 1.3, "e/five": 0.8})
    assert reference.variants == (BASELINE, "c/three", "d/four")
    assert set(reference.changed) == {"b/two", "e/five"}


@pytest.mark.parametrize(
    ("count", "changes"), [(2, {"b/two": 1.2}), (4, {"b/two": 1.2, "c/three": 1.2})]
)
def test_without_a_majority_that_agrees_there_is_none_and_two_are_named(
    count: int, changes: Mapping[str, float]
) -> None:
    """Where half changed, no test tells which half."""
    reference = found(count, changes)
    assert (reference.variants, reference.changed) == ((), {})
    assert reference.missing is not None
    assert "b/two" in reference.missing or "c/three" in reference.missing
    assert "% relative to each other" in reference.missing


def test_a_change_that_is_certain_and_small_leaves_nothing_out() -> None:
    still = {"drift": 0.0, "noise": 0.0, "start": 0.001}
    run = make_run(make_study(NAMES, 6))
    before = simulate(run, COSTS, 1, **still)
    after = simulate(run, COSTS | {"b/two": 606.0}, 2, **still)
    both = both_runs(NAMES, before, after)
    change = both.change("b/two", NAMES[2:])
    assert change is not None
    assert change.p < 1e-4
    assert find_reference(both, CONDITION, NAMES, 1, MARGIN).variants == NAMES
    assert find_reference(both, CONDITION, NAMES, 1, 0.001).variants != NAMES


def test_one_that_lacks_blocks_is_not_in_the_reference_of_those_that_have_all() -> None:
    before, after = trials(NAMES, 1, {}), trials(NAMES, 2, {})
    broken = [
        msgspec.structs.replace(t, problem="it died") if t.entry == "b/two" and t.block > 3 else t
        for t in after
    ]
    both = both_runs(NAMES, before, broken)
    assert "b/two" not in find_reference(both, CONDITION, NAMES, 1, MARGIN).variants
    assert find_reference(both, CONDITION, ["b/two"], 1, MARGIN).variants == ("b/two",)


def test_a_duplicate_is_half_of_what_is_known_of_its_baseline() -> None:
    """A duplicate that is slower by a fifth makes the mean slower by a tenth."""
    names = NAMES[:2]
    before, after = trials(names, 1, {}), trials(names, 1, {})
    slower = trials(names, 1, {BASELINE: 1.2})
    mixed = [s if t.entry == TWIN else t for t, s in zip(after, slower, strict=True)]
    change = both_runs(names, before, mixed).change("b/two", [BASELINE])
    assert change is not None
    assert change.mean == pytest.approx(-0.5 * 0.1823, abs=0.004)


def test_the_mean_of_several_is_geometric() -> None:
    before = trials(NAMES, 1, {})
    after = trials(NAMES, 1, {"c/three": 1.2, "d/four": 1.1})
    change = both_runs(NAMES, before, after).change("b/two", ["c/three", "d/four"])
    assert change is not None
    assert change.mean == pytest.approx(-(0.1823 + 0.0953) / 2, abs=0.004)


def test_why_there_is_no_candidate_is_told_once_for_all_and_by_variant_where_it_differs() -> None:
    every = no_candidates({"a/x": "its packages changed", "b/y": "its packages changed"})
    assert every == "of every variant, its packages changed"
    some = no_candidates({"a/x": "its packages changed", "b/y": "its code changed"})
    assert some == "its packages changed (a/x); its code changed (b/y)"

"""The pairs that a run is about, from trials whose costs are known."""

from collections.abc import Mapping

import msgspec
import pytest

from harness.analysis.analyse import analyse
from harness.analysis.condition import conditions_of
from harness.analysis.interest import Interest
from harness.analysis.labels.trials import label_trials
from harness.analysis.measures import Measure
from harness.analysis.stats.verdicts import Verdict
from harness.analysis.variants import compare_variants
from harness.inputs.study import Condition, Contrast, Objective, Pair, Stopping, Study
from harness.records.run import Run
from harness.records.trial import Trial
from tests.toys.runs import BASELINE, CONDITION, make_run, make_study, simulate

VARIANTS = (BASELINE, "b/dear", "c/equal")
COST = {BASELINE: 500.0, "b/dear": 600.0, "c/equal": 500.0}
CLEAR = Contrast("clear", "Dear or not", of="b/dear", to="c/equal")
VAIN = Contrast("vain", "Nothing", of="c/equal", to=BASELINE)
BLOCKS = 8


def study(**changes: object) -> Study:
    plain = make_study(VARIANTS, blocks=BLOCKS)
    return msgspec.structs.replace(plain, **({"stopping": Stopping(verdicts=True)} | changes))


def trials(run: Run, blocks: int, noise: float = 0.002, seed: int = 1) -> list[Trial]:
    made = simulate(run, COST, seed, drift=0.0, noise=noise, start=noise)
    return [trial for trial in made if trial.block <= blocks]


def interest(made: Study, blocks: int, noise: float = 0.002) -> Interest:
    run = make_run(made)
    found = analyse(run, trials(run, blocks, noise)).interest
    assert found is not None
    return found


def told(found: Interest) -> Mapping[tuple[str, str], Verdict]:
    return {(pair.of, pair.to): pair.verdict for pair in found.pairs}


def test_without_declared_pairs_every_ratio_to_the_baseline_is_of_interest() -> None:
    found = interest(study(), 4)
    assert told(found) == {
        ("b/dear", BASELINE): Verdict.DIFFERS,
        ("c/equal", BASELINE): Verdict.SAME,
    }
    assert {pair.measure for pair in found.pairs} == {Measure.CPU}
    assert found.decided
    assert (found.blocks, found.planned) == (4, BLOCKS)


def test_declared_pairs_take_the_place_of_ratios() -> None:
    found = interest(study(contrasts=(CLEAR,)), 4)
    assert told(found) == {("b/dear", "c/equal"): Verdict.DIFFERS}
    both = interest(study(contrasts=(CLEAR, VAIN)), 4)
    assert told(both)["c/equal", BASELINE] is Verdict.SAME
    assert both.decided


def test_a_difference_of_differences_is_no_pair() -> None:
    square = msgspec.structs.replace(CLEAR, against=Pair(of="c/equal", to=BASELINE))
    assert set(told(interest(study(contrasts=(square,)), 4))) == {
        ("b/dear", BASELINE),
        ("c/equal", BASELINE),
    }


@pytest.mark.parametrize("contrasts", [(), (CLEAR, VAIN)])
def test_a_noisy_pair_is_undecided_and_counted(contrasts: tuple[Contrast, ...]) -> None:
    found = interest(study(contrasts=contrasts), 4, noise=0.05)
    assert not found.decided
    assert found.undecided >= 1


def test_a_study_that_does_not_wait_for_verdicts_has_no_pairs_of_interest() -> None:
    for stopping in (Stopping(), Stopping(half_width=0.03, looks=(4,))):
        run = make_run(study(stopping=stopping))
        assert analyse(run, trials(run, 4)).interest is None


def test_without_trials_or_with_one_block_nothing_is_decided() -> None:
    run = make_run(study())
    assert analyse(run, []).interest is None
    assert not interest(study(), 1).decided


def test_a_search_is_decided_by_the_rate_that_it_finds() -> None:
    search = Condition("io_read", connections=8, window_s=1.0, objective=Objective())
    run = make_run(study(conditions=(search,)))
    rates = {BASELINE: 1_000.0, "b/dear": 800.0, "c/equal": 1_001.0}
    found = analyse(
        run,
        [
            msgspec.structs.replace(
                t, condition=search, sustained_per_s=rates[t.variant] * (1 + t.block / 5_000)
            )
            for t in trials(make_run(study()), 4)
        ],
    ).interest
    assert found is not None
    assert {pair.measure for pair in found.pairs} == {Measure.SUSTAINED}
    assert found.decided


def test_the_blocks_are_those_that_every_condition_has() -> None:
    other = Condition("noop", 8, 100)
    run = make_run(study(conditions=(CONDITION, other)))
    made = trials(make_run(study()), 5)
    again = [msgspec.structs.replace(t, condition=other) for t in made if t.block <= 4]
    found = analyse(run, [*made, *again]).interest
    assert found is not None
    assert found.blocks == 4


def calls(stopping: Stopping, blocks: int) -> list[bool]:
    """In noisy runs, whether the dear one is told from the baseline: by ratios, and by letters."""
    run = make_run(study(stopping=stopping))
    found: list[bool] = []
    for seed in range(10):
        made = simulate(run, COST, seed, drift=0.0, noise=0.05, start=0.09)
        kept = [trial for trial in made if trial.block <= blocks]
        (measured,) = conditions_of(run, label_trials(run, kept))
        comparison = compare_variants(Measure.CPU, measured)
        found.append(comparison.decisions["b/dear"].verdict is Verdict.DIFFERS)
        found.append(measured.pairs(Measure.CPU).told_apart()[frozenset((BASELINE, "b/dear"))])
    return found


def test_a_report_judges_by_the_level_of_its_last_look() -> None:
    """Every call at half of the blocks is one without looks too, and some are missing."""
    early, plain = calls(Stopping(verdicts=True), 4), calls(Stopping(), 4)
    assert all(once for once, look in zip(plain, early, strict=True) if look)
    assert sum(early) < sum(plain)
    assert sum(calls(Stopping(verdicts=True), BLOCKS)) > sum(early)

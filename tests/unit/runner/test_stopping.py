from pathlib import Path

import msgspec
import pytest

from harness.inputs.study import Condition, Objective, Stopping
from harness.records.run import Run
from harness.records.store import Store
from harness.records.trial import Trial
from harness.runner.stopping import Stopper
from tests.toys.runs import BASELINE, make_run, make_study, simulate

COST = {BASELINE: 500.0, "b/other": 550.0}


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def run_with(stopping: Stopping) -> Run:
    study = msgspec.structs.replace(make_study(blocks=6), stopping=stopping)
    return make_run(study)


def stored(folder: Path, run: Run, trials: list[Trial]) -> Store:
    store = Store.create(folder, run.id)
    for trial in trials:
        store.write_trial(trial)
    return store


def quiet(run: Run, blocks: int) -> list[Trial]:
    """Blocks that differ by about a thousandth."""
    made = simulate(run, COST, 1, drift=0.0, noise=0.001, start=0.0)
    return [trial for trial in made if trial.block <= blocks]


LOOKING = run_with(Stopping(half_width=0.02, looks=(3, 5)))


def test_a_precise_run_ends_at_its_look_and_says_how_precise_it_is(tmp_path: Path) -> None:
    store = stored(tmp_path, LOOKING, quiet(LOOKING, 3))
    reason = Stopper(LOOKING, store).reason(3)
    assert reason is not None
    for fact in (" ±0.", " 3 blocks", " ±2.0% "):
        assert fact in reason


def test_a_run_that_is_not_precise_yet_goes_on(tmp_path: Path) -> None:
    noisy = simulate(LOOKING, COST, 1, drift=0.0, noise=0.05, start=0.1)
    store = stored(tmp_path, LOOKING, [trial for trial in noisy if trial.block <= 3])
    assert Stopper(LOOKING, store).reason(3) is None


@pytest.mark.parametrize("blocks", [0, 1, 2, 4])
def test_nobody_looks_between_the_looks(tmp_path: Path, blocks: int) -> None:
    """However precise it is: each look costs a little coverage."""
    store = stored(tmp_path, LOOKING, quiet(LOOKING, 4))
    assert Stopper(LOOKING, store).reason(blocks) is None


def test_every_ratio_must_be_precise_the_duplicates_too(tmp_path: Path) -> None:
    trials = quiet(LOOKING, 3)
    wild = simulate(LOOKING, COST, 2, drift=0.0, noise=0.0, start=0.2)
    twin = LOOKING.plan.entries[-1].name
    mixed = [t for t in trials if t.entry != twin]
    mixed += [t for t in wild if t.entry == twin and t.block <= 3]
    assert Stopper(LOOKING, stored(tmp_path, LOOKING, mixed)).reason(3) is None


def test_a_look_on_resuming_is_at_the_blocks_before_it_and_not_at_later_ones(
    tmp_path: Path,
) -> None:
    """A look was decided when it was due; with later blocks it would be another look."""
    noisy = simulate(LOOKING, COST, 1, drift=0.0, noise=0.05, start=0.1)
    later = [trial for trial in quiet(LOOKING, 5) if trial.block > 3]
    early = [trial for trial in noisy if trial.block <= 3]
    alone = stored(tmp_path / "alone", LOOKING, quiet(LOOKING, 3))
    followed = stored(
        tmp_path / "followed", LOOKING,
        [*quiet(LOOKING, 3), *(t for t in noisy if t.block > 3)],
    )  # fmt: skip
    assert Stopper(LOOKING, followed).reason(3) == Stopper(LOOKING, alone).reason(3)
    unprecise = stored(tmp_path / "early", LOOKING, [*early, *later])
    assert Stopper(LOOKING, unprecise).reason(3) is None


def test_without_trials_nothing_is_precise(tmp_path: Path) -> None:
    assert Stopper(LOOKING, stored(tmp_path, LOOKING, [])).reason(3) is None


def test_a_search_has_no_cost_per_request_that_must_be_precise(tmp_path: Path) -> None:
    search = Condition("io_read", connections=8, window_s=1.0, objective=Objective())
    study = msgspec.structs.replace(LOOKING.study, conditions=(*LOOKING.study.conditions, search))
    run = msgspec.structs.replace(LOOKING, study=study)
    wild = simulate(LOOKING, COST, 2, drift=0.0, noise=0.3, start=0.3)
    searched = [
        msgspec.structs.replace(t, condition=search, sustained_per_s=100.0)
        for t in wild if t.block <= 3
    ]  # fmt: skip
    store = stored(tmp_path, run, [*quiet(LOOKING, 3), *searched])
    assert Stopper(run, store).reason(3) is not None


VERDICTS = run_with(Stopping(verdicts=True))
"""Of six blocks, so it looks after four and after five."""


def test_a_run_ends_once_its_pairs_are_decided_and_says_after_how_many_blocks(
    tmp_path: Path,
) -> None:
    store = stored(tmp_path, VERDICTS, quiet(VERDICTS, 4))
    assert Stopper(VERDICTS, store).reason(4) == "every pair was decided after 4 of 6 blocks"


def test_a_run_with_an_undecided_pair_goes_on(tmp_path: Path) -> None:
    noisy = simulate(VERDICTS, COST, 1, drift=0.0, noise=0.05, start=0.2)
    store = stored(tmp_path, VERDICTS, noisy)
    assert [Stopper(VERDICTS, store).reason(n) for n in range(7)] == [None] * 7


@pytest.mark.parametrize("blocks", [0, 1, 2, 3])
def test_no_verdict_ends_a_run_before_the_first_look(tmp_path: Path, blocks: int) -> None:
    store = stored(tmp_path, VERDICTS, quiet(VERDICTS, 6))
    assert Stopper(VERDICTS, store).reason(blocks) is None


def test_verdicts_at_a_look_are_of_the_blocks_before_it(tmp_path: Path) -> None:
    """A resumed run decides as it did, whatever later blocks are there."""
    noisy = simulate(VERDICTS, COST, 1, drift=0.0, noise=0.05, start=0.2)
    good = [*quiet(VERDICTS, 4), *(trial for trial in noisy if trial.block > 4)]
    bad = [trial for trial in noisy if trial.block <= 4]
    bad += [trial for trial in quiet(VERDICTS, 6) if trial.block > 4]
    assert Stopper(VERDICTS, stored(tmp_path / "good", VERDICTS, good)).reason(4) is not None
    assert Stopper(VERDICTS, stored(tmp_path / "bad", VERDICTS, bad)).reason(4) is None


@pytest.mark.parametrize(("half_width", "ends"), [(0.02, True), (1e-9, False)])
def test_with_a_precision_too_both_must_hold(tmp_path: Path, half_width: float, ends: bool) -> None:
    run = run_with(Stopping(verdicts=True, half_width=half_width, looks=(4,)))
    reason = Stopper(run, stored(tmp_path, run, quiet(run, 4))).reason(4)
    assert (reason is not None) == ends
    if reason is not None:
        assert "every pair was decided after 4 of 6 blocks and every ratio is known to ±" in reason


def test_precise_ratios_do_not_end_a_run_whose_pairs_are_undecided(tmp_path: Path) -> None:
    """Their ratio is about at the margin, so it is neither different beyond doubt nor the same."""
    run = run_with(Stopping(verdicts=True, half_width=0.3, looks=(4,)))
    made = simulate(run, {**COST, "b/other": 512.0}, 1, drift=0.0, noise=0.02, start=0.02)
    store = stored(tmp_path, run, made)
    assert Stopper(run, store).reason(4) is None
    precise = run_with(Stopping(half_width=0.3, looks=(4,)))
    assert Stopper(precise, store).reason(4) is not None


def test_a_variant_without_figures_holds_no_run_up_and_is_told(tmp_path: Path) -> None:
    study = make_study((BASELINE, "b/other", "c/failed"), blocks=6)
    run = make_run(msgspec.structs.replace(study, stopping=Stopping(verdicts=True)))
    made = simulate(run, {**COST, "c/failed": 500.0}, 1, drift=0.0, noise=0.001, start=0.0)
    left = [trial for trial in made if trial.variant != "c/failed"]
    reason = Stopper(run, stored(tmp_path, run, left)).reason(4)
    assert reason == "every pair of variants with figures was decided after 4 of 6 blocks"


BUDGET = run_with(Stopping(budget_s=600.0))


def timed(tmp_path: Path, *block_s: float) -> str | None:
    """What is said after blocks that took so long."""
    clock = Clock()
    stopper = Stopper(BUDGET, stored(tmp_path, BUDGET, []), clock)
    for seconds in block_s:
        clock.now += seconds
        stopper.block_done()
    return stopper.reason(len(block_s))


def test_a_block_that_would_end_after_the_budget_is_not_begun(tmp_path: Path) -> None:
    for reason in (timed(tmp_path, 200, 200, 201), timed(tmp_path / "long", 301)):
        assert reason is not None
        assert "budget of 10 min" in reason


def test_a_block_that_ends_just_in_time_is_begun(tmp_path: Path) -> None:
    assert timed(tmp_path, 200, 200) is None
    assert timed(tmp_path / "one", 300) is None


def test_the_next_block_is_expected_to_take_as_long_as_those_before_on_average(
    tmp_path: Path,
) -> None:
    assert timed(tmp_path, 100, 340) is not None
    assert timed(tmp_path / "short", 100, 290) is None


def test_the_first_block_is_always_begun(tmp_path: Path) -> None:
    """Blocks that an earlier session measured tell nothing about this one's pace."""
    clock = Clock()
    stopper = Stopper(BUDGET, stored(tmp_path, BUDGET, []), clock)
    clock.now += 10_000
    assert stopper.reason(4) is None


def test_without_a_budget_time_does_not_matter(tmp_path: Path) -> None:
    clock = Clock()
    run = run_with(Stopping())
    stopper = Stopper(run, stored(tmp_path, run, quiet(run, 3)), clock)
    clock.now += 1e9
    stopper.block_done()
    assert stopper.reason(3) is None


def test_four_sets_of_machines_have_four_blocks_in_the_time_of_one(tmp_path: Path) -> None:
    clock = Clock()
    stopper = Stopper(BUDGET, stored(tmp_path, BUDGET, []), clock, sets=4)
    clock.now += 250
    for done in range(1, 5):
        stopper.block_done()
        assert stopper.reason(done) is None
    clock.now += 250
    stopper.block_done()
    assert stopper.reason(5) is not None


@pytest.mark.parametrize(("sets", "looks"), [(1, [3, 5]), (2, [3, 5]), (3, [3]), (4, [5]), (6, [])])
def test_all_sets_wait_for_a_look_so_looks_have_a_block_for_each_set_between_them(
    tmp_path: Path, sets: int, looks: list[int]
) -> None:
    stopper = Stopper(LOOKING, stored(tmp_path, LOOKING, []), sets=sets)
    assert [blocks for blocks in range(7) if stopper.looks(blocks)] == looks

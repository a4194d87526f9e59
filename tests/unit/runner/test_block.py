"""Blocks on fake servers and a fake clock: starts, repetitions, and trials on disk."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness.base.errors import DatabaseFailed
from harness.inputs.contract import Contract
from harness.inputs.settings import LoadSettings
from harness.inputs.study import Condition, Stopping
from harness.lab.clocks import Offsets
from harness.lab.crew import CrewChange
from harness.lab.sentinel import Pause
from harness.runner.block import MOST_ATTEMPTS, run_blocks
from tests.toys.fakes import SECOND, FakeLab, FakeMachine, fake_lab
from tests.toys.runs import BASELINE, make_study

OTHER, TWIN = "b/other", f"{BASELINE}#duplicate"
ENTRIES = {BASELINE, OTHER, TWIN}
BLOCKS = 2
SLICES = Condition(endpoint="noop", connections=4)
MORE = Condition(endpoint="noop", connections=8)
type Make = Any


@pytest.fixture
def make(contract: Contract, tmp_path: Path) -> Make:
    """A lab for a study of two blocks, with changes."""

    def lab(**changes: object) -> AbstractContextManager[FakeLab]:
        load = LoadSettings(rounds=2, slice_s=0.1, warmup_s=0.1, probe=False)
        study = make_study(blocks=BLOCKS)
        study = msgspec.structs.replace(
            study, **({"conditions": (SLICES, MORE), "load": load} | changes)
        )
        return fake_lab(study, contract, tmp_path)

    return lab


@pytest.fixture
def lab(make: Make) -> Iterator[FakeLab]:
    with make() as made:
        yield made


def kept(lab: FakeLab) -> list[tuple[int, str, int, str]]:
    trials, damaged = lab.store.trials(lab.run)
    assert damaged == []
    return sorted((t.block, t.condition.name, t.attempt, t.entry) for t in trials)


def test_every_phase_of_every_block_is_on_disk_once(lab: FakeLab) -> None:
    assert run_blocks(lab.session, lab.sets) == []
    assert kept(lab) == sorted(
        (block, condition.name, 1, entry)
        for block in range(1, BLOCKS + 1)
        for condition in (SLICES, MORE)
        for entry in ENTRIES
    )


def test_each_block_starts_its_servers_in_the_order_drawn_and_stops_all_of_them(
    lab: FakeLab,
) -> None:
    run_blocks(lab.session, lab.sets)
    names = [entry.name for entry in lab.run.plan.entries]
    drawn = [names[index] for order in lab.run.plan.starts for index in order]
    assert lab.launcher.launched == drawn
    assert set(lab.launcher.stopped) == {
        (block, name) for block in range(1, BLOCKS + 1) for name in names
    }
    assert all(server.asked_to_stop for server in lab.servers.values())


def test_what_is_complete_on_disk_is_not_measured_again(lab: FakeLab) -> None:
    run_blocks(lab.session, lab.sets)
    before, turns = kept(lab), len(lab.generator.turns)
    assert run_blocks(lab.session, lab.sets) == []
    assert kept(lab) == before
    assert len(lab.generator.turns) == turns


def test_a_missing_phase_is_measured_again_by_itself_as_another_attempt(lab: FakeLab) -> None:
    lab.servers[OTHER].dies_after = 2
    problems = run_blocks(lab.session, lab.sets)
    assert len(problems) == 2 * BLOCKS
    assert all(OTHER in problem and "died" in problem for problem in problems)
    lab.servers[OTHER].dies_after = None
    assert run_blocks(lab.session, lab.sets) == []
    attempts = {(block, name): attempt for block, name, attempt, _ in kept(lab)}
    assert set(attempts.values()) == {2}


def test_a_server_that_fails_is_out_for_the_rest_of_its_block_alone(make: Make) -> None:
    with make() as lab:
        first = lab.run.plan.phases[0].condition.name
        lab.servers[OTHER].dies_after = 2
        run_blocks(lab.session, lab.sets)
        trials, _ = lab.store.trials(lab.run)
        slices = {(t.block, t.condition.name): len(t.slices) for t in trials if t.entry == OTHER}
        assert slices[1, first] == 1
        assert sum(slices.values()) == BLOCKS  # one in each block's first phase, none later


def test_fresh_servers_for_each_condition_are_those_that_it_measures(make: Make) -> None:
    alone = msgspec.structs.replace(MORE, group="alone")
    changes = {
        "conditions": (SLICES, alone), "fresh": "condition", "groups": {"alone": (BASELINE,)},
        "blocks": 1,
    }  # fmt: skip
    with make(**changes) as lab:
        run_blocks(lab.session, lab.sets)
        assert sorted(lab.launcher.launched) == sorted([*ENTRIES, BASELINE, TWIN])
        assert len(kept(lab)) == len(ENTRIES) + 2


def test_another_number_of_workers_has_servers_of_its_own_within_the_block(make: Make) -> None:
    conditions = tuple(
        msgspec.structs.replace(c, workers=n) for c in (SLICES, MORE) for n in (1, 2)
    )
    with make(conditions=conditions) as lab:
        run_blocks(lab.session, lab.sets)
        each = len(ENTRIES)
        assert len(lab.launcher.launched) == BLOCKS * 2 * each  # and not four times
        assert sorted(lab.launcher.workers) == [1] * BLOCKS * each + [2] * BLOCKS * each
        trials, _ = lab.store.trials(lab.run)
        assert len(trials) == BLOCKS * len(conditions) * each
        for trial in trials:
            assert len(trial.workers) == trial.condition.workers
            assert [w.connections for w in trial.workers] == [1, 2][: trial.condition.workers]
        shares = [t.workers[0].cpu_ns / sum(w.cpu_ns for w in t.workers) for t in trials]
        assert {round(share, 2) for share in shares} == {1.0, 0.75}


@pytest.mark.parametrize(("reruns", "attempts"), [(0, 1), (1, 2)])
def test_phases_disturbed_by_others_are_measured_again_within_bounds(
    make: Make, reruns: int, attempts: int
) -> None:
    with make(reruns=reruns, blocks=1, conditions=(SLICES,)) as lab:
        lab.gauges.steal = 0.3
        run_blocks(lab.session, lab.sets)
        assert {attempt for _, _, attempt, _ in kept(lab)} == set(range(1, attempts + 1))
        assert len(kept(lab)) == attempts * len(ENTRIES)


def test_repetitions_are_counted_over_the_whole_run(make: Make) -> None:
    with make(reruns=3) as lab:
        lab.gauges.steal = 0.3
        run_blocks(lab.session, lab.sets)
        assert sum(attempt == 2 for _, _, attempt, _ in kept(lab)) == 3 * len(ENTRIES)


def test_single_requests_are_kept_where_the_study_asks_for_them(make: Make) -> None:
    load = LoadSettings(rounds=2, slice_s=0.1, warmup_s=0.1, probe=False, keep_requests=True)
    with make(load=load) as lab:
        run_blocks(lab.session, lab.sets)
        archives = list((lab.store.folder / "requests").glob("*.npz"))
        assert len(archives) == len(kept(lab))


def test_an_excluded_variant_is_neither_started_nor_measured(make: Make) -> None:
    with make() as lab:
        run = msgspec.structs.replace(lab.run, excluded={OTHER: "it lies"})
        session = msgspec.structs.replace(lab.session, run=run)
        assert run_blocks(session, lab.sets) == []
        assert set(lab.launcher.launched) == {BASELINE, TWIN}
        assert {entry for *_, entry in kept(lab)} == {BASELINE, TWIN}


def test_a_run_that_is_precise_enough_ends_at_its_look_and_resuming_does_not_go_on(
    make: Make,
) -> None:
    """Fake servers cost the same in every block."""
    stopping = Stopping(half_width=0.02, looks=(3,))
    with make(blocks=5, conditions=(SLICES,), stopping=stopping) as lab:
        for _ in range(2):
            run_blocks(lab.session, lab.sets)
            assert {block for block, *_ in kept(lab)} == {1, 2, 3}


def test_a_run_ends_at_the_look_that_decides_its_pairs_and_resuming_does_not_go_on(
    make: Make,
) -> None:
    """The servers cost the same to the nanosecond, so they are the same at the first look."""
    with make(blocks=8, conditions=(SLICES,), stopping=Stopping(verdicts=True)) as lab:
        for _ in range(2):
            assert run_blocks(lab.session, lab.sets) == []
            assert {block for block, *_ in kept(lab)} == {1, 2, 3, 4}
        said = [step for step in lab.listener.steps if "no further block" in step]
        assert said == ["no further block, because every pair was decided after 4 of 8 blocks"] * 2


def test_a_run_that_was_interrupted_between_its_looks_is_continued_up_to_the_next(
    make: Make,
) -> None:
    with make(blocks=8, conditions=(SLICES,), stopping=Stopping(verdicts=True)) as lab:
        study = msgspec.structs.replace(lab.run.study, blocks=3, stopping=Stopping())
        plan = lab.run.plan
        short = msgspec.structs.replace(lab.run, study=study, plan=plan)
        run_blocks(msgspec.structs.replace(lab.session, run=short), lab.sets)
        assert {block for block, *_ in kept(lab)} == {1, 2, 3}
        run_blocks(lab.session, lab.sets)
        assert {block for block, *_ in kept(lab)} == {1, 2, 3, 4}


def test_a_run_whose_servers_change_from_block_to_block_looks_again_and_ends_with_all(
    make: Make,
) -> None:
    with make(blocks=6, conditions=(SLICES,), stopping=Stopping(verdicts=True)) as lab:
        server = lab.servers[OTHER]
        turns = 0

        def swing(_: int) -> None:
            nonlocal turns
            turns += 1
            server.cpu_us = 400.0 if turns // 20 % 2 else 650.0

        lab.generator.before_turn = swing
        run_blocks(lab.session, lab.sets)
        assert {block for block, *_ in kept(lab)} == set(range(1, 7))
        assert not [step for step in lab.listener.steps if "no further block" in step]


def test_a_run_whose_time_is_up_begins_no_further_block(make: Make) -> None:
    with make(blocks=3, conditions=(SLICES,), stopping=Stopping(budget_s=1e-9)) as lab:
        run_blocks(lab.session, lab.sets)
        assert {block for block, *_ in kept(lab)} == {1}


def stop(lab: FakeLab) -> None:
    lab.sentinel.stopped = (Pause("the server", 0, 3 * SECOND),)


def test_a_phase_that_an_accident_spoilt_is_measured_again_without_being_asked_for(
    make: Make,
) -> None:
    with make(blocks=1, conditions=(SLICES,)) as lab:
        lab.generator.befalls[OTHER] = [lambda: None, lambda: stop(lab)]
        assert run_blocks(lab.session, lab.sets) == []
        trials, _ = lab.store.trials(lab.run)
        told = {(t.entry, t.attempt): [e.kind for e in t.events] for t in trials}
        assert told.pop((OTHER, 1)) == ["stopped"]
        assert len(told) == 2 * len(ENTRIES) - 1
        assert not any(told.values())


def test_a_server_whose_every_trial_is_spoilt_does_not_hold_up_the_run(make: Make) -> None:
    with make() as lab:
        lab.generator.befalls[OTHER] = [lambda: stop(lab)] * 100
        assert run_blocks(lab.session, lab.sets) == []
        attempts = [attempt for _, _, attempt, entry in kept(lab) if entry == OTHER]
        assert max(attempts) == MOST_ATTEMPTS
        assert sum(attempt > 1 for attempt in attempts) == 3


def test_a_server_that_replaces_its_workers_all_the_time_is_not_measured_again(
    make: Make,
) -> None:
    load = LoadSettings(rounds=4, slice_s=0.1, warmup_s=0.1, probe=False)
    with make(blocks=1, conditions=(SLICES,), load=load) as lab:
        lab.servers[OTHER].crew.changes = [CrewChange(ended=1, started=0, before=2)] * 100
        assert run_blocks(lab.session, lab.sets) == []
        assert len(kept(lab)) == len(ENTRIES)


def test_a_clock_that_was_set_is_told_and_costs_no_repetition(make: Make) -> None:
    def jump(machine: FakeMachine) -> None:
        offsets = machine.offsets
        machine.offsets = Offsets(offsets.real_ns + 9 * SECOND, offsets.asleep_ns)

    with make(blocks=1, conditions=(SLICES,)) as lab:
        lab.generator.befalls[OTHER] = [lambda: None, lambda: jump(lab.machine)]
        run_blocks(lab.session, lab.sets)
        trials, _ = lab.store.trials(lab.run)
        assert [e.kind for t in trials for e in t.events] == ["clock-jumped"]
        assert len(trials) == len(ENTRIES)


def test_spoilt_phases_are_not_counted_as_noisy_ones_that_may_be_repeated(make: Make) -> None:
    """`reruns` bounds noise; accidents have a bound of their own on top."""
    with make(blocks=1, conditions=(SLICES,), reruns=1) as lab:
        lab.gauges.steal = 0.3
        lab.generator.befalls[OTHER] = [lambda: stop(lab)] * 4
        run_blocks(lab.session, lab.sets)
        assert {attempt for _, _, attempt, _ in kept(lab)} == {1, 2, 3}


def test_a_run_that_is_cut_short_keeps_its_turns_and_is_completed_later(lab: FakeLab) -> None:
    def die(turn: int) -> None:
        if turn == 5:
            lab.database.gone = "PostgreSQL's main process 7 was ended by SIGKILL"

    lab.generator.before_turn = die
    with pytest.raises(DatabaseFailed, match="SIGKILL"):
        run_blocks(lab.session, lab.sets)
    cut = kept(lab)
    assert cut
    assert {(block, condition, attempt) for block, condition, attempt, _ in cut} == {
        (1, lab.run.plan.phases[0].condition.name, 1)
    }
    assert {name for _, name in lab.launcher.stopped} == ENTRIES
    lab.database.gone = None
    assert run_blocks(lab.session, lab.sets) == []
    assert set(cut) < set(kept(lab))
    trials, _ = lab.store.trials(lab.run)
    assert sum(trial.complete for trial in trials) == BLOCKS * 2 * len(ENTRIES)

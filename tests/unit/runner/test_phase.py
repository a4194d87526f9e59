"""A phase on fake servers and a fake clock: order, failures, and what a trial holds."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from harness.analysis.labels.labels import Label
from harness.analysis.labels.rules import Circumstances, findings_of
from harness.base.errors import DatabaseFailed, GeneratorFailed
from harness.inputs.contract import Contract
from harness.inputs.settings import LoadSettings
from harness.inputs.study import Beside, Condition, Latency, Objective, Study
from harness.lab.sentinel import Pause
from harness.lab.servers import RunningServer
from harness.records.trial import Trial
from harness.runner import phase as phases
from harness.runner.phase import PhaseResult, run_phase
from harness.runner.watch import Seen
from tests.toys.fakes import SECOND, FakeLab, fake_lab
from tests.toys.runs import BASELINE, make_study

OTHER, TWIN = "b/other", f"{BASELINE}#duplicate"
COST_US = {BASELINE: 500.0, OTHER: 1000.0}
ROUNDS, SLICE_S = 3, 0.1


def study(condition: Condition) -> Study:
    load = LoadSettings(rounds=ROUNDS, slice_s=SLICE_S, warmup_s=0.5, probe=False)
    return msgspec.structs.replace(make_study(blocks=2), conditions=(condition,), load=load)


@pytest.fixture
def lab(request: pytest.FixtureRequest, contract: Contract, tmp_path: Path) -> Iterator[FakeLab]:
    """Of the condition that the test is parametrised with; slices of /noop otherwise."""
    condition = getattr(request, "param", Condition(endpoint="noop", connections=4))
    with fake_lab(study(condition), contract, tmp_path, COST_US) as made:
        yield made


def measured(lab: FakeLab, failures: dict[str, str] | None = None) -> PhaseResult:
    first = lab.run.plan.phases[0]
    return run_phase(lab.session, lab.instruments, first, lab.start(), failures or {})


def by_entry(result: PhaseResult) -> dict[str, Trial]:
    return {trial.entry: trial for trial in result.trials}


def test_turns_go_round_in_the_planned_order_after_one_warm_up_each(lab: FakeLab) -> None:
    measured(lab)
    phase, names = lab.run.plan.phases[0], [e.name for e in lab.run.plan.entries]
    rounds = [names[index] for order in phase.orders for index in order]
    warm_up = [names[index] for index in phase.orders[0]]
    assert lab.generator.turns == warm_up + rounds


def test_the_look_after_a_slice_is_told_whose_slice_is_next(
    lab: FakeLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, str | None]] = []
    watch = lab.instruments.watch
    look = watch.after

    def after(
        server: RunningServer,
        paused_ns: int,
        period: tuple[int, int] | None = None,
        following: RunningServer | None = None,
    ) -> Seen:
        told.append((server.name, None if following is None else following.name))
        return look(server, paused_ns, period)

    monkeypatch.setattr(watch, "after", after)
    measured(lab)
    names = [name for name, _ in told]
    assert len(names) == len(lab.run.plan.entries) * ROUNDS
    assert [following for _, following in told] == [*names[1:], None]


def test_a_slice_holds_the_load_and_the_cpu_time_between_its_edges(lab: FakeLab) -> None:
    for name, trial in by_entry(measured(lab)).items():
        cost_ns = COST_US[trial.variant] * 1e3
        assert [piece.round for piece in trial.slices] == list(range(ROUNDS))
        for piece in trial.slices:
            assert piece.correct == SLICE_S * SECOND / cost_ns
            assert piece.server_cpu_ns == piece.correct * cost_ns
            assert piece.elapsed_ns == SLICE_S * SECOND
            assert piece.window_ns > piece.elapsed_ns  # the server settles before it is read
            assert piece.latency_p50_ns == 8 * cost_ns, name


def test_the_warm_up_is_in_no_figure(lab: FakeLab) -> None:
    trial = by_entry(measured(lab))[OTHER]
    assert trial.statements is not None
    assert trial.statements.requests == sum(piece.correct for piece in trial.slices)
    assert trial.waits is not None
    assert len(trial.waits.busy) == ROUNDS


def test_the_table_is_reset_before_anything_and_statements_are_forgotten_after_the_warm_up(
    lab: FakeLab,
) -> None:
    measured(lab)
    assert lab.database.log == ["reset 1000", "forget"]


def test_a_server_without_turns_is_idle(lab: FakeLab) -> None:
    assert {trial.idle_cpu_share for trial in measured(lab).trials} == {0.0}


def test_a_server_that_dies_is_out_with_its_last_words_and_the_others_go_on(
    lab: FakeLab,
) -> None:
    lab.servers[OTHER].dies_after = 2  # the warm-up, and one slice
    result = measured(lab)
    trials = by_entry(result)
    assert list(result.failures) == [OTHER]
    assert "died" in result.failures[OTHER]
    assert f"{OTHER}: that was too much" in result.failures[OTHER]
    assert trials[OTHER].problem == result.failures[OTHER]
    assert len(trials[OTHER].slices) == 1
    assert trials[OTHER].threads is None
    for name in (BASELINE, TWIN):
        assert trials[name].complete
        assert len(trials[name].slices) == ROUNDS
    assert any(OTHER in problem for problem in lab.listener.problems)


def test_a_server_whose_answer_breaks_the_contract_is_never_loaded(lab: FakeLab) -> None:
    lab.servers[OTHER].answer = lab.servers[OTHER].answer.replace(b"{}", b"[]")
    result = measured(lab)
    assert OTHER not in lab.generator.turns
    assert "wrong" in result.failures[OTHER]
    assert by_entry(result)[OTHER].slices == ()


def test_a_server_that_failed_earlier_in_the_block_yields_an_incomplete_trial(
    lab: FakeLab,
) -> None:
    before = {OTHER: "it did not start"}
    result = measured(lab, before)
    assert OTHER not in lab.generator.turns
    assert by_entry(result)[OTHER].problem == "it did not start"
    assert before == {OTHER: "it did not start"}
    assert result.failures == before


def test_errors_are_kept_with_samples_and_count_as_nothing_correct(lab: FakeLab) -> None:
    lab.generator.failing[OTHER] = "body"
    trial = by_entry(measured(lab))[OTHER]
    assert trial.complete
    assert [piece.correct for piece in trial.slices] == [0] * ROUNDS
    assert all(piece.errors["body"] > 0 for piece in trial.slices)
    assert trial.error_samples == ("body: sample",) * ROUNDS
    assert trial.latency_hdr is None


def test_connections_are_open_during_the_phase_alone(lab: FakeLab) -> None:
    measured(lab)
    assert lab.generator.opened == [(name, 4) for name in lab.generator.turns[:3]]
    assert lab.generator.open_targets == {}


def test_progress_counts_the_turns_of_the_whole_run(lab: FakeLab) -> None:
    phase = lab.run.plan.phases[1]
    run_phase(lab.session, lab.instruments, phase, lab.start(), {})
    turns = ROUNDS * len(lab.run.plan.entries)
    assert [told.done for told in lab.listener.progressed] == list(range(turns + 1, 2 * turns + 1))


@pytest.mark.parametrize(
    "lab", [Condition(endpoint="noop", connections=4, window_s=2.0)], indirect=True
)
def test_a_windows_warm_up_lies_outside_its_edges_and_is_no_idle_time(lab: FakeLab) -> None:
    for trial in measured(lab).trials:
        (piece,) = trial.slices
        assert piece.window is not None
        assert piece.elapsed_ns == piece.window_ns == 2 * SECOND
        assert piece.server_cpu_ns == 2 * SECOND
        assert piece.window.per_second == (piece.correct, 0)  # the fake sends all at once
        assert trial.idle_cpu_share == pytest.approx(0.0, abs=1e-9)


WINDOWS = Condition(endpoint="noop", connections=4, window_s=1.0, windows=2)


@pytest.mark.parametrize("lab", [WINDOWS], indirect=True)
def test_a_window_has_its_connections_to_itself_and_keeps_how_they_were_opened(
    lab: FakeLab,
) -> None:
    trials = measured(lab).trials
    assert lab.generator.most_open == 1
    assert lab.generator.open_targets == {}
    assert [name for name, _ in lab.generator.opened] == lab.generator.turns
    for window in (piece.window for trial in trials for piece in trial.slices):
        assert window is not None
        assert window.opening is not None
        assert (window.opening.opened, window.opening.refused) == (4, 0)
        assert window.at_rest is not None
        assert window.at_close is not None
        assert window.at_close.threads >= 1


@pytest.mark.parametrize("lab", [WINDOWS], indirect=True)
def test_a_closed_loops_window_is_its_own_warm_up(lab: FakeLab) -> None:
    measured(lab)
    assert {name: lab.generator.turns.count(name) for name in lab.servers} == dict.fromkeys(
        lab.servers, WINDOWS.windows
    )


@pytest.mark.parametrize("lab", [WINDOWS], indirect=True)
def test_a_server_that_deviates_once_it_was_loaded_by_a_window_is_out(lab: FakeLab) -> None:
    def grow(_: int) -> None:
        lab.servers[OTHER].deviation = "has 2 workers, and 1 was given"

    lab.generator.before_turn = grow
    result = measured(lab)
    assert "2 workers" in result.failures[OTHER]
    assert not by_entry(result)[OTHER].complete


def test_a_process_killed_for_lack_of_memory_is_noted_at_the_server_that_had_its_turn(
    lab: FakeLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    kills: list[str] = []
    monkeypatch.setattr(phases, "oom_kills", lambda: len(kills))
    warm_up, turn = (lambda: None), (lambda: kills.append(OTHER))
    lab.generator.befalls[OTHER] = [warm_up, turn, warm_up, warm_up]
    trials = by_entry(measured(lab))
    assert {name: trial.exhausted for name, trial in trials.items()} == {
        BASELINE: (), TWIN: (), OTHER: ("memory",),
    }  # fmt: skip


def test_a_server_without_further_conditions_is_stopped_after_its_last_window(
    contract: Contract, tmp_path: Path
) -> None:
    """One that still works on what it was given would take the others' processor."""
    alone = msgspec.structs.replace(study(WINDOWS), fresh="condition")
    with fake_lab(alone, contract, tmp_path, COST_US) as lab:
        stopped_before: dict[int, list[str]] = {}

        def note(turn: int) -> None:
            stopped_before[turn] = [name for _, name in lab.launcher.stopped]

        lab.generator.before_turn = note
        result = measured(lab)
        turns = lab.generator.turns
    assert stopped_before[len(turns) - 1] == turns[-3:-1]
    assert stopped_before[2] == []  # the first round: another follows
    assert result.failures == {}
    for trial in result.trials:
        assert trial.complete
        assert trial.threads is not None
        assert trial.idle_cpu_share == pytest.approx(0.0, abs=1e-9)


def test_servers_of_a_block_serve_its_other_conditions_too(lab: FakeLab) -> None:
    measured(lab)
    assert lab.launcher.stopped == []


def test_what_the_system_refused_to_a_server_is_kept(lab: FakeLab) -> None:
    lab.servers[OTHER].exhausted = ("threads",)
    trials = by_entry(measured(lab))
    assert (trials[OTHER].exhausted, trials[BASELINE].exhausted) == (("threads",), ())


@pytest.mark.parametrize(
    "lab",
    [Condition(endpoint="noop", connections=4, window_s=1.0, windows=2, share=0.5)],
    indirect=True,
)
def test_a_share_of_capacity_is_a_rate_of_each_servers_own(lab: FakeLab) -> None:
    trials = by_entry(measured(lab))
    assert trials[BASELINE].capacity_per_s == pytest.approx(2000)
    assert trials[OTHER].capacity_per_s == pytest.approx(1000)
    rates = {
        name: {a.rate_per_s for n, a in lab.generator.arrivals if n == name} for name in trials
    }
    assert rates == {BASELINE: {1000.0}, TWIN: {1000.0}, OTHER: {500.0}}


@pytest.mark.parametrize(
    "lab",
    [Condition(endpoint="noop", connections=4, window_s=1.0, windows=2, rate=100)],
    indirect=True,
)
def test_arrivals_are_the_same_for_all_of_a_round_and_other_in_each_round_and_block(
    lab: FakeLab,
) -> None:
    for phase in lab.run.plan.phases:
        run_phase(lab.session, lab.instruments, phase, lab.start(), {})
    seeds = [arrivals.seed for _, arrivals in lab.generator.arrivals]
    entries = len(lab.run.plan.entries)
    rounds = [set(seeds[at : at + entries]) for at in range(0, len(seeds), entries)]
    assert [len(seeds_of_round) for seeds_of_round in rounds] == [1, 1, 1, 1]
    assert len(set(seeds)) == 4


@pytest.mark.parametrize(
    "lab",
    [Condition(endpoint="noop", connections=4, window_s=1.0, objective=Objective(latency_ms=100))],
    indirect=True,
)
def test_a_search_finds_the_rate_that_a_server_can_answer(lab: FakeLab) -> None:
    trials = by_entry(measured(lab))
    trial = trials[OTHER]
    assert trials[BASELINE].sustained_per_s == pytest.approx(2000, rel=0.05)
    assert trial.sustained_per_s == pytest.approx(1000, rel=0.05)
    assert len(trial.search) == len(trial.slices)
    assert [attempt.confirming for attempt in trial.search[-2:]] == [True, True]
    assert all(attempt.met for attempt in trial.search[-2:])


@pytest.mark.parametrize(
    "lab",
    [Condition(endpoint="noop", connections=4, window_s=1.0, objective=Objective(latency_ms=5))],
    indirect=True,
)
def test_an_objective_that_a_server_cannot_meet_is_never_met(lab: FakeLab) -> None:
    """One answer of the baseline takes 4 ms, and one of the other variant 8 ms."""
    trials = by_entry(measured(lab))
    missed = trials[OTHER]
    assert missed.complete
    assert missed.sustained_per_s is None
    assert not any(attempt.met for attempt in missed.search)
    found = {f.label: f.detail for f in findings_of(missed, Circumstances.of(lab.run, OTHER))}
    assert f" {len(missed.search)} " in found[Label.NEVER_MET]
    assert trials[BASELINE].sustained_per_s is not None


@pytest.mark.parametrize(
    "lab",
    [
        Condition(
            endpoint="noop", connections=4, window_s=1.0,
            beside=Beside(endpoint="noop", connections=2),
        )
    ],
    indirect=True,
)  # fmt: skip
def test_a_second_load_runs_beside_and_statements_are_then_nobodys(lab: FakeLab) -> None:
    for trial in measured(lab).trials:
        (piece,) = trial.slices
        assert piece.window is not None
        assert piece.window.beside is not None
        assert piece.window.beside.correct > 0
        assert trial.statements is None
    assert set(lab.background.turns) == {BASELINE, OTHER, TWIN}
    assert lab.background.open_targets == {}


@pytest.mark.parametrize(
    "lab",
    [Condition(endpoint="noop", connections=4, window_s=1.0, latency=Latency(database_ms=100))],
    indirect=True,
)
def test_legs_are_long_while_it_measures_and_short_afterwards(lab: FakeLab) -> None:
    measured(lab)
    assert lab.legs.log == [Latency(database_ms=100), Latency()]


def test_an_entry_that_answers_nothing_in_time_is_out_of_the_condition_but_not_of_the_block(
    lab: FakeLab,
) -> None:
    lab.generator.failing[OTHER] = "timeout"
    result = measured(lab)
    trials = by_entry(result)
    assert lab.generator.turns.count(OTHER) == 1  # the warm-up
    assert result.failures == {}
    assert result.cut is None
    problem = trials[OTHER].problem or ""
    assert "none of" in problem
    assert "30 s" in problem
    assert trials[BASELINE].complete
    assert any(OTHER in problem for problem in lab.listener.problems)


def test_an_entry_that_holds_every_turn_up_has_two_of_them_and_a_warning_at_once(
    lab: FakeLab,
) -> None:
    """A server that admits some of its connections, and never answers on the others."""
    lab.generator.late[OTHER] = 3
    trials = by_entry(measured(lab))
    assert lab.generator.turns.count(OTHER) == 2  # the warm-up and one turn
    assert "2 turns lasted that long" in (trials[OTHER].problem or "")
    assert any(OTHER in notice and "3 of" in notice for notice in lab.listener.notices)
    assert len(trials[BASELINE].slices) == ROUNDS


def test_an_entry_that_answers_with_errors_has_all_its_turns(lab: FakeLab) -> None:
    """They cost no time, and tell what is wrong."""
    lab.generator.failing[OTHER] = "status 503"
    assert by_entry(measured(lab))[OTHER].complete
    assert lab.generator.turns.count(OTHER) == 1 + ROUNDS


def test_when_a_partner_dies_the_turns_that_were_had_are_kept_and_the_run_is_cut(
    lab: FakeLab,
) -> None:
    def die(turn: int) -> None:
        if turn == 5:  # three warm-ups, then two turns
            lab.database.gone = "PostgreSQL's main process 7 was ended by SIGKILL"

    lab.generator.before_turn = die
    result = measured(lab)
    assert isinstance(result.cut, DatabaseFailed)
    assert "SIGKILL" in str(result.cut)
    assert len(lab.generator.turns) == 6  # the turn under way is the last
    assert sum(len(trial.slices) for trial in result.trials) == 3
    assert len(result.requests) == len(result.trials)
    for trial in result.trials:
        assert trial.slices
        assert trial.problem is not None
        assert "SIGKILL" in trial.problem
        assert trial.statements is None


def test_a_partner_that_dies_before_the_first_turn_leaves_no_trial(lab: FakeLab) -> None:
    lab.database.gone = "PostgreSQL is gone"
    result = measured(lab)
    assert result.trials == []
    assert result.cut is not None


def test_a_generator_that_dies_at_the_very_end_costs_no_trial(
    lab: FakeLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(target: str) -> None:
        raise GeneratorFailed(f"no {target}")

    monkeypatch.setattr(lab.generator, "close", die)
    result = measured(lab)
    assert isinstance(result.cut, GeneratorFailed)
    assert [trial.complete for trial in result.trials] == [True] * 3


def kinds(trial: Trial) -> list[tuple[str, int | None]]:
    """Of its events, with the round."""
    return [(event.kind, event.round) for event in trial.events]


def test_an_event_stands_in_the_trial_and_the_turn_that_it_befell(lab: FakeLab) -> None:
    def befall() -> None:
        lab.sentinel.late = Pause("harness", 0, 2 * SECOND)

    lab.generator.befalls[OTHER] = [lambda: None, lambda: None, befall]
    trials = by_entry(measured(lab))
    assert kinds(trials[OTHER]) == [("harness-paused", 1)]
    (event,) = trials[OTHER].events
    order = lab.run.plan.phases[0].orders[1]
    names = [lab.run.plan.entries[index].name for index in order]
    assert event.position == names.index(OTHER)
    assert not any(trials[name].events for name in (BASELINE, TWIN))


def test_what_befalls_the_warm_up_befalls_no_trial(lab: FakeLab) -> None:
    lab.generator.befalls[OTHER] = [lambda: setattr(lab.machine, "checkpointer", 99)]
    trials = by_entry(measured(lab)).values()
    told = [event.detail for trial in trials for event in trial.events]
    assert all("before its turn" in detail for detail in told)


@pytest.mark.parametrize("late", [None, Pause("harness", 0, 2 * SECOND)])
def test_who_stood_still_is_told_apart(lab: FakeLab, late: Pause | None) -> None:
    def befall() -> None:
        lab.generator.paused_ns = 2 * SECOND
        lab.sentinel.late = late

    lab.generator.befalls[OTHER] = [lambda: None, befall]
    (event,) = by_entry(measured(lab))[OTHER].events
    assert event.kind == ("generator-paused" if late is None else "suspended")
    assert event.seconds == 2.0


def test_a_turn_whose_last_answer_is_seconds_late_has_a_stall(lab: FakeLab) -> None:
    warm_up = len(lab.run.plan.entries)
    lab.generator.stalls_s = [*[0.0] * warm_up, 3.0]
    trials = measured(lab).trials
    (stall,) = (event for trial in trials for event in trial.events)
    assert stall.kind == "stalled"
    assert stall.round == 0
    assert stall.seconds == pytest.approx(3.0, abs=0.2)


def test_a_server_whose_every_answer_is_late_has_none(lab: FakeLab) -> None:
    """Two seconds for each request: slow by nature."""
    for server in lab.servers.values():
        server.cpu_us = 2_000_000 / 8
    assert not any(trial.events for trial in measured(lab).trials)


@pytest.mark.parametrize(
    "lab",
    [Condition(endpoint="noop", connections=4, window_s=1.0, objective=Objective())],
    indirect=True,
)
def test_of_a_search_only_the_spoilt_window_is_measured_again(lab: FakeLab) -> None:
    quiet = by_entry(measured(lab))[BASELINE]
    assert quiet.sustained_per_s is not None

    def stop() -> None:
        lab.sentinel.stopped = (Pause("the server", 0, SECOND),)

    before = sum(name == BASELINE for name in lab.generator.turns) - len(quiet.search)
    lab.generator.befalls[BASELINE] = [*[lambda: None] * before, lambda: None, stop]
    struck = by_entry(measured(lab))[BASELINE]
    assert [attempt.spoilt for attempt in struck.search].count(True) == 1
    spoilt, again = struck.search[1:3]
    assert (spoilt.spoilt, spoilt.met) == (True, False)
    assert (again.spoilt, again.rate_per_s) == (False, spoilt.rate_per_s)
    assert struck.sustained_per_s == pytest.approx(quiet.sustained_per_s, rel=0.05)
    (event,) = struck.events
    assert event.repeated
    assert len(struck.slices) == len(struck.search)


@pytest.mark.parametrize(
    "lab",
    [Condition(endpoint="noop", connections=4, window_s=1.0, objective=Objective())],
    indirect=True,
)
def test_a_search_whose_every_window_is_spoilt_ends_all_the_same(lab: FakeLab) -> None:
    def stop() -> None:
        lab.sentinel.stopped = (Pause("the server", 0, SECOND),)

    lab.generator.befalls[BASELINE] = [stop] * 1_000
    struck = by_entry(measured(lab))[BASELINE]
    assert sum(attempt.spoilt for attempt in struck.search) == 3
    assert any(not event.repeated for event in struck.events)

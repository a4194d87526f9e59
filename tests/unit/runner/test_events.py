"""Accidents that really happen to a run: processes stopped, killed and replaced.

Each run has one block of toys. The accident happens at the first turn that it is meant for, so its
phase is measured again.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from harness.analysis.labels.labels import Label
from harness.analysis.labels.trials import LabelledTrial, Standing
from harness.inputs.study_loader import load_study
from harness.records.plan import Phase
from harness.records.run import Run
from tests.toys.labelling import labelled
from tests.toys.laboratory import Recorder, laboratory_of, run_study, trusting
from tests.toys.workspaces import toy_workspace, write_study

WINDOW = """
[[conditions]]
endpoint = "noop"
rows = 2
connections = 2
window_s = 2.5
"""
STOP_S = 1.5
LATER_S = 0.6
"""After the turn before has ended: within the window that follows, whose warm-up is short."""


def below(pid: int, word: str) -> list[psutil.Process]:
    """Living descendants of a process with that word in their command line."""
    found = []
    for process in psutil.Process(pid).children(recursive=True):
        try:
            if any(word in part for part in process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


class Saboteur(Recorder):
    """Strikes once, after so many turns, at processes of this run.

    word: in their command line. strike: what is done to them, `later_s` after the turn.
    """

    def __init__(
        self, word: str, strike: Callable[[psutil.Process], object], *, after: int = 1,
        later_s: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__()
        self._word = word
        self._strike = strike
        self._after = after
        self._later_s = later_s
        self.struck: list[psutil.Process] = []

    def progress(self, phase: Phase, entry: str, done_slices: int, throughput: float) -> None:
        super().progress(phase, entry, done_slices, throughput)
        if len(self.progressed) == self._after:
            if self._later_s:
                threading.Timer(self._later_s, self._act).start()
            else:
                self._act()

    def _act(self) -> None:
        self.struck = below(os.getpid(), self._word)
        for process in self.struck:
            with suppress(psutil.Error):  # it ended by itself
                self._strike(process)


def stop(process: psutil.Process) -> None:
    """For a while; the process is continued from a thread of its own."""
    process.send_signal(signal.SIGSTOP)
    threading.Timer(STOP_S, process.send_signal, [signal.SIGCONT]).start()


def kill(process: psutil.Process) -> None:
    process.kill()
    process.wait(5)


def measure(
    folder: Path, variants: Sequence[str], listener: Recorder, *, conditions: str = "",
    endpoints: Sequence[str] = (), rounds: int = 4, slice_s: float = 0.1,
) -> tuple[Run, list[LabelledTrial]]:  # fmt: skip
    """Run one block of toys; its trials in their order, labelled."""
    workspace = toy_workspace(folder / "workspace")
    path = write_study(
        workspace, "struck", variants, blocks=1, conditions=conditions, endpoints=endpoints,
        rounds=rounds, slice_s=slice_s,
    )  # fmt: skip
    laboratory = laboratory_of(workspace, listener)
    with trusting():
        store = run_study(laboratory, "struck", load_study(path, laboratory.catalog))
    run, (trials, damaged) = store.read_run(), store.trials()
    assert damaged == []
    return run, list(labelled(run, trials))


def spoilt(trials: Sequence[LabelledTrial], label: Label) -> LabelledTrial:
    """The only trial with that label: of the first attempt, and not counted."""
    (found,) = (t for t in trials if label in t.labels)
    assert found.trial.attempt == 1
    assert found.standing is Standing.LEFT_OUT
    return found


def counted(trials: Sequence[LabelledTrial]) -> set[tuple[str, int]]:
    """Entries with the attempts that count."""
    return {(t.trial.entry, t.trial.attempt) for t in trials if t.standing is not Standing.LEFT_OUT}


def all_count_from_the_second_attempt(trials: Sequence[LabelledTrial]) -> bool:
    return counted(trials) == {(t.trial.entry, 2) for t in trials}


def test_a_stopped_server_is_named_and_its_phase_measured_again(tmp_path: Path) -> None:
    saboteur = Saboteur("server.py", stop, later_s=LATER_S)
    _, trials = measure(tmp_path, ["good"], saboteur, conditions=WINDOW)
    assert saboteur.struck
    found = spoilt(trials, Label.STOPPED)
    details = {finding.label: finding.detail for finding in found.findings}
    assert "the server was stopped" in details[Label.STOPPED]
    assert "no answer came for 1" in details[Label.STALLED]
    assert all_count_from_the_second_attempt(trials)


def test_a_stopped_postgresql_is_named(tmp_path: Path) -> None:
    saboteur = Saboteur("postgres", stop, later_s=LATER_S)
    conditions = WINDOW.replace("noop", "io_read")
    _, trials = measure(tmp_path, ["good"], saboteur, conditions=conditions)
    found = spoilt(trials, Label.STOPPED)
    details = {finding.label: finding.detail for finding in found.findings}
    assert "PostgreSQL was stopped" in details[Label.STOPPED]
    assert Label.STALLED in details
    assert all_count_from_the_second_attempt(trials)


def test_a_stopped_generator_is_named(tmp_path: Path) -> None:
    saboteur = Saboteur("harness.load.worker.worker", stop, later_s=LATER_S)
    _, trials = measure(tmp_path, ["good"], saboteur, conditions=WINDOW)
    (event,) = (e for e in spoilt(trials, Label.STOPPED).trial.events if e.kind == "stopped")
    assert "the load generator" in event.detail
    assert (event.round, event.position) == (0, 1)
    assert all_count_from_the_second_attempt(trials)


def test_a_killed_probe_is_named_and_the_next_turns_have_one_again(tmp_path: Path) -> None:
    saboteur = Saboteur("harness.lab.speed.worker", kill, after=3)
    _, trials = measure(tmp_path, ["good"], saboteur, endpoints=["noop"], rounds=6)
    assert len(saboteur.struck) == 1
    (found,) = (t for t in trials if Label.PROBE_LOST in t.labels)
    (event,) = found.trial.events
    assert "died" in event.detail
    assert found.standing is Standing.LABELLED
    assert {t.trial.attempt for t in trials} == {1}  # it spoils no figure
    assert all(piece.probe_ns for t in trials for piece in t.trial.slices)


def test_a_killed_worker_is_named_and_its_phase_measured_again(tmp_path: Path) -> None:
    def kill_worker(process: psutil.Process) -> None:
        for worker in process.children():
            worker.kill()

    saboteur = Saboteur("server.py", kill_worker, later_s=LATER_S)
    _, trials = measure(tmp_path, ["prefork"], saboteur, conditions=WINDOW)
    found = [t for t in trials if Label.WORKERS_CHANGED in t.labels]
    assert {t.trial.attempt for t in found} == {1}
    assert any("1 of 2 ended" in e.detail for t in found for e in t.trial.events)
    assert all_count_from_the_second_attempt(trials)


def test_a_server_that_recycles_its_workers_counts_with_a_label(tmp_path: Path) -> None:
    """It is a property of the variant: in every attempt the same would happen."""
    _, trials = measure(tmp_path, ["recycles"], Recorder(), endpoints=["noop"], rounds=12)
    assert {t.trial.attempt for t in trials} == {1}
    for item in trials:
        assert Label.RECYCLING in item.labels
        assert Label.WORKERS_CHANGED not in item.labels
        kinds = [event.kind for event in item.trial.events]
        assert kinds.count("workers-changed") >= 3


def test_a_server_that_pauses_by_itself_counts_with_a_label(tmp_path: Path) -> None:
    _, trials = measure(tmp_path, ["pauses"], Recorder(), endpoints=["noop"], rounds=16)
    first = [t for t in trials if t.trial.attempt == 1]
    assert any(e.kind == "stalled" for t in first for e in t.trial.events)
    assert all(Label.PAUSING in t.labels for t in trials if t.trial.events)
    assert len(counted(trials)) == len(first)


def test_a_backend_that_crashes_makes_postgresql_restart_and_the_run_goes_on(
    tmp_path: Path,
) -> None:
    def crash(process: psutil.Process) -> None:
        if any("bridgetoll_" in part and "_0_" in part for part in process.cmdline()):
            process.kill()

    saboteur = Saboteur("postgres: ", crash, later_s=LATER_S)
    conditions = WINDOW.replace("noop", "io_read")
    _, trials = measure(tmp_path, ["good"], saboteur, conditions=conditions)
    assert any(Label.DATABASE_RESTARTED in t.labels for t in trials)
    assert all_count_from_the_second_attempt(trials)


def test_a_quiet_run_has_no_events(tmp_path: Path) -> None:
    began = time.time_ns()
    _, trials = measure(tmp_path, ["prefork"], Recorder(), conditions=WINDOW, endpoints=["io_read"])
    kinds = {e.kind for t in trials for e in t.trial.events}
    assert time.time_ns() > began  # the clock was not set meanwhile
    assert kinds == set()

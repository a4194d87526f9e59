"""Accidents that really happen to a run: processes stopped, killed and replaced.

One run of a block suffers most of them, each in a phase of its own, which is measured again.
"""

import signal
import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import psutil
import pytest

from harness.analysis.labels.labels import Label
from harness.analysis.labels.trials import LabelledTrial, Standing
from harness.inputs.study import Condition
from harness.inputs.study_loader import load_study
from harness.load.generator import Edge, ProcessGenerator
from harness.load.protocol import Tally
from harness.records.plan import Phase
from harness.records.run import Run
from harness.records.trial import EventKind
from harness.runner import block, instruments
from tests.processes import below
from tests.toys.labelling import labelled
from tests.toys.laboratory import (
    BY_NEIGHBOURS,
    Recorder,
    laboratory_of,
    run_study,
    trusting,
    undisturbed,
)
from tests.toys.workspaces import toy_workspace, write_study

STOP_S = 1.5


class Saboteur(Recorder):
    """Strikes each condition of a run once, after some turns.

    strikes: what is done, by the name of the condition. after: so many turns of it.
    """

    def __init__(self, strikes: Mapping[str, Callable[[], None]], *, after: int = 1) -> None:
        super().__init__()
        self._left = dict(strikes)
        self._turns: Counter[str] = Counter()
        self._after = after

    def progress(self, phase: Phase, entry: str, done_slices: int, throughput: float) -> None:
        super().progress(phase, entry, done_slices, throughput)
        name = phase.condition.name
        self._turns[name] += 1
        if self._turns[name] < self._after or name not in self._left:
            return
        self.strike(self._left.pop(name))

    def strike(self, strike: Callable[[], None]) -> None:
        strike()


class WindowSaboteur(Saboteur):
    """Strikes as the next window opens, instead of between two turns."""

    def __init__(self, strikes: Mapping[str, Callable[[], None]]) -> None:
        super().__init__(strikes)
        self._armed: list[Callable[[], None]] = []
        self._struck = False

    def strike(self, strike: Callable[[], None]) -> None:
        self._armed.append(strike)

    def opening(self, edge: Edge) -> None:
        if not edge.open:
            return
        self._struck = bool(self._armed)
        while self._armed:
            self._armed.pop()()

    def caused(self) -> Collection[EventKind]:
        """What a strike causes, from the window it strikes until the next one opens."""
        return BY_NEIGHBOURS if self._struck else ()


class SabotagedGenerator(ProcessGenerator):
    """Tells a saboteur of the edges of windows."""

    saboteur: ClassVar[WindowSaboteur]

    def window(
        self, *given: Any, at_edge: Callable[[Edge], None] = lambda _: None, **more: Any
    ) -> Tally:
        def struck(edge: Edge) -> None:
            at_edge(edge)
            self.saboteur.opening(edge)

        return super().window(*given, at_edge=struck, **more)


def at(word: str, strike: Callable[[psutil.Process], object]) -> Callable[[], None]:
    """A strike at all processes of this run with that word in their command line."""

    def act() -> None:
        for process in below(word):
            with suppress(psutil.Error):  # it ended by itself
                strike(process)

    return act


def stop(process: psutil.Process) -> None:
    """For a while; the process is continued from a thread of its own."""
    process.send_signal(signal.SIGSTOP)
    threading.Timer(STOP_S, process.send_signal, [signal.SIGCONT]).start()


def kill(process: psutil.Process) -> None:
    process.kill()
    process.wait(5)


def kill_worker(server: psutil.Process) -> None:
    """One that serves, and not the process that starts another."""
    for worker in server.children()[:1]:
        worker.kill()


def crash(process: psutil.Process) -> None:
    """A backend of the first server's role."""
    if any("bridgetoll_" in part and "_0_" in part for part in process.cmdline()):
        process.kill()


class Accident(msgspec.Struct, frozen=True):
    """What befalls the second window of a phase."""

    endpoint: str
    connections: int
    window_s: float
    word: str
    strike: Callable[[psutil.Process], object]

    @property
    def condition(self) -> Condition:
        return Condition(
            self.endpoint, connections=self.connections, rows=2, window_s=self.window_s
        )

    @property
    def toml(self) -> str:
        return (
            f'[[conditions]]\nendpoint = "{self.endpoint}"\nconnections = {self.connections}\n'
            f"rows = 2\nwindow_s = {self.window_s}\n\n"
        )


LONG_S, SHORT_S = STOP_S + 0.8, 1.2
ACCIDENTS = {
    "server stopped": Accident("noop", 2, LONG_S, "server.py", stop),
    "PostgreSQL stopped": Accident("io_read", 2, LONG_S, "postgres", stop),
    "generator stopped": Accident("noop", 3, LONG_S, "harness.load.worker.worker", stop),
    "worker killed": Accident("noop", 4, SHORT_S, "server.py", kill_worker),
    "backend killed": Accident("io_read", 3, SHORT_S, "postgres: ", crash),
}


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


@pytest.fixture(scope="module")
def struck(tmp_path_factory: pytest.TempPathFactory) -> list[LabelledTrial]:
    """A run in which every accident happens once, and every phase may be measured again."""
    strikes = {a.condition.name: at(a.word, a.strike) for a in ACCIDENTS.values()}
    conditions = "".join(accident.toml for accident in ACCIDENTS.values())
    saboteur = WindowSaboteur(strikes)
    with pytest.MonkeyPatch.context() as patch, undisturbed(saboteur.caused):
        patch.setattr(block, "_LEAST_REPEATED", len(ACCIDENTS))
        patch.setattr(SabotagedGenerator, "saboteur", saboteur, raising=False)
        patch.setattr(instruments, "ProcessGenerator", SabotagedGenerator)
        _, trials = measure(
            tmp_path_factory.mktemp("struck"), ["prefork"], saboteur, conditions=conditions,
        )  # fmt: skip
    return trials


def of(trials: Sequence[LabelledTrial], accident: str) -> list[LabelledTrial]:
    """The trials of its phase; all count from the second attempt alone."""
    condition = ACCIDENTS[accident].condition
    found = [t for t in trials if t.trial.condition == condition]
    assert counted(found) == {(t.trial.entry, 2) for t in found}
    return found


def test_a_stopped_server_is_named_and_its_phase_measured_again(
    struck: list[LabelledTrial],
) -> None:
    found = spoilt(of(struck, "server stopped"), Label.STOPPED)
    details = {finding.label: finding.detail for finding in found.findings}
    assert "the server was stopped" in details[Label.STOPPED]
    assert "no answer came for" in details[Label.STALLED]


def test_a_stopped_postgresql_is_named(struck: list[LabelledTrial]) -> None:
    found = spoilt(of(struck, "PostgreSQL stopped"), Label.STOPPED)
    details = {finding.label: finding.detail for finding in found.findings}
    assert "PostgreSQL was stopped" in details[Label.STOPPED]
    assert Label.STALLED in details


def test_a_stopped_generator_is_named(struck: list[LabelledTrial]) -> None:
    trial = spoilt(of(struck, "generator stopped"), Label.STOPPED).trial
    (event,) = (e for e in trial.events if e.kind == "stopped")
    assert "the load generator" in event.detail
    assert (event.round, event.position) == (0, 1)


def test_a_killed_worker_is_named_and_its_phase_measured_again(
    struck: list[LabelledTrial],
) -> None:
    trials = of(struck, "worker killed")
    found = [t for t in trials if Label.WORKERS_CHANGED in t.labels]
    assert {t.trial.attempt for t in found} == {1}
    assert any("1 of 2 ended" in e.detail for t in found for e in t.trial.events)


def test_a_backend_that_crashes_makes_postgresql_restart_and_the_run_goes_on(
    struck: list[LabelledTrial],
) -> None:
    assert any(Label.DATABASE_RESTARTED in t.labels for t in of(struck, "backend killed"))


def test_phases_without_an_accident_have_no_events(struck: list[LabelledTrial]) -> None:
    again = [t for t in struck if t.trial.attempt == 2]
    assert len(again) == 2 * len(ACCIDENTS)
    assert not any(t.trial.events for t in again)


@pytest.fixture(scope="module")
def unsettled(tmp_path_factory: pytest.TempPathFactory) -> list[LabelledTrial]:
    """A run that loses its probe after a few slices, and one of whose servers recycles workers."""
    condition = Condition("noop", connections=4, rows=50)
    saboteur = Saboteur({condition.name: at("harness.lab.speed.worker", kill)}, after=3)
    with undisturbed(lambda: {"probe-lost"}):
        _, trials = measure(
            tmp_path_factory.mktemp("unsettled"), ["good", "recycles"], saboteur,
            endpoints=["noop"], rounds=12,
        )  # fmt: skip
    assert {t.trial.attempt for t in trials} == {1}  # neither spoils a figure
    return trials


def test_a_killed_probe_is_named_and_the_next_turns_have_one_again(
    unsettled: list[LabelledTrial],
) -> None:
    (found,) = (t for t in unsettled if Label.PROBE_LOST in t.labels)
    (event,) = (e for e in found.trial.events if e.kind == "probe-lost")
    assert "died" in event.detail
    assert found.standing is Standing.LABELLED
    assert all(piece.probe_ns for t in unsettled for piece in t.trial.slices)


def test_a_server_that_recycles_its_workers_counts_with_a_label(
    unsettled: list[LabelledTrial],
) -> None:
    """It is a property of the variant: in every attempt the same would happen."""
    (item,) = (t for t in unsettled if t.trial.entry == "toy/recycles")
    assert Label.RECYCLING in item.labels
    assert Label.WORKERS_CHANGED not in item.labels
    kinds = [event.kind for event in item.trial.events]
    assert kinds.count("workers-changed") >= 3


def test_a_server_that_pauses_by_itself_counts_with_a_label(tmp_path: Path) -> None:
    with undisturbed(lambda: {"stalled"}):
        _, trials = measure(tmp_path, ["pauses"], Recorder(), endpoints=["noop"], rounds=16)
    first = [t for t in trials if t.trial.attempt == 1]
    assert any(e.kind == "stalled" for t in first for e in t.trial.events)
    assert all(Label.PAUSING in t.labels for t in trials if t.trial.events)
    assert len(counted(trials)) == len(first)

"""Locust's cells, from a study to a report: real Locust, real servers, real faults, but short."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import msgspec
import psutil
import pytest

from harness.analysis.analyse import analyse
from harness.analysis.labels.labels import Label
from harness.analysis.labels.trials import last_attempts
from harness.base.errors import RunFailed
from harness.inputs.study_loader import load_study
from harness.records.run import Run
from harness.records.store import Store, find_run
from harness.records.trial import Trial, trial_stem
from harness.report.write import write_report
from harness.runner.start import resume
from harness.runner.time_left import Stage
from tests.processes import below
from tests.toys.labelling import labelled
from tests.toys.laboratory import Recorder, laboratory_of, run_study, trusting, undisturbed
from tests.toys.undrawn import undrawn
from tests.toys.workspaces import toy_workspace

USERS, ADDED_MS, FEW = 30, 20, 13
PATIENCE_S = 120.0
"""Until Locust has started, whose packages a machine may have to read first."""
STUDY = f"""
title = "Toys, ridden by locusts"
question = "Is a cell measured as it should be?"
variants = ["toy/good", "toy/crowded"]
baseline = "toy/good"
blocks = 1
seed = 7

[setups."toy/crowded"]
variant = "toy/unpooled"
max_connections = {FEW}

[server]
pool_size = 8

[database]
max_connections = 60

[load]
engine = "locust"
processes = 2
ramp = {{ per_s = 10, hold_s = 2 }}

[[conditions]]
endpoint = "io_create"
connections = {USERS}
rows = 10
latency = {{ database_ms = {ADDED_MS}, client_ms = {ADDED_MS} }}
"""


@pytest.fixture(autouse=True, scope="module")
def trusted() -> Iterator[None]:
    with trusting():
        yield


class Killer(Recorder):
    """Ends a worker of Locust's first ramp, once it has begun to work."""

    def __init__(self) -> None:
        super().__init__()
        self.killed = threading.Event()

    def step(self, what: str, stage: Stage | None = None) -> None:
        super().step(what, stage)
        if "users come" in what and not self.killed.is_set():
            threading.Thread(target=self._kill).start()

    def _kill(self) -> None:
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end and not self.killed.is_set():
            busy = [worker for worker in below("--master-host") if cpu_s(worker) > 0.2]
            for worker in busy[:1]:
                with suppress(psutil.NoSuchProcess):  # it ended by itself
                    worker.kill()
                    self.killed.set()
            time.sleep(0.05)


class Finished(msgspec.Struct):
    store: Store
    run: Run
    first: list[Trial]
    trials: list[Trial]
    failure: str

    def last(self, entry: str) -> Trial:
        """The last attempt at an entry's cell."""
        return max((t for t in self.trials if t.entry == entry), key=lambda t: t.attempt)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run whose first cell loses a worker of Locust, and which is then resumed."""
    workspace = toy_workspace(tmp_path_factory.mktemp("cells") / "workspace")
    path = workspace.shared / "studies" / "cells.toml"
    path.write_text(STUDY)
    killer = Killer()
    laboratory = laboratory_of(workspace, killer)
    with undisturbed(), pytest.raises(RunFailed) as failure:
        run_study(laboratory, "cells", load_study(path, laboratory.catalog))
    assert killer.killed.is_set()
    (name,) = (path.name for path in workspace.results.iterdir())
    store = find_run(workspace.results, name)
    first, _ = store.trials()
    with undisturbed():
        resume(laboratory_of(workspace, Recorder()), store)
    trials, damaged = store.trials()
    assert damaged == []
    return Finished(store, store.read_run(), first, trials, str(failure.value))


def test_a_worker_that_dies_costs_its_cell_and_not_the_run(finished: Finished) -> None:
    (broken,) = (t for t in finished.first if t.problem)
    assert broken.problem is not None
    assert re.search(r"worker \d of 2 was ended by SIGKILL", broken.problem)
    (other,) = {t.entry for t in finished.first} - {broken.entry}
    assert any(t.complete for t in finished.first if t.entry == other)
    assert "--resume" in finished.failure


def test_a_worker_that_dies_is_a_finding_with_a_remedy(finished: Finished) -> None:
    (broken,) = (t for t in labelled(finished.run, finished.first) if t.trial.problem)
    (finding,) = (f for f in broken.findings if f.label is Label.LOAD_WORKER_LOST)
    assert "was ended by SIGKILL" in finding.detail
    assert "--resume" in finding.remedy


def test_resuming_repeats_that_cell_and_no_other(finished: Finished) -> None:
    before = {(t.entry, t.attempt) for t in finished.first}
    again = [t for t in finished.trials if (t.entry, t.attempt) not in before]
    assert {t.entry for t in again} == {t.entry for t in finished.first if t.problem}
    assert all(t.complete for t in again)


def test_all_users_come_and_every_second_is_counted(finished: Finished) -> None:
    for entry in ("toy/good", "toy/crowded"):
        trial = finished.last(entry)
        (piece,) = trial.slices
        assert trial.ramp is not None
        assert piece.window is not None
        assert trial.ramp.users == USERS
        assert 5 <= piece.elapsed_ns / 1e9 < 5 + 30  # a busy machine ends it late
        assert sum(piece.window.per_second) == piece.correct > 0
        assert sum(trial.ramp.came_per_second) == USERS
        assert sum(trial.ramp.failed_per_second) == sum(piece.errors.values())
        assert len(trial.ramp.failed_per_second) == len(piece.window.per_second)
        assert 0 <= trial.ramp.under_way_at_stop <= USERS
        assert piece.generator_cpu_ns > 0
        assert piece.server_cpu_ns > 0
        assert piece.relay_cpu_ns > 0


def test_every_answer_takes_what_was_added(finished: Finished) -> None:
    trial = finished.last("toy/good")
    trips = trial.round_trips
    assert trips is not None
    looks = trips.database_before, trips.database_after
    assert all(look >= ADDED_MS for look in looks)
    assert min(looks) < 4 * ADDED_MS  # the other one may have been held up
    # The direct way is taken off, and on a busy machine both ways have their own delays.
    client = trips.client_before, trips.client_after
    assert any(0.5 * ADDED_MS <= look < 4 * ADDED_MS for look in client)
    (piece,) = trial.slices
    assert piece.latency_p50_ns is not None
    assert piece.latency_p50_ns >= 2 * ADDED_MS * 1e6


def test_connections_that_run_out_are_the_setups_errors(finished: Finished) -> None:
    crowded, good = finished.last("toy/crowded"), finished.last("toy/good")
    assert crowded.ramp is not None
    assert good.ramp is not None
    assert (crowded.ramp.max_connections, good.ramp.max_connections) == (FEW, 60)
    assert sum(crowded.slices[0].errors.values()) > 0
    assert set(crowded.slices[0].errors) <= {"status 500", "status 503"}
    assert good.slices[0].errors == {}


def test_the_report_has_every_cell_with_its_share_of_failures(finished: Finished) -> None:
    ramps = analyse(finished.run, finished.trials).ramps
    assert ramps is not None
    cells = {cell.setup: cell for cell in ramps.cells}
    assert cells["toy/good"].failed_share == 0
    share = cells["toy/crowded"].failed_share
    assert share is not None
    assert share > 0
    with undrawn():
        page = write_report(finished.store).page.read_text()
    assert "of requests failed" in page
    assert "toy/crowded" in page
    assert (finished.store.folder / "report.md").read_text().count("io_create") >= 2


def test_locusts_own_page_is_kept_beside_ours(finished: Finished) -> None:
    (phase,) = finished.run.plan.phases
    complete = [t for t in finished.trials if t.complete]
    stems = [trial_stem(phase.block, phase.condition, t.entry, t.attempt) for t in complete]
    assert len(stems) == 2
    for stem in stems:
        assert "<html" in (finished.store.logs / f"{stem}.html").read_text()


class Stopper(Recorder):
    """Stops the server of the first ramp for some seconds, in its middle."""

    def step(self, what: str, stage: Stage | None = None) -> None:
        super().step(what, stage)
        if "users come" in what and not self.runs.count("struck"):
            self.runs.append("struck")
            threading.Thread(target=self._stop).start()

    @staticmethod
    def _stop() -> None:
        """Once Locust uses its processor, users are there."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            if any(cpu_s(process) > 0.6 for process in below("locust")):
                servers = below("server.py")
                for server in servers:
                    server.suspend()
                time.sleep(2.5)
                for server in servers:
                    server.resume()
                return
            time.sleep(0.05)


def cpu_s(process: psutil.Process) -> float:
    """What a process has used; nothing if it has ended."""
    try:
        return process.cpu_times().user
    except psutil.Error:
        return 0.0


def test_a_cell_whose_server_was_stopped_is_measured_again(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    workspace = toy_workspace(tmp_path_factory.mktemp("stopped") / "workspace")
    path = workspace.shared / "studies" / "cells.toml"
    longer = "ramp = { per_s = 30, hold_s = 5 }"
    one = STUDY.replace("processes = 2\n", "").replace(', "toy/crowded"]', "]")
    path.write_text(one.replace("ramp = { per_s = 10, hold_s = 2 }", longer))
    laboratory = laboratory_of(workspace, Stopper())
    with undisturbed():
        store = run_study(laboratory, "cells", load_study(path, laboratory.catalog))
    run, (trials, _) = store.read_run(), store.trials()
    (struck,) = (t for t in trials if any(e.kind == "stopped" for e in t.events))
    assert struck.attempt == 1
    (again,) = (t for t in trials if t.entry == struck.entry and t.attempt == 2)
    assert again.complete
    assert again in last_attempts(run, trials)
    assert struck not in last_attempts(run, trials)

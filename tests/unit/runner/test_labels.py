"""Labels that are given for real: each trial here suffers from what its label says."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from harness.analysis.condition import unsteady
from harness.analysis.labels.labels import Label
from harness.analysis.labels.limits import Circumstances
from harness.analysis.labels.rules import findings
from harness.inputs.study_loader import load_study
from harness.lab.machine import propose_cores
from harness.lab.process import launch
from harness.records.run import Run
from harness.records.trial import Trial
from tests.toys.laboratory import Recorder, laboratory_of, run_study, trusting
from tests.toys.workspaces import toy_workspace, write_study


@pytest.fixture(autouse=True, scope="module")
def trusted() -> Iterator[None]:
    with trusting():
        yield


CORES = propose_cores()
BURN = "while True: pass"


def labels(run: Run, trial: Trial) -> dict[Label, str]:
    found = (*findings(trial, Circumstances.of(run, trial.variant)), *unsteady(trial))
    return {finding.label: finding.detail for finding in found}


def measure(
    folder: Path, variants: Sequence[str], conditions: str, extra: str = ""
) -> dict[tuple[str, str], dict[Label, str]]:
    """Run one block; give the labels by variant and condition."""
    workspace = toy_workspace(folder / "workspace")
    path = write_study(
        workspace, "sick", variants, endpoints=(), blocks=1, extra=extra, conditions=conditions
    )
    laboratory = laboratory_of(workspace, Recorder())
    store = run_study(laboratory, "sick", load_study(path, laboratory.catalog))
    run, (trials, damaged) = store.read_run(), store.trials()
    assert damaged == []
    return {
        (trial.entry.removeprefix("toy/"), trial.condition.name): labels(run, trial)
        for trial in trials
    }


@contextmanager
def busy(cpus: Sequence[int]) -> Iterator[None]:
    """Somebody else's endless loops, one on each of these processors."""
    with ExitStack() as stack:
        for cpu in cpus:
            stack.callback(launch([sys.executable, "-c", BURN], cpus=[cpu]).stop)
        yield


READ = """
[[conditions]]
endpoint = "io_read"
connections = 16
rows = 50
window_s = 1.5
"""
CREATE = """
[[conditions]]
endpoint = "io_create"
connections = 4
rows = 2
window_s = 9
"""


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[Label, str]]:
    variants = ["good", "sleepy", "heavy", "fails-now-and-then"]
    found = measure(tmp_path_factory.mktemp("read"), variants, READ)
    return {variant: named for (variant, _), named in found.items()}


@pytest.fixture(scope="module")
def created(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[Label, str]]:
    variants = ["grows", "waits-in-line"]
    found = measure(tmp_path_factory.mktemp("create"), variants, CREATE)
    return {variant: named for (variant, _), named in found.items()}


def test_a_healthy_trial_bears_none_of_them(read: dict[str, dict[Label, str]]) -> None:
    """Of its machine's noise the test says nothing: that is not the trial's doing."""
    sick = {Label.POOL_BOUND, Label.DATABASE_BOUND, Label.ERRORS, Label.INCONSISTENT}
    assert not sick & read["good"].keys()


def test_slow_statements_and_a_small_pool_are_pool_bound(
    read: dict[str, dict[Label, str]],
) -> None:
    assert "its 4 connections were lent for" in read["sleepy"][Label.POOL_BOUND]


def test_statements_that_make_postgresql_compute_are_database_bound(
    read: dict[str, dict[Label, str]],
) -> None:
    assert {Label.DATABASE_BOUND, Label.LOAD_CORE_BOUND} & read["heavy"].keys()
    assert Label.SERVER_BOUND not in read["heavy"]


def test_an_endpoint_that_fails_now_and_then_is_labelled_errors(
    read: dict[str, dict[Label, str]],
) -> None:
    assert "status 503" in read["fails-now-and-then"][Label.ERRORS]


def test_a_growing_table_is_no_steady_state(created: dict[str, dict[Label, str]]) -> None:
    assert "responses per second changed by -" in created["grows"][Label.UNSTEADY]


def test_statements_that_wait_for_each_other_are_database_bound(
    created: dict[str, dict[Label, str]],
) -> None:
    assert "waited for Lock:advisory" in created["waits-in-line"][Label.DATABASE_BOUND]


def test_a_busy_neighbour_makes_trials_noisy(tmp_path: Path) -> None:
    with busy(CORES.application):
        found = measure(
            tmp_path, ["good"], '[[conditions]]\nendpoint = "noop"\nconnections = 4\nrows = 2\n'
        )
    assert all("other processes used" in named[Label.NOISY] for named in found.values())


def test_a_throttled_generator_is_generator_bound(tmp_path: Path) -> None:
    """Endless loops on its core: it cannot send when it should, and says so itself."""
    condition = (
        '[[conditions]]\nendpoint = "noop"\nconnections = 8\nrows = 2\nwindow_s = 2\nrate = 200\n'
    )
    with busy([*CORES.load] * 3):
        found = measure(tmp_path, ["good"], condition)
    assert any(
        "requests were sent up to" in named.get(Label.GENERATOR_BOUND, "")
        for named in found.values()
    )


def test_a_rate_beyond_the_server_is_overloaded(tmp_path: Path) -> None:
    condition = (
        '[[conditions]]\nendpoint = "io_read"\nconnections = 4\nrows = 50\nwindow_s = 1.5\n'
        'rate = 1000\narrivals = "constant"\n'
    )
    found = measure(tmp_path, ["sleepy"], condition)
    for named in found.values():
        assert "dropped" in named[Label.OVERLOADED]


def test_an_objective_that_cannot_be_met_is_a_finding(tmp_path: Path) -> None:
    """The sleepy toy's fastest answer takes 40 ms."""
    condition = (
        '[[conditions]]\nendpoint = "io_read"\nconnections = 8\nrows = 50\nwindow_s = 0.5\n'
        "objective = { latency_ms = 5 }\n"
    )
    found = measure(tmp_path, ["sleepy"], condition)
    for named in found.values():
        assert "tries was confirmed" in named[Label.NEVER_MET]

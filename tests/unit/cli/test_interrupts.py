"""The command as a process of its own, stopped by signals at every stage of its work."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from harness.base.workspace import Workspace
from harness.lab.process import wait_until
from harness.records.lock import LOCK
from harness.records.store import Store
from tests.faults.faults import GO
from tests.faults.holding import held_command
from tests.mounts import cover_read_only
from tests.processes import below
from tests.toys.command import (
    PATIENCE_S,
    environment_of,
    left_running,
    run_command,
    start_command,
    stop_when,
)
from tests.toys.entry import called
from tests.toys.shelves import dated_run, shelve
from tests.toys.stubborn import add_stubborn
from tests.toys.workspaces import toy_workspace, write_study
from tests.waiting import gone

ALL = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
BLOCKS = 40
"""So many take longer than all tests that stop the run."""
LOOKS = 3
"""At a time that a busy machine may only lengthen."""
MANY = 23
"""Servers beside the baseline's duplicate; one after the other they would take longer to stop."""


def shadow(folder: Path, module: str) -> str:
    """Make the import of a module last for ever; returns the PYTHONPATH by which it does."""
    folder.mkdir(exist_ok=True)
    body = (
        f"import pathlib, time\npathlib.Path({str(folder / 'reached')!r}).touch()\ntime.sleep(90)\n"
    )
    (folder / f"{module}.py").write_text(body)
    return str(folder)


def told(err: str) -> str:
    """What was printed, in one line; never a traceback."""
    assert "Traceback" not in err
    return " ".join(err.split())


@pytest.mark.parametrize("number", ALL)
def test_the_command_may_be_stopped_while_it_is_imported(
    workspace: Workspace, tmp_path: Path, number: signal.Signals
) -> None:
    slow = shadow(tmp_path / "slow", "typer")
    process = start_command(workspace, "list", PYTHONPATH=slow)
    reached = tmp_path / "slow" / "reached"

    def importing() -> bool:
        if not reached.exists():
            return False
        (tmp_path / "slow" / "typer.py").unlink(missing_ok=True)  # the message needs the real one
        return True

    _, err = stop_when(process, importing, number)
    assert process.returncode == 128 + number
    assert "nothing is left running" in told(err)


@pytest.mark.parametrize(
    "command",
    [("run", "early"), ("ab", "toy/good", "--env", "X=1", "--json")],
    ids=lambda command: command[0],
)
def test_environments_may_be_stopped_while_they_are_made(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    workspace = toy_workspace(tmp_path / "workspace")
    write_study(workspace, "early", ["good"])
    uv, pid = tmp_path / "uv", tmp_path / "pid"
    uv.write_text(f"#!/bin/sh\necho $$ > {pid}\nexec sleep 90\n")
    uv.chmod(0o755)
    process = start_command(
        workspace, *command, UV=str(uv), BRIDGETOLL_CACHE=str(tmp_path / "cache")
    )
    out, err = stop_when(process, lambda: pid.exists() and bool(pid.read_text()), signal.SIGINT)
    assert process.returncode == 130
    assert "nothing is left running" in told(err)
    assert command[0] == "run" or out == ""
    assert gone(int(pid.read_text()))
    assert list(workspace.results.glob("*")) == []


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with a study that takes longer than its tests."""
    workspace = toy_workspace(tmp_path_factory.mktemp("long") / "workspace")
    write_study(workspace, "long", ["good"], blocks=BLOCKS, rounds=8)
    return workspace


def test_each_signal_ends_a_run_and_says_what_continues_it(long: Workspace) -> None:
    """One run, stopped by a signal, twice, and resumed, until each signal has come."""
    arguments = ("run", "long")
    for number in ALL:
        process = start_command(long, *arguments, trusting=True)
        await_trials(long, process, trials_of(long) + 1)
        _, err = stop_twice(process, number)
        (folder,) = long.results.iterdir()
        assert process.returncode == 128 + number
        words = told(err)
        kept = Store(folder).kept(Store(folder).read_run())
        share = f"{kept.trials} of {2 * BLOCKS} trials ({kept.blocks} of {BLOCKS} blocks)"
        assert f"{folder.name} keeps {share}" in words
        assert f"`bridgetoll run --resume {folder.name}`" in words
        assert left_running(long, process.pid) == []
        assert not (folder / ".lock").exists()
        arguments = ("run", f"--resume={folder.name}")
    trials, damaged = Store(folder).trials()
    assert damaged == []
    assert len({(t.block, t.entry) for t in trials if t.complete}) == kept.trials


def trials_of(workspace: Workspace) -> int:
    return len(list(workspace.results.glob("*/trials/*.json")))


def await_trials(workspace: Workspace, process: "subprocess.Popen[str]", count: int) -> None:
    """Wait until so many are kept, or the command has ended."""
    assert wait_until(
        lambda: trials_of(workspace) >= count or process.poll() is not None, PATIENCE_S
    )


def stop_twice(process: "subprocess.Popen[str]", number: signal.Signals) -> tuple[str, str]:
    """Stop it, and again while it stops."""
    process.send_signal(number)
    time.sleep(0.1)
    process.send_signal(number)
    return process.communicate(timeout=PATIENCE_S)


def test_a_second_process_that_resumes_a_run_is_refused_and_changes_nothing(
    long: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second is this one."""
    folder = next(long.results.glob("*"), None)
    arguments = ("run", "long") if folder is None else ("run", "--resume", folder.name)
    first = start_command(long, *arguments, trusting=True)
    try:
        assert wait_until(lambda: uses_a_run(long, first.pid), PATIENCE_S)
        (folder,) = long.results.iterdir()
        with called(long, capsys) as call:
            others = [
                call(*command, folder.name)
                for command in (["run", "--resume"], ["report"], ["pack"])
            ]
        assert first.poll() is None
        await_trials(long, first, trials_of(long) + 1)
    finally:
        first.send_signal(signal.SIGINT)
        _, err = first.communicate(timeout=PATIENCE_S)
    for other in others:
        assert other.status == 2
        assert f"The run {folder.name} is in use by process {first.pid} " in told(other.err)
    assert first.returncode == 130
    assert "continue with" in told(err)


def uses_a_run(workspace: Workspace, pid: int) -> bool:
    """Whether a process has begun to use a run, and has named itself in the lock."""
    runs = [path.parent for path in workspace.results.glob("*/run.json")]
    return any(
        (run / LOCK).exists() and f'"pid":{pid},' in (run / LOCK).read_text() for run in runs
    )


def test_ctrl_c_returns_within_five_seconds_with_many_servers_that_ignore_it(
    tmp_path: Path,
) -> None:
    workspace = toy_workspace(tmp_path / "workspace")
    path = write_study(workspace, "many", add_stubborn(workspace, MANY), rounds=40)
    path.write_text(path.read_text().replace("max_connections = 100", "max_connections = 300"))
    assert any(time_of_ctrl_c(workspace) < 5.0 for _ in range(LOOKS))


def time_of_ctrl_c(workspace: Workspace) -> float:
    """How long it takes until nothing is left of the command, once its servers are there."""
    process = start_command(workspace, "run", "many", trusting=True)
    # Beside a busy neighbour it starts them in a minute; time counts from then on.
    assert wait_until(lambda: servers_of(process) > MANY or process.poll() is not None, 180)
    began = time.monotonic()
    _, err = stop_when(process, lambda: True, signal.SIGINT)
    assert left_running(workspace, process.pid) == []
    lasted = time.monotonic() - began
    assert process.returncode == 130
    assert f"keeps 0 of {2 * (MANY + 1)} trials" in told(err)
    return lasted


def servers_of(process: "subprocess.Popen[str]") -> int:
    return len(below("stubborn.py", process.pid))


def test_a_run_may_be_stopped_while_it_is_reported(tmp_path: Path) -> None:
    workspace = toy_workspace(tmp_path / "workspace")
    write_study(workspace, "short", ["good"], rounds=2)
    slow = shadow(tmp_path / "slow", "vl_convert")
    process = start_command(workspace, "run", "short", trusting=True, drawing=True, PYTHONPATH=slow)
    _, err = stop_when(process, (tmp_path / "slow" / "reached").exists, signal.SIGINT)
    (folder,) = workspace.results.iterdir()
    assert process.returncode == 130
    assert f"{folder.name} keeps 4 of 4 trials (2 of 2 blocks)" in told(err)
    assert f"`bridgetoll report {folder.name}` makes the report" in told(err)
    again = start_command(workspace, "report", folder.name, trusting=True)
    again.communicate(timeout=PATIENCE_S)
    assert again.returncode == 0


def test_a_report_may_be_stopped_while_charts_are_drawn(
    workspace: Workspace, tmp_path: Path
) -> None:
    store = shelve(workspace.results, dated_run(3))
    slow = shadow(tmp_path / "slow", "vl_convert")
    process = start_command(workspace, "report", store.id, PYTHONPATH=slow)
    workers: list[int] = []

    def drawing() -> bool:
        workers[:] = [p.pid for p in below("harness.report.drawing.draw", process.pid)]
        return bool(workers) and (tmp_path / "slow" / "reached").exists()

    _, err = stop_when(process, drawing, signal.SIGTERM)
    assert process.returncode == 143
    assert f"`bridgetoll report {store.id}` makes the report" in told(err)
    assert all(gone(pid) for pid in workers)
    assert not list(store.folder.rglob("*.part"))


def test_a_publication_may_be_stopped(workspace: Workspace, tmp_path: Path) -> None:
    store = shelve(workspace.results, dated_run(3))
    before = {path: path.stat().st_mtime_ns for path in store.folder.rglob("*")}
    slow = shadow(tmp_path / "slow", "vl_convert")
    process = start_command(
        workspace, "publish", store.id, "--to", str(tmp_path / "site"), PYTHONPATH=slow
    )
    _, err = stop_when(process, (tmp_path / "slow" / "reached").exists, signal.SIGHUP)
    assert process.returncode == 129
    assert "stopped by SIGHUP" in told(err)
    assert {path: path.stat().st_mtime_ns for path in store.folder.rglob("*")} == before


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Workspace]:
    """A workspace whose results lie on a disk of a mebibyte."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount")
    workspace = toy_workspace(tmp_path / "workspace")
    workspace.results.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(workspace.results)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine does not let root mount")
    yield workspace
    subprocess.run(["umount", str(workspace.results)], check=True)


def test_a_full_disk_is_told_as_what_it_is_and_the_advice_is_true(small: Workspace) -> None:
    """The report fails too; that is added, and hides nothing.

    The run is held in its second block until the disk is full, so it cannot end before.
    """
    write_study(small, "short", ["good"], rounds=4)
    ballast = small.results / "ballast"
    with held_command("slice", ["run", "short"], environment_of(small)) as (process, go):
        with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"x" * 1024)
        os.write(go, GO)
        _, err = process.communicate(timeout=PATIENCE_S)
    (folder,) = (path for path in small.results.iterdir() if path != ballast)
    words = told(err)
    assert process.returncode == 1
    error = words.partition("error: ")[2]
    assert "/trials/" in error.partition("Also, the report")[0]
    assert "(No space left on device); free some space" in error
    assert f"Also, the report of {folder.name} could not be made" in error
    assert f"{folder.name} keeps " in error
    assert error.count(f"`bridgetoll run --resume {folder.name}`") == 1
    ballast.unlink()
    subprocess.run(["mount", "-o", "remount,size=100m", str(small.results)], check=True)
    again = start_command(small, "run", "--resume", folder.name, trusting=True)
    out, _ = again.communicate(timeout=PATIENCE_S)
    assert again.returncode == 0
    assert "keeps 4 of 4 trials (2 of 2 blocks)" in told(out)


def test_a_disk_that_becomes_read_only_is_told_as_what_it_is(small: Workspace) -> None:
    """As the kernel makes one read-only that has errors: nothing that is opened anew is written."""
    write_study(small, "endless", ["good"], rounds=4, blocks=400)
    process = start_command(small, "run", "endless", trusting=True)
    await_trials(small, process, 1)
    cover_read_only(small.results)
    try:
        _, err = process.communicate(timeout=PATIENCE_S)
        (folder,) = small.results.iterdir()
        again = run_command(small, "run", "--resume", folder.name)
    finally:
        subprocess.run(["umount", "-l", small.results], check=True)
    assert process.returncode == 1
    assert "Read-only file system" in told(err)
    assert "make the file system writable" in told(err)
    assert f"`bridgetoll run --resume {folder.name}`" in told(err)
    assert again.returncode == 1
    assert "Read-only file system); make the file system writable" in told(again.stderr)


def test_too_few_open_files_are_told_with_the_limit_to_raise(tmp_path: Path) -> None:
    """It has more than eight open when they are limited to so many, before a slice."""
    workspace = toy_workspace(tmp_path / "workspace")
    write_study(workspace, "short", ["good"], rounds=4)
    with held_command("slice", ["run", "short"], environment_of(workspace)) as (process, go):
        psutil.Process(process.pid).rlimit(psutil.RLIMIT_NOFILE, (8, 8))
        os.write(go, GO)
        _, err = process.communicate(timeout=PATIENCE_S)
    (folder,) = workspace.results.iterdir()
    assert process.returncode == 1
    assert "Too many open files" in told(err)
    assert "`ulimit -n`" in told(err)
    assert f"`bridgetoll run --resume {folder.name}`" in told(err)
    assert left_running(workspace, process.pid) == []

"""The command `bridgetoll` as a process of its own, and what it has running."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import psutil

from harness.base.workspace import Workspace, cache_folder
from harness.lab.process import wait_until
from tests import waiting
from tests.toys.trusting_command import DRAWS

PATIENCE_S = 180.0


def start_command(
    workspace: Workspace,
    *arguments: str,
    trusting: bool = False,
    drawing: bool = False,
    stdout: Path | int | None = None,
    **environment: str,
) -> subprocess.Popen[str]:
    """Start it in a workspace; its standard output and error come back separately.

    trusting: it neither verifies nor audits, and draws no chart unless `drawing`.
    stdout: a file for its standard output, or the descriptor of one.
    environment: variables besides those of this process.
    """
    module = "tests.toys.trusting_command" if trusting else "harness.cli"
    if drawing:
        environment[DRAWS] = "1"
    with ExitStack() as stack:
        if isinstance(stdout, Path):
            stdout = stack.enter_context(stdout.open("w")).fileno()
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=workspace.root,
            env=environment_of(workspace, **environment),
            stdout=subprocess.PIPE if stdout is None else stdout,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )


def environment_of(workspace: Workspace, **more: str) -> dict[str, str]:
    """Of a command in a workspace: this process's, `more`, and where the harness is imported."""
    path = ":".join(filter(None, (more.get("PYTHONPATH"), str(Workspace().root))))
    root = str(workspace.root)
    return {**os.environ, "BRIDGETOLL_ROOT": root, "COLUMNS": "80", **more, "PYTHONPATH": path}


def run_command(workspace: Workspace, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end."""
    process = start_command(workspace, *arguments)
    try:
        out, err = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def stop_when(
    process: subprocess.Popen[str], condition: Callable[[], bool], number: signal.Signals
) -> tuple[str, str]:
    """Send a signal once the condition holds; returns standard output and error."""
    try:
        held = wait_until(lambda: condition() or process.poll() is not None, PATIENCE_S)
        if held and process.poll() is None:
            process.send_signal(number)
        return process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()


def left_running(workspace: Workspace, pid: int) -> list[str]:
    """Command lines of what the command with that pid started and left, after some grace."""
    end = time.monotonic() + waiting.PATIENCE_S
    while (found := _family(workspace, pid)) and time.monotonic() < end:
        time.sleep(0.05)
    return found


def _family(workspace: Workspace, pid: int) -> list[str]:
    """Servers and generator work in the workspace, PostgreSQL in a cluster named after the pid."""
    clusters = str(cache_folder() / "clusters" / f"{pid}-")
    found = []
    for process in psutil.process_iter():
        try:
            place = process.cwd()
            if place.startswith((str(workspace.root), clusters)):
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue  # it has ended meanwhile
    return found

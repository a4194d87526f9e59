"""Processes that hold a lock until they are ended, and that started one of their own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.base.workspace import Workspace

_RUN = """\
import subprocess, sys
from pathlib import Path
from harness.records.lock import changing

with changing(Path(sys.argv[1])):
    child = subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL)
    print(child.pid, flush=True)
    sys.stdin.read()
child.kill()
"""

_MACHINE = """\
import sys
from harness.lab.measuring import measuring

with measuring(name=sys.argv[1]):
    print(0, flush=True)
    sys.stdin.read()
"""


@contextmanager
def run_holder(folder: Path) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """A process that holds a run's lock, and the id of its child, which lives as long as it can."""
    with _holder(_RUN, str(folder)) as (process, child):
        try:
            yield process, child
        finally:
            subprocess.run(["kill", "-9", str(child)], check=False, stderr=subprocess.DEVNULL)


@contextmanager
def machine_holder(name: str) -> Iterator["subprocess.Popen[str]"]:
    """A process that measures alone, under this name of the socket."""
    with _holder(_MACHINE, name) as (process, _):
        yield process


@contextmanager
def _holder(program: str, argument: str) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    # Named as the command is, so that messages show what a user would see.
    with subprocess.Popen(
        [sys.executable, "-c", program, argument, "bridgetoll", "run", "quick"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Workspace().root,
        env={"BRIDGETOLL_BESIDE": "0"},
    ) as process:
        assert process.stdout is not None
        try:
            yield process, int(process.stdout.readline())
        finally:
            process.kill()

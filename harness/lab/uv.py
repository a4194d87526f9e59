"""uv, the program that makes environments and builds wheels."""

import os
import shutil
import subprocess
from contextlib import ExitStack
from pathlib import Path

from harness.base.errors import EnvironmentFailed
from harness.base.signals import deferred

_NOT_FOR_UV = ("VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT", "PYTHONPYCACHEPREFIX")
"""It must not change the harness's own environment, and bytecode belongs beside its source."""


def run_uv(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run uv in a folder; returns how it ended and what it said.

    Raises:
        EnvironmentFailed: there is no uv.
    """
    program = os.environ.get("UV") or shutil.which("uv")
    if program is None:
        raise EnvironmentFailed(
            "The program uv, which makes the implementations' environments, is missing; install it "
            "with `pip install uv`."
        )
    env = {name: value for name, value in os.environ.items() if name not in _NOT_FOR_UV}
    command = [program, "--no-config", "--quiet", "--no-progress", *arguments]
    with ExitStack() as stack:
        with deferred():  # or it might run and be known to no one
            process = subprocess.Popen(
                command, cwd=folder, env=env, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip
            stack.enter_context(process)  # waits for its end
            stack.callback(process.kill)  # which does nothing once it has ended
        out, err = process.communicate()
    return subprocess.CompletedProcess(command, process.returncode, out, err)

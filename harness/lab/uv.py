"""uv, the program that makes environments and builds wheels."""

import os
import re
import shutil
import subprocess
from contextlib import ExitStack
from pathlib import Path

from harness.base.errors import EnvironmentFailed
from harness.base.signals import deferred

_CAUSE = re.compile(r"^\s*(?:error|cause): (.*)$")
_SAYS_NOTHING = ("No solution found", "Failed to build")
"""Beginnings of errors whose last cause says all."""
_OF_NETWORK = (
    "failed to lookup address", "dns error", "connection refused", "unreachable", "timed out",
    "error sending request", "request failed", "network connectivity is disabled",
    "could not connect", "not found in the cache",
)  # fmt: skip
"""What uv says where it reaches no index, in small letters."""
_NOT_FOR_UV = ("VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT", "PYTHONPYCACHEPREFIX")
"""It must not change the harness's own environment, and bytecode belongs beside its source."""


def run_uv(folder: Path, *arguments: str, quiet: bool = True) -> subprocess.CompletedProcess[str]:
    """Run uv in a folder; returns how it ended and what it said.

    Args:
        folder: where it runs. arguments: of uv.
        quiet: without the output of build backends.

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
    options = ["--quiet"] if quiet else []
    command = [program, "--no-config", *options, "--no-progress", *arguments]
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


def reason(said: str) -> str:
    """Why uv failed, as the middle of a sentence: its error, the last cause, and what a build said.

    uv writes `error: ` and a line of `cause: ` for each cause, the last of which is the first that
    happened. A build backend's own output comes before: its last line names the exception.

    Args:
        said: on standard error.
    """
    causes: list[str] = []
    output: list[str] = []
    for line in said.splitlines():
        if cause := _CAUSE.match(line):
            causes.append(cause[1])
        elif (
            not causes and line.strip() and not line.startswith("warning: ") and line[-3:] != "..."
        ):
            output.append(line.strip())
    if not causes:
        return output[-1].rstrip(".") if output else "it gave no reason"
    told = [*(c for c in causes[:1] if not c.startswith(_SAYS_NOTHING)), *causes[1:][-1:]]
    built = [line for line in output[-1:] if causes[0].startswith(_SAYS_NOTHING)]
    return ": ".join(part.rstrip(".") for part in [*(told or causes), *built])


def is_offline(why: str) -> bool:
    """Whether uv failed because it reached no index; `why` as `reason` tells it."""
    return any(sign in why.lower() for sign in _OF_NETWORK)

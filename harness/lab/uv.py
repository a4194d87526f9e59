"""uv, the program that makes environments and builds wheels."""

import os
import shutil
import subprocess
from pathlib import Path

from harness.base.errors import EnvironmentFailed

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
    return subprocess.run(
        [program, "--no-config", "--quiet", "--no-progress", *arguments],
        cwd=folder, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip

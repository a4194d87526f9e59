"""Programs that a benchmark needs, on their core."""

import shutil
import subprocess
import sys

_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin"


def program(name: str, package: str) -> str:
    """Where it is; ends the benchmark with a sentence if it is missing."""
    found = shutil.which(name) or shutil.which(name, path=_PATH)
    if found is None:
        sys.exit(f"{name} is missing; install it, for example with `apt-get install {package}`.")
    return found


def output(cpu: int, *command: str) -> str:
    """What a command prints; ends the benchmark with a sentence if it fails."""
    done = subprocess.run(
        ["taskset", "-c", str(cpu), *command], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        sys.exit(f"{command[0]} failed: {done.stderr[-500:]}")
    return done.stdout

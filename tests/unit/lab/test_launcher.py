"""The launcher on its own, as `launch` calls it."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType

from harness.lab import launcher

PROGRAM = [sys.executable, "-I", "-S", str(Path(launcher.__file__))]


def run(parent: int, cpus: str = "-") -> "subprocess.CompletedProcess[str]":
    argv = [*PROGRAM, str(parent), cpus, "-", "SIGTERM", "-", "echo", "started"]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


def test_becomes_the_program() -> None:
    assert run(os.getpid()).stdout == "started\n"


def test_starts_nothing_for_a_harness_that_is_already_gone() -> None:
    """It died between the fork and the request to be told of its death."""
    done = run(os.getppid())
    assert done.returncode != 0
    assert done.stdout == ""
    assert "the harness is gone" in done.stderr


def test_needs_nothing_of_the_harness() -> None:
    """It runs without site-packages, so it imports the standard library only."""
    modules = {value.__name__ for value in vars(launcher).values() if isinstance(value, ModuleType)}
    assert {name.partition(".")[0] for name in modules} <= sys.stdlib_module_names


def test_asks_the_kernel_for_the_signal_it_is_told() -> None:
    """Read back with PR_GET_PDEATHSIG by the program that it has become."""
    ask = (
        "import ctypes; n = ctypes.c_int(); ctypes.CDLL(None).prctl(2, ctypes.byref(n), 0, 0, 0);"
        "print(n.value)"
    )
    argv = [*PROGRAM, str(os.getpid()), "-", "-", "SIGQUIT", "-", sys.executable, "-c", ask]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert done.stdout == f"{signal.SIGQUIT.value}\n"


def test_goes_before_others_where_it_may_and_runs_all_the_same_where_it_may_not() -> None:
    ask = "import os; print(os.getpriority(os.PRIO_PROCESS, 0))"
    argv = [*PROGRAM, str(os.getpid()), "-", "-", "SIGTERM", "-10", sys.executable, "-c", ask]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    usual = os.getpriority(os.PRIO_PROCESS, 0)
    assert int(done.stdout) == (-10 if os.geteuid() == 0 else usual)

"""Waiting for what happens in other processes."""

import psutil

from harness.lab.process import wait_until

PATIENCE_S = 60.0
"""For what comes in any case, and on a busy machine late: nothing takes longer for it."""


def gone(pid: int) -> bool:
    """Wait until a process has ended; one that nobody has reaped yet counts as ended."""
    return wait_until(lambda: not alive(pid), PATIENCE_S)


def alive(pid: int) -> bool:
    """Whether a process lives, a zombie being dead."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False

"""PostgreSQL's checkpointer, whose end betrays that PostgreSQL has cut every connection.

When a backend crashes or is killed, the postmaster ends all others and its helpers too, and starts
anew under its old process id (section 19.5 of PostgreSQL's documentation; postmaster.c, *crash
recovery*). The checkpointer otherwise lives as long as the postmaster.
"""

from pathlib import Path

from harness.lab.clocks import TreeClock, process_cpu_ns

_PROC = Path("/proc")
_TITLE = b"checkpointer"
"""In the title that it gives itself, as `postgres: checkpointer`."""


class Checkpointer:
    """Finds the checkpointer below a postmaster, and finds it again after it has ended."""

    def __init__(self, postmaster: int) -> None:
        self._tree = TreeClock(postmaster)
        self._pid: int | None = None

    def pid(self) -> int | None:
        """Its process id now; None while there is none."""
        if self._pid is None or process_cpu_ns(self._pid) is None:
            self._tree.read_ns()  # updates the set of processes
            named = (pid for pid in self._tree.pids if _TITLE in _title(pid))
            self._pid = next(named, None)
        return self._pid


def _title(pid: int) -> bytes:
    try:
        return (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return b""

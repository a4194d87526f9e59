"""The processes of a server that answer its requests, and which of them have come or gone.

A server may start short-lived helpers (a shell, `git`), and these are no part of its crew. A
process belongs to it when it listens on the server's port, or has used as much CPU time as no
helper needs.
"""

from collections.abc import Callable

import msgspec

from harness.lab.clocks import TreeClock, process_cpu_ns
from harness.lab.footprint import Footprint

_WORKED_NS = 100_000_000
"""The start of an application takes several times as much CPU time, and a helper takes less."""


class CrewChange(msgspec.Struct, frozen=True):
    """What happened to a crew between two looks.

    ended: processes that are gone. started: those that came without having replaced one.
    before: how many there were.
    """

    ended: int
    started: int
    before: int


class Crew:
    """Watches the serving processes of a tree.

    Args:
        clock: of the tree; it finds the processes whenever it is read.
        serves: whether a process listens for requests.
    """

    def __init__(self, clock: TreeClock, serves: Callable[[int], bool]) -> None:
        self._clock = clock
        self._serves = serves
        self._serving: set[int] = set()
        self._fresh: dict[int, int] = {}  # seen once; CPU time then
        self._helpers: set[int] = set()
        self._missing = 0  # ended, and not yet replaced

    def gather(self) -> None:
        """Take those that are there now for the whole crew."""
        present = self._clock.pids
        self._serving = {pid for pid in present if self._belongs(pid)}
        self._helpers = set(present - self._serving)
        self._fresh.clear()
        self._missing = 0

    def look(self) -> CrewChange | None:
        """What has changed since the last look; None for nothing. Reads no clock of the tree.

        A process is judged when it is seen for the second time: it may have been caught between
        its start and its first work.
        """
        present = self._clock.pids
        before = len(self._serving)
        gone = self._serving - present
        ended = len(gone) + sum(
            used >= _WORKED_NS for pid, used in self._fresh.items() if pid not in present
        )
        self._serving -= gone
        self._helpers &= present
        joined = {pid for pid in self._fresh if pid in present and self._belongs(pid)}
        self._helpers |= {pid for pid in self._fresh if pid in present} - joined
        self._serving |= joined
        unseen = present - self._serving - self._helpers
        self._fresh = {pid: process_cpu_ns(pid) or 0 for pid in unseen}
        self._missing += ended
        started = max(0, len(joined) - self._missing)
        self._missing = max(0, self._missing - len(joined))
        return CrewChange(ended, started, before) if ended or started else None

    def _belongs(self, pid: int) -> bool:
        return (process_cpu_ns(pid) or 0) >= _WORKED_NS or self._serves(pid)


def listens(pid: int, port: int) -> bool:
    """Whether a process holds a listening socket on a port; it need not be the only one."""
    sockets = Footprint.of([pid], port).sockets
    return any(socket.kind == "tcp" and socket.port == port for socket in sockets)

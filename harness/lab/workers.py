"""What each worker process of a server has done so far: read from /proc, without asking it."""

import contextlib
from collections.abc import Iterable
from pathlib import Path

import msgspec

from harness.lab.clocks import Usage, process_cpu_ns
from harness.lab.footprint import sockets_of, tcp_tables

_NET = Path("/proc/self/net")
_ESTABLISHED = "01"
"""As the kernel writes it (include/net/tcp_states.h)."""


class WorkerState(msgspec.Struct, frozen=True):
    """A worker process at a moment.

    cpu_ns: CPU time since its start. rss_peak_kib: highest resident size since then.
    connections: accepted, and not closed by either side.
    """

    cpu_ns: int
    rss_peak_kib: int
    connections: int


def read_workers(pids: Iterable[int], port: int) -> dict[int, WorkerState]:
    """The workers that live, by process id.

    Args:
        pids: of the processes that serve; see `lab.footprint`.
        port: where they do.
    """
    found: dict[int, WorkerState] = {}
    accepted = _accepted(port)
    for pid in sorted(pids):
        used, own = process_cpu_ns(pid), sockets_of(pid)
        if used is not None and own:  # or it has just ended
            found[pid] = WorkerState(
                cpu_ns=used,
                rss_peak_kib=Usage.of([pid]).rss_peak_kib,
                connections=len(own & accepted),
            )
    return found


def _accepted(port: int) -> set[str]:
    """The inodes of all connections on the server's side of a port, of IPv4 and IPv6."""
    local, found = f":{port:04X}", set[str]()
    for name in tcp_tables():
        with contextlib.suppress(OSError), (_NET / name).open(encoding="ascii") as lines:
            for line in lines:
                if local in line:  # of thousands, few are split
                    fields = line.split()
                    if fields[1].endswith(local) and fields[3] == _ESTABLISHED:
                        found.add(fields[9])
    return found

"""What each worker process of a server has done so far: read from /proc, without asking it."""

import contextlib
from collections.abc import Iterable

import msgspec
import psutil

from harness.lab.clocks import Usage, process_cpu_ns


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
    for pid in sorted(pids):
        used = process_cpu_ns(pid)
        with contextlib.suppress(psutil.Error):  # it has just ended
            if used is not None:
                found[pid] = WorkerState(
                    cpu_ns=used,
                    rss_peak_kib=Usage.of([pid]).rss_peak_kib,
                    connections=_accepted(pid, port),
                )
    return found


def _accepted(pid: int, port: int) -> int:
    """Connections that a process holds on the server's side, of IPv4 and IPv6."""
    return sum(
        c.status == psutil.CONN_ESTABLISHED and c.laddr.port == port
        for c in psutil.Process(pid).net_connections(kind="tcp")
    )

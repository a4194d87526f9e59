"""Memory and threads of a set of processes, from `/proc`."""

from collections.abc import Iterable
from pathlib import Path

import msgspec


class Usage(msgspec.Struct, frozen=True):
    """Sums over the processes; the peak is of each process's own highest resident size."""

    rss_peak_kib: int
    threads: int
    processes: int

    @staticmethod
    def of(pids: Iterable[int]) -> "Usage":
        """Read the processes that still live."""
        found = [fields for pid in pids if (fields := _status(pid))]
        return Usage(
            rss_peak_kib=sum(int(f.get("VmHWM", "0 kB").split()[0]) for f in found),
            threads=sum(int(f["Threads"]) for f in found),
            processes=len(found),
        )


def _status(pid: int) -> dict[str, str]:
    try:
        lines = (Path("/proc") / str(pid) / "status").read_text().splitlines()
    except OSError:
        return {}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}

"""CPU quotas of control groups: how long this process's groups were held back by one.

A container with a quota (`docker run --cpus 2`, a Kubernetes limit) may use so much processor time
in each period of 0.1 s. When it is used up, all its processes stand still until the next period
(Documentation/admin-guide/cgroup-v2.rst, `cpu.stat`; scheduler/sched-bwc.rst for version 1).
"""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Self

_MOUNTS = Path("/proc/self/mounts")
_MEMBERSHIP = Path("/proc/self/cgroup")
_NS = {b"throttled_usec": 1_000, b"throttled_time": 1}
"""Factor to nanoseconds of the key that holds the time, in version 2 and in version 1."""
_LONGEST = 1_024
"""Bytes of a `cpu.stat`; each of its dozen lines is short."""


class CpuQuota:
    """Throttled time of some control groups. Use as a context manager.

    Args:
        files: their `cpu.stat`; those that count no throttling are left aside.
    """

    def __init__(self, files: Iterable[Path]) -> None:
        self._open: list[int] = []
        for path in files:
            with contextlib.suppress(OSError):
                self._open.append(os.open(path, os.O_RDONLY))
        self._open = [file for file in self._open if _kept(file)]

    def throttled_ns(self) -> int | None:
        """Time so far for which the groups' processors were withheld; None where none is counted.

        Over all processors together, so it may grow faster than the time passes.
        """
        times = [time for file in self._open if (time := _throttled_ns(file)) is not None]
        return sum(times) if times else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        while self._open:
            os.close(self._open.pop())


def own_groups() -> list[Path]:
    """The `cpu.stat` of this process's control group and of all around it, as far as one sees."""
    found: list[Path] = []
    with contextlib.suppress(OSError):
        mounts = [line.split() for line in _MOUNTS.read_text().splitlines()]
        members = [line.split(":", 2) for line in _MEMBERSHIP.read_text().splitlines()]
        for _, point, kind, options, *_ in mounts:
            for _, controllers, path in members:
                mine = kind == "cgroup2" if not controllers else kind == "cgroup"
                if mine and (not controllers or _has_cpu(controllers, options)):
                    found += _upwards(Path(point), path)
    return list(dict.fromkeys(found))


def _has_cpu(controllers: str, options: str) -> bool:
    return "cpu" in controllers.split(",") and "cpu" in options.split(",")


def _upwards(point: Path, path: str) -> list[Path]:
    """From the group's folder to the mount; within a container the mount may be the group."""
    inner = point / path.lstrip("/")
    folders = [inner, *inner.parents] if inner.is_dir() else [point]
    return [f / "cpu.stat" for f in folders if f.is_relative_to(point)]


def _kept(file: int) -> bool:
    if _throttled_ns(file) is None:
        os.close(file)
        return False
    return True


def _throttled_ns(file: int) -> int | None:
    try:
        lines = os.pread(file, _LONGEST, 0).splitlines()
    except OSError:  # the group is gone
        return None
    for line in lines:
        key, _, value = line.partition(b" ")
        if key in _NS:
            return int(value) * _NS[key]
    return None

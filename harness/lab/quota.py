"""CPU quotas of control groups: what they allow, and how long this process was held back by them.

A container with a quota (`docker run --cpus 2`, a Kubernetes limit) may use so much processor time
in each period of 0.1 s. When it is used up, all its processes stand still until the next period
(Documentation/admin-guide/cgroup-v2.rst, `cpu.max` and `cpu.stat`; scheduler/sched-bwc.rst for
`cpu.cfs_quota_us` of version 1).
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
    return [folder / "cpu.stat" for folder in own_folders()]


def own_folders(mounts: Path = _MOUNTS, membership: Path = _MEMBERSHIP) -> list[Path]:
    """The folders of this process's control group and of all around it, of both versions.

    Args:
        mounts, membership: laid out like /proc/self/mounts and /proc/self/cgroup (cgroups(7)).
    """
    found: list[Path] = []
    with contextlib.suppress(OSError):
        points = [line.split() for line in mounts.read_text().splitlines()]
        members = [line.split(":", 2) for line in membership.read_text().splitlines()]
        for _, point, kind, options, *_ in points:
            for _, controllers, path in members:
                mine = kind == "cgroup2" if not controllers else kind == "cgroup"
                if mine and (not controllers or _has_cpu(controllers, options)):
                    found += _upwards(Path(point), path)
    return list(dict.fromkeys(found))


def allowed_processors(folders: Iterable[Path] | None = None) -> float | None:
    """How many processors' worth of time the tightest of some control groups allows.

    Args:
        folders: of the groups; those of this process if None.

    Returns:
        None where none of them sets a limit, or none that is visible here.
    """
    inspected = own_folders() if folders is None else folders
    return min((limit for f in inspected if (limit := _limit(f)) is not None), default=None)


def _limit(folder: Path) -> float | None:
    """`QUOTA PERIOD` or `max PERIOD` of version 2; two files, and -1 for no limit, of version 1."""
    try:
        if (both := folder / "cpu.max").exists():
            quota, period = both.read_text(encoding="ascii").split()
        else:
            quota = (folder / "cpu.cfs_quota_us").read_text(encoding="ascii").strip()
            period = (folder / "cpu.cfs_period_us").read_text(encoding="ascii").strip()
        return None if quota in ("max", "-1") else int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):  # none, or none of a form that is known
        return None


def _has_cpu(controllers: str, options: str) -> bool:
    return "cpu" in controllers.split(",") and "cpu" in options.split(",")


def _upwards(point: Path, path: str) -> list[Path]:
    """From the group's folder to the mount; within a container the mount may be the group."""
    inner = point / path.lstrip("/")
    folders = [inner, *inner.parents] if inner.is_dir() else [point]
    return [folder for folder in folders if folder.is_relative_to(point)]


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

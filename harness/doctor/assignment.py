"""Who gets which core, and what follows for the figures."""

import os
from pathlib import Path

import msgspec

from harness.doctor.advice import Advice, Topic
from harness.lab.machine import physical_cores, propose_cores
from harness.records.run import Cores

_LISTED = 4
"""More processors than this are counted, not listed."""


class Assignment(msgspec.Struct, frozen=True):
    """The processors of this process and how the roles share them.

    physical: processors that may be used, the hardware threads of each physical core together.
    quota: how many processors' worth of CPU time the control group allows; None where it sets no
        limit, or keeps it where we cannot see it.
    """

    physical: tuple[tuple[int, ...], ...]
    proposed: Cores
    quota: float | None

    @property
    def processors(self) -> int:
        """How many may be used."""
        return sum(len(core) for core in self.physical)


def propose() -> Assignment:
    """Look at this process's processors.

    Raises:
        UsageError: there is none.
    """
    return Assignment(
        physical=tuple(physical_cores(os.sched_getaffinity(0))),
        proposed=propose_cores(),
        quota=cpu_quota(Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")),
    )


def cpu_quota(membership: Path, root: Path) -> float | None:
    """The tightest CPU limit of a control group and those above it, in processors.

    Args:
        membership: like `/proc/self/cgroup`; only version 2 is read (cgroups(7)).
        root: where the groups are mounted, usually `/sys/fs/cgroup`.
    """
    try:
        lines = membership.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    found: list[float] = []
    for group in (line.removeprefix("0::/") for line in lines if line.startswith("0::/")):
        folder = root / group
        within = [folder, *(p for p in folder.parents if p.is_relative_to(root))]
        found += [limit for place in within if (limit := _limit(place / "cpu.max")) is not None]
    return min(found, default=None)


def _limit(path: Path) -> float | None:
    """`QUOTA PERIOD` in microseconds, or `max PERIOD`, as in the kernel's cgroup-v2.rst."""
    try:
        quota, period = path.read_text(encoding="ascii").split()
    except OSError:
        return None
    return None if quota == "max" else int(quota) / int(period)


def judge(assignment: Assignment) -> list[Advice]:
    """Who runs where, and what can be compared."""
    cores, physical = assignment.proposed, assignment.physical
    found = [
        Advice(
            Topic.CORES,
            f"{_count(assignment.processors, 'processor')} on "
            f"{_count(len(physical), 'physical core')}: the application on "
            f"{_list(cores.application)}, PostgreSQL on {_list(cores.database)}, the generator on "
            f"{_list(cores.load)}.",
        ),
        _sharing(assignment),
    ]
    if assignment.quota is not None and assignment.quota < assignment.processors:
        found.append(
            Advice(
                Topic.CORES,
                f"The control group allows {assignment.quota:g} processors' worth of CPU time and "
                "halts whoever exceeds it, in the middle of a slice.",
                "lift the CPU quota of this container, and bind it to processors instead",
            )
        )
    return found


def _sharing(assignment: Assignment) -> Advice:
    cores = assignment.proposed
    if len(assignment.physical) == 1:
        return Advice(
            Topic.CORES,
            "All roles share one core, so nothing can be said about throughput or latency; "
            "compare CPU per request.",
            "use a machine of three cores or more",
        )
    if cores.co_located:
        return Advice(
            Topic.CORES,
            f"Throughput is co-located: PostgreSQL and the generator share {_list(cores.load)}, so "
            "compare CPU per request.",
            "use a machine of three cores or more",
        )
    return Advice(Topic.CORES, "Every role has cores of its own: throughput can be compared.")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _list(cpus: tuple[int, ...]) -> str:
    if len(cpus) > _LISTED:
        return f"{len(cpus)} others"
    return f"processor{'s' if len(cpus) > 1 else ''} {', '.join(map(str, cpus))}"

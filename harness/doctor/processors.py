"""The processors: which role gets which core, and whether their frequency can change."""

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from harness.doctor.advice import Advice, Topic
from harness.lab.machine import describe, physical_cores, propose_cores, within
from harness.lab.quota import allowed_processors
from harness.records.run import Cores

_LISTED = 4
"""More processors than this are counted, not listed."""
_STEADY = "performance"
"""The governor that always asks for the highest frequency (the kernel's cpufreq.rst)."""
_SYSFS = Path("/sys/devices/system/cpu")


class Assignment(msgspec.Struct, frozen=True):
    """The processors of this process and how the roles share them.

    physical: processors that may be used, the hardware threads of each physical core together.
    proposed: the processors of each role.
    quota: how many processors' worth of CPU time the control group allows; None where it sets no
        limit, or none that is visible here.
    """

    physical: tuple[tuple[int, ...], ...]
    proposed: Cores
    quota: float | None

    @property
    def processors(self) -> int:
        """How many may be used."""
        return sum(len(core) for core in self.physical)


class Processor(msgspec.Struct, frozen=True):
    """The processor as the kernel describes it.

    virtualised: whether a hypervisor is visible.
    governors: frequency governors of our processors, without repetition; None: not visible here.
    boost: whether frequencies above the nominal one are allowed; None: not visible here.
    """

    model: str
    virtualised: bool
    governors: tuple[str, ...] | None
    boost: bool | None


def propose() -> Assignment:
    """Assign this process's processors to roles.

    Raises:
        UsageError: there is none.
    """
    return Assignment(
        physical=tuple(physical_cores(os.sched_getaffinity(0))),
        proposed=propose_cores(),
        quota=allowed_processors(),
    )


def read_processor(cpus: Iterable[int], sysfs: Path = _SYSFS) -> Processor:
    """Read about these processors; `sysfs` is laid out like /sys/devices/system/cpu."""
    machine = describe()
    read = (_text(sysfs / f"cpu{cpu}" / "cpufreq" / "scaling_governor") for cpu in cpus)
    governors = {governor for governor in read if governor is not None}
    return Processor(
        model=str(machine["processor"]),
        virtualised=machine["virtualised"] == "yes",
        governors=tuple(sorted(governors)) or None,
        boost=_boost(sysfs),
    )


def _boost(sysfs: Path) -> bool | None:
    """From the generic switch, or from that of Intel's driver, which has the opposite meaning."""
    boost = _text(sysfs / "cpufreq" / "boost")
    if boost is not None:
        return boost == "1"
    no_turbo = _text(sysfs / "intel_pstate" / "no_turbo")
    return None if no_turbo is None else no_turbo == "0"


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return None


def judge_assignment(assignment: Assignment) -> list[Advice]:
    """State which role runs where, and what can be compared."""
    cores, physical = assignment.proposed, assignment.physical
    advice = [
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
        used = len(within(physical, assignment.quota))
        advice.append(
            Advice(
                Topic.CORES,
                f"The control group allows {assignment.quota:g} processors' worth of CPU time, so "
                f"all roles keep to {used} of {_count(len(physical), 'physical core')}. It halts "
                "what exceeds that, in the middle of a slice.",
                "lift the CPU quota of this container (`--cpus`, a limit of Kubernetes), and bind "
                "it to processors instead (`--cpuset-cpus`)",
            )
        )
    return advice


def judge_processor(processor: Processor) -> list[Advice]:
    """State whether the processor's speed stays the same."""
    kind = "a virtual machine" if processor.virtualised else "no hypervisor seen"
    return [
        Advice(Topic.PROCESSOR, f"{processor.model}, {kind}."),
        _governors(processor.governors),
        _boosting(processor.boost),
    ]


def _sharing(assignment: Assignment) -> Advice:
    cores = assignment.proposed
    if len(within(assignment.physical, assignment.quota)) == 1:
        return Advice(
            Topic.CORES,
            "All roles share one core, so throughput and latency cannot be compared; compare CPU "
            "per request.",
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


def _governors(governors: tuple[str, ...] | None) -> Advice:
    if governors is None:
        return Advice(Topic.PROCESSOR, "Frequency governor: not visible here.")
    statement = f"Frequency governor: {', '.join(governors)}."
    if governors == (_STEADY,):
        return Advice(Topic.PROCESSOR, statement)
    remedy = f"`cpupower frequency-set -g {_STEADY}` keeps an idle core from slowing down"
    return Advice(Topic.PROCESSOR, statement, remedy)


def _boosting(boost: bool | None) -> Advice:
    if boost is None:
        return Advice(Topic.PROCESSOR, "Frequency boost: not visible here.")
    if not boost:
        return Advice(Topic.PROCESSOR, "Frequency boost: off.")
    return Advice(
        Topic.PROCESSOR,
        "Frequency boost: on, so a core's speed depends on its heat and on the other cores' load.",
        "switch it off in the firmware, or under /sys/devices/system/cpu",
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _list(cpus: tuple[int, ...]) -> str:
    if len(cpus) > _LISTED:
        return f"{len(cpus)} others"
    return f"processor{'s' if len(cpus) > 1 else ''} {', '.join(map(str, cpus))}"

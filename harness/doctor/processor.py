"""The processor: what it is, and whether its frequency is free to change under a measurement."""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from harness.doctor.advice import Advice, Topic
from harness.lab.machine import describe

_STEADY = "performance"
"""The governor that always asks for the highest frequency (the kernel's cpufreq.rst)."""
_SYSFS = Path("/sys/devices/system/cpu")


class Processor(msgspec.Struct, frozen=True):
    """What the kernel tells of it.

    virtualised: whether a hypervisor shows itself.
    governors: frequency governors of our processors, without repetition; None: not visible here.
    boost: whether frequencies above the nominal one are allowed; None: not visible here.
    """

    model: str
    virtualised: bool
    governors: tuple[str, ...] | None
    boost: bool | None


def read_processor(cpus: Iterable[int], sysfs: Path = _SYSFS) -> Processor:
    """Read about these processors; `sysfs` is laid out like /sys/devices/system/cpu."""
    told = describe()
    read = (_text(sysfs / f"cpu{cpu}" / "cpufreq" / "scaling_governor") for cpu in cpus)
    governors = {governor for governor in read if governor is not None}
    return Processor(
        model=str(told["processor"]),
        virtualised=told["virtualised"] == "yes",
        governors=tuple(sorted(governors)) or None,
        boost=_boost(sysfs),
    )


def _boost(sysfs: Path) -> bool | None:
    """From the generic switch, or from that of Intel's driver, which has it the other way round."""
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


def judge(processor: Processor) -> list[Advice]:
    """Whether its speed stays the same."""
    kind = "a virtual machine" if processor.virtualised else "no hypervisor seen"
    return [
        Advice(Topic.PROCESSOR, f"{processor.model}, {kind}."),
        _governors(processor.governors),
        _boosting(processor.boost),
    ]


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

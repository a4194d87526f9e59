"""A plain statement about this machine, with a remedy where there is something to mend."""

from enum import StrEnum

import msgspec


class Topic(StrEnum):
    """What a finding is about."""

    CORES = "cores"
    PROCESSOR = "processor"
    CLOCK = "clock"
    TIMERS = "timers"
    LIMITS = "limits"
    NETEM = "netem"
    GENERATOR = "generator"
    DISK = "disk"
    NOISE = "noise"


class Advice(msgspec.Struct, frozen=True):
    """One or two sentences; `remedy` is what to do about it, None where all is well."""

    topic: Topic
    statement: str
    remedy: str | None = None

"""A plain statement about this machine, with a remedy where one is needed."""

from enum import StrEnum

import msgspec


class Topic(StrEnum):
    """The subject of an advice."""

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
    """One or two sentences. remedy: what to do about it; None where all is well."""

    topic: Topic
    statement: str
    remedy: str | None = None

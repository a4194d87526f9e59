"""Everything that `bridgetoll doctor` finds out, in one record."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec

from harness.base.errors import BridgetollError
from harness.doctor import (
    assignment,
    clock,
    disk,
    generator,
    limits,
    netem,
    noise,
    processor,
    timers,
)  # fmt: skip
from harness.doctor.advice import Advice, Topic
from harness.doctor.assignment import Assignment
from harness.doctor.clock import Clock
from harness.doctor.disk import Disk
from harness.doctor.netem import Netem
from harness.doctor.noise import NoiseLevel
from harness.doctor.processor import Processor
from harness.doctor.timers import Timers
from harness.lab.limits import Limits, read_limits
from harness.load.ceiling import Ceiling, measure_ceiling

LISTEN_S = 6.0
"""Some forty repetitions of the loop: enough to know its spread to about a tenth of itself."""


class Diagnosis(msgspec.Struct, frozen=True):
    """What was measured, and in `findings` what it means.

    ceiling, disk: None where generator or PostgreSQL failed; a finding then says how.
    """

    assignment: Assignment
    processor: Processor
    clock: Clock
    timers: Timers
    limits: Limits
    netem: Netem
    ceiling: Ceiling | None
    disk: Disk | None
    noise: NoiseLevel
    findings: tuple[Advice, ...]


def examine(cache: Path, step: Callable[[str], None], listen_s: float = LISTEN_S) -> Diagnosis:
    """Examine this machine, in about a quarter of a minute; nothing is left behind.

    Args:
        cache: where PostgreSQL's clusters are made; see `workspace.cache_folder`.
        step: told what begins.
        listen_s: seconds of listening for noise.

    Raises:
        UsageError: no processor is available.
    """
    notes = _Notes()
    step("looking at processors, clocks and limits")
    assigned = notes.of(assignment.propose(), assignment.judge)
    cores = assigned.proposed
    chip = notes.of(processor.read_processor(cores.all), processor.judge)
    clocks = notes.of(clock.measure_clock(), clock.judge)
    naps = notes.of(timers.measure_timers(cores.load), timers.judge)
    limited = notes.of(read_limits(), limits.judge)
    delay = notes.of(netem.probe_netem(), netem.judge)
    step("loading a bare server as fast as the generator can")
    load = partial(measure_ceiling, cores.application, cores.load)
    ceiling = notes.of_attempt(Topic.GENERATOR, load, generator.judge)
    step("committing to PostgreSQL, with durability and without")
    commit = partial(disk.measure_disk, cache, cores)
    commits = notes.of_attempt(Topic.DISK, commit, disk.judge)
    step("listening for noise")
    heard = notes.of(noise.measure_noise(cores, listen_s), noise.judge)
    return Diagnosis(
        assignment=assigned, processor=chip, clock=clocks, timers=naps, limits=limited,
        netem=delay, ceiling=ceiling, disk=commits, noise=heard, findings=tuple(notes.findings),
    )  # fmt: skip


class _Notes:
    """Collects the findings, in the order in which things are looked at."""

    def __init__(self) -> None:
        self.findings: list[Advice] = []

    def of[Record](self, record: Record, judge: Callable[[Record], list[Advice]]) -> Record:
        """Note what a record means, and pass it on."""
        self.findings += judge(record)
        return record

    def of_attempt[Record](
        self, topic: Topic, measure: Callable[[], Record], judge: Callable[[Record], list[Advice]]
    ) -> Record | None:
        """What cannot be measured is a finding too, and no reason to keep the rest from a user."""
        try:
            record = measure()
        except BridgetollError as error:
            self.findings.append(Advice(topic, "Could not be measured.", str(error)))
            return None
        return self.of(record, judge)

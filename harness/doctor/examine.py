"""The examination behind `bridgetoll doctor`: all measurements and their advice in one record."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec

from harness.base.errors import BridgetollError
from harness.doctor import capacity, clock, disk, netem, noise, processors
from harness.doctor.advice import Advice, Topic
from harness.doctor.clock import Clock, Timers
from harness.doctor.disk import Disk
from harness.doctor.netem import Netem
from harness.doctor.noise import NoiseLevel
from harness.doctor.processors import Assignment, Processor
from harness.lab.limits import Limits, read_limits
from harness.load.ceiling import Ceiling, measure_ceiling

LISTEN_S = 6.0
"""Some forty repetitions of the loop: enough to know its spread to about a tenth of itself."""


class Diagnosis(msgspec.Struct, frozen=True):
    """The measurements, and `findings`: what each of them means.

    ceiling, disk: None where the generator or PostgreSQL failed; an advice then says how.
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
    """Examine this machine in about a quarter of a minute, and leave nothing behind.

    Args:
        cache: where PostgreSQL's clusters are made; see `workspace.cache_folder`.
        step: is called with the name of each step as it begins.
        listen_s: seconds of measuring noise.

    Raises:
        UsageError: no processor is available.
    """
    notes = _Notes()
    step("looking at processors, clocks and limits")
    assignment = notes.of(processors.propose(), processors.judge_assignment)
    cores = assignment.proposed
    processor = notes.of(processors.read_processor(cores.all), processors.judge_processor)
    clocks = notes.of(clock.measure_clock(), clock.judge_clock)
    timers = notes.of(clock.measure_timers(cores.load), clock.judge_timers)
    limits = notes.of(read_limits(), capacity.judge_limits)
    delay = notes.of(netem.probe_netem(), netem.judge)
    step("loading a bare server as fast as the generator can")
    load = partial(measure_ceiling, cores.application, cores.load)
    ceiling = notes.of_attempt(Topic.GENERATOR, load, capacity.judge_ceiling)
    step("committing to PostgreSQL, with durability and without")
    commit = partial(disk.measure_disk, cache, cores)
    commits = notes.of_attempt(Topic.DISK, commit, disk.judge)
    step("listening for noise")
    level = notes.of(noise.measure_noise(cores, listen_s), noise.judge)
    return Diagnosis(
        assignment=assignment, processor=processor, clock=clocks, timers=timers, limits=limits,
        netem=delay, ceiling=ceiling, disk=commits, noise=level, findings=tuple(notes.advice),
    )  # fmt: skip


class _Notes:
    """Collects the advice, in the order of the measurements."""

    def __init__(self) -> None:
        self.advice: list[Advice] = []

    def of[Record](self, record: Record, judge: Callable[[Record], list[Advice]]) -> Record:
        """Note the advice on a record, and pass the record on."""
        self.advice += judge(record)
        return record

    def of_attempt[Record](
        self, topic: Topic, measure: Callable[[], Record], judge: Callable[[Record], list[Advice]]
    ) -> Record | None:
        """Note a failed measurement as an advice, so that the user still gets the others."""
        try:
            record = measure()
        except BridgetollError as error:
            self.advice.append(Advice(topic, "Could not be measured.", str(error)))
            return None
        return self.of(record, judge)

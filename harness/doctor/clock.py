"""The clocks that slices are timed by: how fine they are, and what a reading costs."""

import os
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import msgspec

from harness.doctor.advice import Advice, Topic
from harness.lab.clocks import process_cpu_ns

_READINGS = 2_000
_BATCHES = 5
_DEAR_NS = 1_000
"""The generator reads the clock three times per request, of which it does tens of thousands a
second: at 1 µs that would begin to be a part of what it measures."""
_COARSE_NS = 1_000_000
"""A slice of 0.15 s is to be known to better than 1 %."""
_SYSFS = Path("/sys/devices/system/clocksource/clocksource0")


class Clock(msgspec.Struct, frozen=True):
    """The monotonic clock, and the CPU clock of a process, in nanoseconds.

    source: the kernel's clock source; None: not visible here.
    step_ns, cpu_step_ns: the smallest step seen from one reading to the next; None where the clock
        stood still all the time, i.e. is coarse.
    cost_ns, cpu_cost_ns: of one reading from Python, the loop around it included.
    """

    source: str | None
    step_ns: int | None
    cost_ns: float
    cpu_step_ns: int | None
    cpu_cost_ns: float


def measure_clock(sysfs: Path = _SYSFS) -> Clock:
    """Read both clocks some thousand times; `sysfs` is the folder of the clock source."""
    mine = os.getpid()

    def cpu_ns() -> int:
        return process_cpu_ns(mine) or 0

    try:
        source = (sysfs / "current_clocksource").read_text(encoding="ascii").strip()
    except OSError:
        source = None
    return Clock(
        source=source,
        step_ns=_step_ns(time.monotonic_ns),
        cost_ns=_cost_ns(time.monotonic_ns),
        cpu_step_ns=_step_ns(cpu_ns),
        cpu_cost_ns=_cost_ns(cpu_ns),
    )


def _step_ns(read: Callable[[], int]) -> int | None:
    readings = [read() for _ in range(_READINGS)]
    return min(
        (after - before for before, after in pairwise(readings) if after > before), default=None
    )


def _cost_ns(read: Callable[[], int]) -> float:
    """The cheapest of some batches: whatever disturbs one makes it dearer."""
    batches: list[int] = []
    for _ in range(_BATCHES):
        begun = time.perf_counter_ns()
        for _ in range(_READINGS):
            read()
        batches.append(time.perf_counter_ns() - begun)
    return min(batches) / _READINGS


def judge(clock: Clock) -> list[Advice]:
    """Whether times and CPU times of a slice can be trusted."""
    return [_monotonic(clock), _cpu(clock)]


def _monotonic(clock: Clock) -> Advice:
    source = "clock source not visible here" if clock.source is None else clock.source
    statement = f"Time ({source}): {_steps(clock.step_ns)}, {clock.cost_ns:.0f} ns for a reading."
    if clock.cost_ns <= _DEAR_NS:
        return Advice(Topic.CLOCK, statement)
    remedy = "choose a clock source that needs no system call, such as tsc (`clocksource=tsc`)"
    return Advice(Topic.CLOCK, statement, remedy)


def _cpu(clock: Clock) -> Advice:
    statement = (
        f"CPU time of a process: {_steps(clock.cpu_step_ns)}, {clock.cpu_cost_ns:.0f} ns for a "
        "reading."
    )
    if clock.cpu_step_ns is not None and clock.cpu_step_ns <= _COARSE_NS:
        return Advice(Topic.CLOCK, statement)
    remedy = "lengthen `load.slice_s` in studies: this kernel's CPU times are coarse"
    return Advice(Topic.CLOCK, statement, remedy)


def _steps(step_ns: int | None) -> str:
    return "coarser than could be seen" if step_ns is None else f"steps of {step_ns:,} ns or less"

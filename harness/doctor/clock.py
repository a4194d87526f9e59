"""Clocks and timers: how fine they are, what a reading costs, how late a process wakes."""

import os
import time
from collections.abc import Callable, Collection
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np

from harness.doctor.advice import Advice, Topic
from harness.lab.clocks import process_cpu_ns
from harness.lab.machine import pinned

_READINGS = 2_000
_BATCHES = 5
_EXPENSIVE_NS = 1_000
"""The generator reads the clock three times per request, and sends tens of thousands of requests a
second: at 1 µs a reading, the clock would begin to show in its measurements."""
_COARSE_NS = 1_000_000
"""The CPU time of a slice of 0.15 s must be known to better than 1 %."""
_SYSFS = Path("/sys/devices/system/clocksource/clocksource0")
_WAITS = 300
_WAIT_NS = 1_000_000


class Clock(msgspec.Struct, frozen=True):
    """The monotonic clock, and the CPU clock of a process, in nanoseconds.

    source: the kernel's clock source; None: not visible here.
    step_ns, cpu_step_ns: the smallest step from one reading to the next; None where the clock stood
        still all the time, so it is coarse.
    cost_ns, cpu_cost_ns: of one reading from Python, the loop around it included.
    """

    source: str | None
    step_ns: int | None
    cost_ns: float
    cpu_step_ns: int | None
    cpu_cost_ns: float


class Timers(msgspec.Struct, frozen=True):
    """How much later than due a waiting process ran again, in nanoseconds.

    It bounds how closely an open loop keeps its schedule.
    """

    median_late_ns: float
    p99_late_ns: float


def measure_clock(sysfs: Path = _SYSFS) -> Clock:
    """Read both clocks some thousand times; `sysfs` is the folder of the clock source."""
    own = os.getpid()

    def cpu_ns() -> int:
        return process_cpu_ns(own) or 0

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


def measure_timers(cpus: Collection[int]) -> Timers:
    """Wait many times for a millisecond on these processors.

    With a timerfd (timerfd_create(2)), as the open loop does: the kernel prolongs other sleeps by
    the timer slack of 50 µs.
    """
    timer = os.timerfd_create(time.CLOCK_MONOTONIC)
    try:
        with pinned(set(cpus)):
            late = [_wait(timer) for _ in range(_WAITS)]
    finally:
        os.close(timer)
    return Timers(median_late_ns=float(np.median(late)), p99_late_ns=float(np.percentile(late, 99)))


def _step_ns(read: Callable[[], int]) -> int | None:
    readings = [read() for _ in range(_READINGS)]
    return min(
        (after - before for before, after in pairwise(readings) if after > before), default=None
    )


def _cost_ns(read: Callable[[], int]) -> float:
    """The cheapest of some batches, because a disturbance only makes a batch slower."""
    batches: list[int] = []
    for _ in range(_BATCHES):
        begun = time.perf_counter_ns()
        for _ in range(_READINGS):
            read()
        batches.append(time.perf_counter_ns() - begun)
    return min(batches) / _READINGS


def _wait(timer: int) -> int:
    due = time.monotonic_ns() + _WAIT_NS
    os.timerfd_settime_ns(timer, flags=os.TFD_TIMER_ABSTIME, initial=due)
    os.read(timer, 8)
    return time.monotonic_ns() - due


def judge_clock(clock: Clock) -> list[Advice]:
    """State whether times and CPU times of a slice can be trusted."""
    return [_monotonic(clock), _cpu(clock)]


def judge_timers(timers: Timers) -> list[Advice]:
    """State how closely an open loop can keep its schedule."""
    median, p99 = timers.median_late_ns / 1e3, timers.p99_late_ns / 1e3
    return [
        Advice(
            Topic.TIMERS,
            f"A process that waits on the generator's core wakes {median:,.0f} µs late, and once "
            f"in a hundred times {p99:,.0f} µs or more: an open loop cannot keep its schedule "
            "closer than that.",
        )
    ]


def _monotonic(clock: Clock) -> Advice:
    source = "clock source not visible here" if clock.source is None else clock.source
    statement = f"Time ({source}): {_steps(clock.step_ns)}, {clock.cost_ns:.0f} ns for a reading."
    if clock.cost_ns <= _EXPENSIVE_NS:
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
    return "too coarse to be seen" if step_ns is None else f"steps of {step_ns:,} ns or less"

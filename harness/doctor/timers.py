"""Timers: how late a process on the generator's core wakes, which bounds an open loop."""

import os
import time
from collections.abc import Collection

import msgspec
import numpy as np

from harness.doctor.advice import Advice, Topic
from harness.lab.machine import pinned

_WAITS = 300
_WAIT_NS = 1_000_000


class Timers(msgspec.Struct, frozen=True):
    """How much later than due a waiting process ran again, in nanoseconds."""

    median_late_ns: float
    p99_late_ns: float


def measure_timers(cpus: Collection[int]) -> Timers:
    """Wait many times for a millisecond on these processors.

    With a timerfd (timerfd_create(2)), as the open loop does: other sleeps are prolonged by the
    timer slack of 50 µs.
    """
    timer = os.timerfd_create(time.CLOCK_MONOTONIC)
    try:
        with pinned(set(cpus)):
            late = [_wait(timer) for _ in range(_WAITS)]
    finally:
        os.close(timer)
    return Timers(median_late_ns=float(np.median(late)), p99_late_ns=float(np.percentile(late, 99)))


def _wait(timer: int) -> int:
    due = time.monotonic_ns() + _WAIT_NS
    os.timerfd_settime_ns(timer, flags=os.TFD_TIMER_ABSTIME, initial=due)
    os.read(timer, 8)
    return time.monotonic_ns() - due


def judge(timers: Timers) -> list[Advice]:
    """How well an open loop can keep its schedule."""
    median, p99 = timers.median_late_ns / 1e3, timers.p99_late_ns / 1e3
    return [
        Advice(
            Topic.TIMERS,
            f"A process that waits on the generator's core wakes {median:,.0f} µs late, and once "
            f"in a hundred times {p99:,.0f} µs or more: an open loop cannot keep its schedule "
            "closer than that.",
        )
    ]

"""How late we wake, on this machine, and how that is told."""

import os

from harness.doctor.timers import Timers, judge, measure_timers


def test_measures_and_gives_the_processors_back(cpu: int) -> None:
    before = os.sched_getaffinity(0)
    found = measure_timers([cpu])
    assert 0 <= found.median_late_ns <= found.p99_late_ns
    assert os.sched_getaffinity(0) == before


def test_is_told_in_microseconds() -> None:
    (finding,) = judge(Timers(median_late_ns=64_860.5, p99_late_ns=1_283_191.9))
    assert finding.statement.startswith(
        "A process that waits on the generator's core wakes 65 µs late, and once in a hundred "
        "times 1,283 µs or more:"
    )

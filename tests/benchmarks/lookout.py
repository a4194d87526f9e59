"""The cost of noticing events: looks at the edges of a turn, and the sentinel within it.

`python -m tests.benchmarks.lookout` prints the time of the looks around one turn as a multiple of
the readings of the clocks that stand there anyway, and the sentinel's share of a core.
"""

import os
import shutil
import subprocess
import sys
import time
from statistics import median

from harness.lab.clocks import TreeClock
from harness.lab.crew import Crew
from harness.lab.sentinel import PERIOD_S, Sentinel
from harness.lab.servers import LiveServer
from harness.runner.gauges import Gauges
from harness.runner.instruments import open_lookout

TURNS = 300
PROCESSES = 20
SECONDS = 5


class _Subject:
    """What a lookout sees of a server: a tree of one process."""

    def __init__(self, pid: int) -> None:
        self.clock = TreeClock(pid)
        self.crew = Crew(self.clock, lambda _: True)


def main() -> None:
    """Measure and print."""
    sleepers = [subprocess.Popen(["sleep", "120"]) for _ in range(PROCESSES)]
    title = "postgres: checkpointer"
    sleepers.append(subprocess.Popen([title, "120"], executable=shutil.which("sleep")))
    time.sleep(0.2)  # until they have their titles
    try:
        _edges(sleepers[0].pid)
        _sentinel([sleeper.pid for sleeper in sleepers])
    finally:
        for sleeper in sleepers:
            sleeper.kill()
            sleeper.wait()


def _edges(pid: int) -> None:
    gauges = Gauges(os.getpid(), (pid,), frozenset(os.sched_getaffinity(0)))
    subject: LiveServer = _Subject(pid)  # type: ignore[assignment]
    readings, looks = [], []
    with open_lookout(gauges, os.getpid()) as lookout:
        gauges.read(subject.clock)
        lookout.begin(subject)
        for _ in range(TURNS):
            began = time.perf_counter_ns()
            gauges.read(subject.clock)
            gauges.read(subject.clock)
            read = time.perf_counter_ns()
            lookout.ready()
            lookout.before(subject)
            lookout.after(subject, 0)
            looks.append(time.perf_counter_ns() - read)
            readings.append(read - began)
    ratio = median(looks) / median(readings)
    print(f"looks around a turn: {ratio:.3f} times the readings of its clocks", flush=True)
    print(f"  {median(looks) / 1e3:.0f} µs against {median(readings) / 1e3:.0f} µs", flush=True)


def _sentinel(pids: list[int]) -> None:
    with Sentinel() as sentinel:
        used = []
        for watched in ({}, {"server": pids}):
            sentinel.watch(watched)
            before = time.process_time_ns()
            time.sleep(SECONDS)
            used.append((time.process_time_ns() - before) / SECONDS / 1e9)
    print(f"sentinel of {PROCESSES} processes, each {PERIOD_S} s: {used[1]:.3%} of a core")
    print(f"  {used[0]:.3%} without any", file=sys.stdout, flush=True)


if __name__ == "__main__":
    main()

"""The speed probe as a process on a core."""

import os
import signal
import time

import psutil
import pytest

from harness.lab.clocks import process_cpu_ns
from harness.lab.process import wait_until
from harness.lab.speed.probe import SpeedProbe

CPU = max(os.sched_getaffinity(0))


def test_readings_lie_in_the_time_asked_for_and_are_plausible() -> None:
    with SpeedProbe([CPU]) as probe:
        start = time.monotonic_ns()
        assert wait_until(lambda: probe.mean_ns(start, time.monotonic_ns()) is not None, 5)
        time.sleep(0.3)
        used = probe.mean_ns(start, time.monotonic_ns())
        assert used is not None
        assert 20_000 < used < 20_000_000  # a fraction of a millisecond, whatever the machine
        assert probe.mean_ns(0, start) is None
        assert probe.mean_ns(time.monotonic_ns() + 10**9, time.monotonic_ns() + 2 * 10**9) is None


def test_runs_on_its_core_for_a_small_share_of_it_and_ends_with_the_block() -> None:
    with SpeedProbe([CPU]) as probe:
        (pid,) = probe.pids
        assert wait_until(lambda: psutil.Process(pid).cpu_affinity() == [CPU], 5)
        assert wait_until(lambda: probe.mean_ns(0, time.monotonic_ns()) is not None, 5)
        before, at = process_cpu_ns(pid), time.monotonic()
        time.sleep(0.5)
        after = process_cpu_ns(pid)
        assert before is not None
        assert after is not None
        assert (after - before) / 1e9 < 0.2 * (time.monotonic() - at)
    assert process_cpu_ns(pid) is None


def test_a_probe_that_died_yields_nothing_and_breaks_nothing() -> None:
    with SpeedProbe([CPU]) as probe:
        os.kill(probe.pids[0], signal.SIGKILL)
        assert wait_until(lambda: psutil.Process(probe.pids[0]).status() == "zombie", 5)
        start = time.monotonic_ns()
        assert probe.mean_ns(start, start + 10**9) is None


@pytest.mark.parametrize("cpus", [[], [CPU, CPU]])
def test_as_many_probes_as_processors(cpus: list[int]) -> None:
    with SpeedProbe(cpus) as probe:
        assert len(probe.pids) == len(cpus)

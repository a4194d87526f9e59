"""The speed probe as a process on a core."""

import fcntl
import os
import signal
import struct
import termios
import time

import psutil
import pytest

from harness.lab.clocks import process_cpu_ns
from harness.lab.process import wait_until
from harness.lab.speed import probe as probes
from harness.lab.speed.probe import READING, SpeedProbe
from tests.waiting import PATIENCE_S

CPU = max(os.sched_getaffinity(0))


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine Python takes longer to start than where anything is measured."""
    monkeypatch.setattr(probes, "_START_S", PATIENCE_S)


@pytest.fixture
def _never_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """None is lost but those that died, however long one waits for a processor."""
    monkeypatch.setattr(probes, "_SILENT_S", PATIENCE_S)


def test_readings_lie_in_the_time_asked_for_and_are_plausible() -> None:
    start = time.monotonic_ns()  # a process that is held up now would come after the first reading
    with SpeedProbe([CPU]) as probe:
        # A fraction of a millisecond, whatever the machine; some may hold what was stolen from it.
        assert 20_000 < min(next_mean_ns(probe) for _ in range(10)) < 20_000_000
        assert probe.mean_ns(0, start) is None
        later = time.monotonic_ns() + 10**12
        assert probe.mean_ns(later, later + 10**9) is None


def next_mean_ns(probe: SpeedProbe) -> int:
    """Of the readings from now on, once there is one."""
    found: list[int] = []
    start = time.monotonic_ns()

    def look() -> bool:
        mean = probe.mean_ns(start, time.monotonic_ns())
        found.extend([] if mean is None else [mean])
        return bool(found)

    assert wait_until(look, PATIENCE_S)
    return found[0]


def test_runs_on_its_core_for_a_small_share_of_it_and_ends_with_the_block() -> None:
    with SpeedProbe([CPU]) as probe:
        (pid,) = probe.pids
        assert wait_until(lambda: psutil.Process(pid).cpu_affinity() == [CPU], PATIENCE_S)
        assert wait_until(lambda: probe.mean_ns(0, time.monotonic_ns()) is not None, PATIENCE_S)

        def share() -> float:
            before, at = process_cpu_ns(pid), time.monotonic()
            time.sleep(0.5)
            after = process_cpu_ns(pid)
            assert before is not None
            assert after is not None
            return (after - before) / 1e9 / (time.monotonic() - at)

        # What is stolen from it counts as used, and hardly each time.
        assert any(share() < 0.2 for _ in range(10))
    assert process_cpu_ns(pid) is None


def test_a_probe_that_died_yields_nothing_and_breaks_nothing() -> None:
    with SpeedProbe([CPU]) as probe:
        os.kill(probe.pids[0], signal.SIGKILL)
        assert wait_until(lambda: psutil.Process(probe.pids[0]).status() == "zombie", PATIENCE_S)
        start = time.monotonic_ns()
        assert probe.mean_ns(start, start + 10**9) is None


@pytest.mark.parametrize("cpus", [[], [CPU, CPU]])
def test_as_many_probes_as_processors(cpus: list[int]) -> None:
    with SpeedProbe(cpus) as probe:
        assert len(probe.pids) == len(cpus)


def speaks(probe: SpeedProbe) -> bool:
    start = time.monotonic_ns()
    return wait_until(lambda: probe.mean_ns(start, time.monotonic_ns()) is not None, PATIENCE_S)


@pytest.mark.usefixtures("_never_silent")
def test_a_probe_that_was_killed_is_told_once_and_started_again() -> None:
    with SpeedProbe([CPU]) as probe:
        assert speaks(probe)
        assert probe.losses() == probe.revive() == []
        (old,) = probe.pids
        os.kill(old, signal.SIGKILL)
        assert wait_until(lambda: psutil.Process(old).status() == "zombie", PATIENCE_S)
        (told,) = probe.losses()
        assert "died" in told
        assert f"processor {CPU}" in told
        assert probe.losses() == probe.revive() == []
        assert speaks(probe)
        assert probe.pids != (old,)
        os.kill(probe.pids[0], signal.SIGKILL)
        assert wait_until(lambda: len(probe.losses()) == 1, PATIENCE_S)  # a second loss is told too


@pytest.mark.usefixtures("_never_silent")
def test_a_probe_that_died_between_turns_is_told_as_it_is_started_again() -> None:
    with SpeedProbe([CPU]) as probe:
        assert speaks(probe)
        os.kill(probe.pids[0], signal.SIGKILL)
        assert wait_until(lambda: psutil.Process(probe.pids[0]).status() == "zombie", PATIENCE_S)
        (told,) = probe.revive()
        assert "died" in told
        assert speaks(probe)


def test_a_stopped_probe_is_told_after_a_second_and_replaced() -> None:
    with SpeedProbe([CPU]) as probe:
        assert speaks(probe)
        (old,) = probe.pids
        os.kill(old, signal.SIGSTOP)
        time.sleep(1.3)
        (told,) = probe.losses()
        assert "no reading for" in told
        assert probe.revive() == []
        assert probe.pids != (old,)
        assert speaks(probe)


def test_a_probe_that_never_starts_is_told_and_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHOME", "/nowhere")  # Python ends at its start
    with SpeedProbe([CPU]) as probe:
        assert wait_until(lambda: bool(probe.losses()), PATIENCE_S)
        told = probe.revive()
        assert f"the speed probe on processor {CPU} does not start" in told
        pids = probe.pids
        assert probe.revive() == told
        assert probe.pids == pids  # it is not started, and waited for, again and again


def test_a_probe_that_had_to_wait_because_nobody_read_is_not_lost() -> None:
    """In a window of an hour the pipe is full."""
    with SpeedProbe([CPU]) as probe:
        assert speaks(probe)
        stream = probe._feelers[0]._stream
        fcntl.fcntl(stream, fcntl.F_SETPIPE_SZ, 4096)
        capacity = fcntl.fcntl(stream, fcntl.F_GETPIPE_SZ)
        assert wait_until(lambda: held_bytes(stream) > capacity - READING.size, PATIENCE_S)
        time.sleep(1.5)
        assert probe.losses() == []


def held_bytes(pipe: int) -> int:
    """That are written and not read yet."""
    (count,) = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))
    return int(count)

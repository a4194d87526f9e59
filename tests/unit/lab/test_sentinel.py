"""Processes that are really stopped, and a harness that does not run."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from harness.lab import sentinel as sentinels
from harness.lab.clocks import is_stopped
from harness.lab.process import wait_until
from harness.lab.sentinel import PERIOD_S, STILL_S, Pause, Sentinel
from tests.waiting import PATIENCE_S

STOP_S = 1.5
# Watches itself, and is stopped from outside in between.
WATCHING = """\
import time
from harness.lab.sentinel import Sentinel

with Sentinel() as sentinel:
    sentinel.watch({})
    print("watching", flush=True)
    input()
    stopped, late = sentinel.pauses()
    print(len(stopped), None if late is None else late.seconds, flush=True)
"""


@pytest.fixture
def sentinel() -> Iterator[Sentinel]:
    with Sentinel() as running:
        yield running


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    popen = subprocess.Popen(["sleep", "60"])
    yield popen
    popen.kill()
    popen.wait()


def stopped(sentinel: Sentinel) -> tuple[Pause, ...]:
    return sentinel.pauses()[0]


def test_a_process_that_runs_or_sleeps_is_not_stopped(
    sentinel: Sentinel, sleeper: subprocess.Popen[bytes]
) -> None:
    sentinel.watch({"server": [sleeper.pid, os.getpid()], "relay": []})
    time.sleep(3 * PERIOD_S)
    assert stopped(sentinel) == ()


def test_a_stopped_process_is_named_by_its_role_with_about_its_time(
    sentinel: Sentinel, sleeper: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[float] = []

    def look(pid: int) -> bool:
        if pid == sleeper.pid:
            looks.append(time.monotonic())
        return is_stopped(pid)

    monkeypatch.setattr(sentinels, "is_stopped", look)
    sentinel.watch({"server": [sleeper.pid], "relay": [os.getpid()]})
    os.kill(sleeper.pid, signal.SIGSTOP)
    assert wait_until(lambda: is_stopped(sleeper.pid), PATIENCE_S)
    # Until a round of looks has begun after that time, however late they come: the second that
    # looks then, as the first may have been held up since it read the clock.
    began = time.monotonic()
    assert wait_until(lambda: sum(at > began + STOP_S for at in looks) >= 2, PATIENCE_S)
    os.kill(sleeper.pid, signal.SIGCONT)
    (pause,) = stopped(sentinel)
    assert pause.role == "server"
    assert pause.seconds > STOP_S - 2 * PERIOD_S


def test_what_was_stopped_before_or_after_the_watch_is_not_told(
    sentinel: Sentinel, sleeper: subprocess.Popen[bytes]
) -> None:
    os.kill(sleeper.pid, signal.SIGSTOP)
    time.sleep(2 * PERIOD_S)
    os.kill(sleeper.pid, signal.SIGCONT)
    sentinel.watch({"server": [sleeper.pid]})
    assert stopped(sentinel) == ()
    os.kill(sleeper.pid, signal.SIGSTOP)
    time.sleep(2 * PERIOD_S)
    os.kill(sleeper.pid, signal.SIGCONT)
    sentinel.watch({"server": [sleeper.pid]})
    assert stopped(sentinel) == ()


def test_a_harness_that_was_stopped_itself_knows_it_afterwards() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WATCHING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as popen:
        assert popen.stdin is not None
        assert popen.stdout is not None
        assert popen.stdout.readline() == "watching\n"
        os.kill(popen.pid, signal.SIGSTOP)
        time.sleep(STILL_S + 3 * PERIOD_S)
        popen.stdin.write("\n")
        popen.stdin.flush()
        os.kill(popen.pid, signal.SIGCONT)
        count, seconds = popen.stdout.readline().split()
        assert count == "0"
        assert float(seconds) >= STILL_S


def test_a_process_that_has_ended_is_not_stopped(
    sentinel: Sentinel, sleeper: subprocess.Popen[bytes]
) -> None:
    sleeper.kill()
    assert wait_until(lambda: sleeper.poll() is not None, PATIENCE_S)
    sentinel.watch({"server": [sleeper.pid]})
    time.sleep(2 * PERIOD_S)
    assert stopped(sentinel) == ()

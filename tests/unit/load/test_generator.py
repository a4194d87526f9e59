"""The generator as a process: its life, its death and that of its parent."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from harness.base.errors import GeneratorFailed
from harness.load import generator as loads
from harness.load.generator import ProcessGenerator
from harness.load.protocol import Exchange, Tally
from harness.load.worker.http1 import request_bytes
from tests.toys.http import HOST, OK, OK_BODY, Toy, Visit, respond, respond_slowly, stay_silent
from tests.toys.looks import until_quiet
from tests.waiting import gone

EXCHANGE = Exchange(requests=[request_bytes("GET", "/health", "toy")], body=OK_BODY)
PARENT = """\
import os, sys, time
from harness.load.generator import ProcessGenerator

with ProcessGenerator([min(os.sched_getaffinity(0))]) as generator:
    generator.open("a", "127.0.0.1", int(sys.argv[1]), connections=2)
    print(generator.pids[0], flush=True)
    time.sleep(60)
"""


def test_runs_on_its_core_and_ends_with_the_block(cpu: int, tmp_path: Path) -> None:
    with Toy(respond(OK)) as toy, ProcessGenerator([cpu], tmp_path / "log") as generator:
        (pid,) = generator.pids
        generator.open("a", HOST, toy.port, connections=1)  # it has begun
        assert psutil.Process(pid).cpu_affinity() == [cpu]
        assert psutil.Process(pid).children() == []
        assert generator.slice("a", EXCHANGE, 0.02).correct == toy.requests > 0
    assert gone(pid)
    assert (tmp_path / "log").read_text() == ""


def test_ctrl_c_is_for_the_harness(generator: ProcessGenerator) -> None:
    """Somebody presses it in the terminal: the slice under way is kept."""
    with Toy(respond(OK)) as toy:
        generator.open("ctrl-c", HOST, toy.port, connections=1)
        os.kill(generator.pids[0], signal.SIGINT)
        assert generator.slice("ctrl-c", EXCHANGE, 0.02).correct > 0
        generator.close("ctrl-c")


def test_an_unknown_target_is_a_sentence(generator: ProcessGenerator) -> None:
    with pytest.raises(GeneratorFailed, match=r"no target `nobody`; open it"):
        generator.slice("nobody", EXCHANGE, 0.01)
    with pytest.raises(GeneratorFailed, match=r"no target `nobody`; open it"):
        generator.window("nobody", EXCHANGE, warmup_s=0, seconds=0.01)
    with pytest.raises(GeneratorFailed, match=r"no target `nobody`; open it"):
        generator.close("nobody")


def test_a_killed_generator_is_a_sentence_at_every_call(cpu: int) -> None:
    with Toy(respond(OK)) as toy, ProcessGenerator([cpu]) as generator:
        generator.open("a", HOST, toy.port, connections=1)
        os.kill(generator.pids[0], signal.SIGKILL)
        for _ in range(2):
            with pytest.raises(GeneratorFailed, match=r"ended by SIGKILL\."):
                generator.slice("a", EXCHANGE, 0.01)


def test_a_generator_killed_under_load_is_noticed_at_once(cpu: int) -> None:
    """The harness waits for an answer that will never come; the pipe's end tells it."""

    def kill(_: object) -> None:
        os.kill(generator.pids[0], signal.SIGKILL)

    with Toy(stay_silent) as toy, ProcessGenerator([cpu]) as generator:
        generator.open("a", HOST, toy.port, connections=1)
        with pytest.raises(GeneratorFailed, match=r"SIGKILL"):
            generator.window("a", EXCHANGE, warmup_s=0.01, seconds=60, timeout_s=60, at_edge=kill)


def test_what_a_dying_generator_said_is_quoted(cpu: int, tmp_path: Path) -> None:
    with Toy(respond(OK)) as toy, ProcessGenerator([cpu], tmp_path / "log") as generator:
        generator.open("a", HOST, toy.port, connections=1)
        with pytest.raises(GeneratorFailed, match=r"It said:\n(?s:.*)names its one correct body"):
            generator.slice("a", Exchange(requests=[b""]), 0.01)


def test_a_generator_whose_parent_is_killed_ends(repository_root: Path) -> None:
    """With SIGKILL, so that no handler of the parent's can have helped."""
    with (
        Toy(respond(OK)) as toy,
        subprocess.Popen(
            [sys.executable, "-c", PARENT, str(toy.port)],
            stdout=subprocess.PIPE,
            cwd=repository_root,
        ) as parent,
    ):
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert toy.until_open(2)
        assert psutil.pid_exists(pid)
        parent.kill()
        assert gone(pid)
        assert toy.until_open(0)


def test_while_a_load_is_waited_for_its_caller_may_end_the_waiting(cpu: int) -> None:
    """PostgreSQL dies, and every answer of the application would take its whole time limit."""

    class Gone(Exception):
        pass

    loading = False

    def look() -> None:
        if loading:
            raise Gone

    with Toy(stay_silent) as toy, ProcessGenerator([cpu], meanwhile=look) as generator:
        generator.open("silent", HOST, toy.port, connections=1)
        loading, began = True, time.monotonic()
        with pytest.raises(Gone):
            generator.slice("silent", EXCHANGE, 0.01, timeout_s=60.0)
        assert time.monotonic() - began < 30


def test_a_generator_that_is_halted_is_given_up(cpu: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loads, "PATIENCE_S", 0.2)
    monkeypatch.setattr(loads, "_OPENING_S", 0.0)
    with Toy(respond(OK)) as toy, ProcessGenerator([cpu]) as generator:
        (pid,) = generator.pids
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(GeneratorFailed, match=rf"process {pid} did not answer"):
            generator.open("halted", HOST, toy.port, connections=1)
    assert gone(pid)


def test_a_generator_that_is_halted_for_a_moment_goes_on(cpu: int) -> None:
    with Toy(respond(OK)) as toy, ProcessGenerator([cpu]) as generator:
        generator.open("halted", HOST, toy.port, connections=1)
        (pid,) = generator.pids
        os.kill(pid, signal.SIGSTOP)
        again = threading.Timer(1.0, os.kill, (pid, signal.SIGCONT))
        again.start()
        assert generator.slice("halted", EXCHANGE, 0.05).correct > 0
        again.join()


def least_pause_ns(generator: ProcessGenerator) -> int:
    """Of a short slice, without what a neighbour adds."""
    return until_quiet(
        lambda: generator.slice("a", EXCHANGE, 0.05).paused_ns, lambda paused: paused < 0.8e9
    )


def test_a_generator_that_was_stopped_says_for_how_long_its_loop_did_not_run(cpu: int) -> None:
    """In a slice that ends before the loop looks at its timer again, and in a window."""
    stopping = False

    def stop_once(visit: Visit) -> None:
        """The first answer comes while the generator is stopped."""
        nonlocal stopping
        while visit.request() is not None:
            if stopping:
                stopping = False
                os.kill(generator.pids[0], signal.SIGSTOP)
                time.sleep(1.2)
                os.kill(generator.pids[0], signal.SIGCONT)
            visit.send(OK)

    with Toy(stop_once) as toy, ProcessGenerator([cpu]) as generator:
        generator.open("a", HOST, toy.port, connections=1)
        assert least_pause_ns(generator) < 0.8e9
        turns: list[Callable[[], Tally]] = [
            lambda: generator.slice("a", EXCHANGE, 0.2),
            lambda: generator.window("a", EXCHANGE, warmup_s=0.01, seconds=2.0),
        ]
        for load in turns:
            stopping = True
            assert 0.8e9 < load().paused_ns < 15e9


def test_waiting_for_a_slow_server_is_no_pause(cpu: int) -> None:
    with Toy(respond_slowly(OK, 1.5)) as toy, ProcessGenerator([cpu]) as generator:
        generator.open("a", HOST, toy.port, connections=1)
        assert least_pause_ns(generator) < 0.8e9

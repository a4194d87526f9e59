"""The generator as a process: its life, its death and that of its parent."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from harness.base.errors import GeneratorFailed
from harness.load.generator import ProcessGenerator
from harness.load.protocol import Exchange
from harness.load.worker.http1 import request_bytes
from tests.toys.http import HOST, OK, OK_BODY, Toy, respond, stay_silent
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
            with pytest.raises(GeneratorFailed, match=r"process died; resume the run to repeat"):
                generator.slice("a", EXCHANGE, 0.01)


def test_a_generator_killed_under_load_is_noticed_at_once(cpu: int) -> None:
    """The harness waits for an answer that will never come; the pipe's end tells it."""

    def kill(_: object) -> None:
        os.kill(generator.pids[0], signal.SIGKILL)

    with Toy(stay_silent) as toy, ProcessGenerator([cpu]) as generator:
        generator.open("a", HOST, toy.port, connections=1)
        with pytest.raises(GeneratorFailed, match=r"process died"):
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

"""The serving processes of a real tree: a master that forks workers, and helpers beside them."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress

import psutil
import pytest

from harness.lab import crew as crews
from harness.lab.clocks import TreeClock
from harness.lab.crew import Crew, CrewChange, listens
from harness.lab.process import wait_until
from tests.waiting import PATIENCE_S, gone

# Listens, keeps as many workers as it is told, replaces those that end, and starts helpers.
MASTER = """\
import os, select, signal, socket, subprocess, sys, time

listener = socket.create_server(("127.0.0.1", 0))
listener.set_inheritable(False)
wanted, workers = 2, set()

def work():
    while True:
        time.sleep(60)

def heed(*_):
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            break
        if pid == 0:
            break
        workers.discard(pid)
    while len(workers) < wanted:
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            work()
        workers.add(pid)

signal.signal(signal.SIGCHLD, heed)
heed()
print(listener.getsockname()[1], flush=True)
for line in sys.stdin:
    match line.split():
        case ["workers", count]:
            wanted = int(count)
            heed()
        case ["helper"]:
            child = subprocess.Popen(["sleep", "60"])
            print(child.pid, flush=True)
            continue
    print(*workers, flush=True)
"""


class Tree:
    """The master with its crew."""

    def __init__(self) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, "-c", MASTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.popen.stdout is not None
        self.port = int(self.popen.stdout.readline())
        self.clock = TreeClock(self.popen.pid)
        self.crew = Crew(self.clock, lambda pid: listens(pid, self.port))

    def tell(self, line: str) -> list[int]:
        assert self.popen.stdin is not None
        assert self.popen.stdout is not None
        self.popen.stdin.write(f"{line}\n")
        self.popen.stdin.flush()
        return [int(pid) for pid in self.popen.stdout.readline().split()]

    def workers(self) -> list[int]:
        return self.tell("who")

    def look(self) -> CrewChange | None:
        self.clock.read_ns()
        return self.crew.look()

    def replaced(self, pid: int) -> None:
        """Kill a worker, and wait until the master has another."""
        os.kill(pid, signal.SIGKILL)
        assert gone(pid)
        assert wait_until(lambda: pid not in self.workers(), PATIENCE_S)
        assert len(self.workers()) == 2


@pytest.fixture
def tree() -> Iterator[Tree]:
    made = Tree()
    made.clock.read_ns()
    made.crew.gather()
    yield made
    family = psutil.Process(made.popen.pid).children(recursive=True)
    made.popen.kill()
    for process in family:
        with suppress(psutil.NoSuchProcess):  # one that a test killed, and nobody has reaped
            process.kill()
    made.popen.communicate()


def test_a_crew_that_stays_has_no_change(tree: Tree) -> None:
    assert [tree.look() for _ in range(3)] == [None] * 3


def test_a_worker_that_was_killed_is_missed_and_its_replacement_is_no_second_change(
    tree: Tree,
) -> None:
    tree.replaced(tree.workers()[0])
    assert tree.look() == CrewChange(ended=1, started=0, before=3)
    assert [tree.look() for _ in range(3)] == [None] * 3


def test_every_further_replacement_is_seen_too(tree: Tree) -> None:
    for _ in range(3):
        tree.replaced(tree.workers()[0])
        change = tree.look()
        assert change is not None
        assert change.ended == 1
        tree.look()  # the newcomer is judged when it is seen again


def test_workers_that_only_come_are_a_change(tree: Tree) -> None:
    tree.tell("workers 3")
    assert len(tree.workers()) == 3
    assert tree.look() is None  # caught at its start, it is judged at the next look
    assert tree.look() == CrewChange(ended=0, started=1, before=3)


@pytest.mark.parametrize("looks", [1, 3])
def test_helpers_come_and_go_unnoticed(
    tree: Tree, looks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Time that a hypervisor steals counts as the helper's work.
    monkeypatch.setattr(crews, "_WORKED_NS", 10**11)
    (helper,) = tree.tell("helper")
    assert [tree.look() for _ in range(looks)] == [None] * looks
    os.kill(helper, signal.SIGKILL)
    assert gone(helper)
    assert [tree.look() for _ in range(2)] == [None] * 2


def test_a_worker_that_is_lost_before_the_crew_is_gathered_is_not_missed(tree: Tree) -> None:
    tree.replaced(tree.workers()[0])
    tree.clock.read_ns()
    tree.crew.gather()
    assert [tree.look() for _ in range(2)] == [None] * 2

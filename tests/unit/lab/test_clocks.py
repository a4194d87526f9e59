import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from harness.lab import clocks
from harness.lab.clocks import (
    MachineTime,
    TreeClock,
    Usage,
    oom_kills,
    process_cpu_ns,
    run_delay_ns,
)
from harness.lab.process import launch, wait_until
from tests.waiting import PATIENCE_S, gone

TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
BURN_NS = 60_000_000

# A process that does what it is told, a line at a time, and answers with the CPU time it measured.
PUPPET = """\
import os, sys, threading, time

def burn(ns, clock=time.process_time_ns):
    start = clock()
    while clock() - start < ns:
        pass

def child(ns, hold):
    pid = os.fork()
    if pid == 0:
        burn(ns)
        if hold:
            time.sleep(60)
        os._exit(0)
    return pid

for line in sys.stdin:
    match line.split():
        case ["burn", ns]:
            burn(int(ns))
            print("done", flush=True)
        case ["thread", ns]:
            thread = threading.Thread(target=burn, args=(int(ns), time.thread_time_ns))
            thread.start(); thread.join()
            print("done", flush=True)
        case ["child", ns]:
            os.waitpid(child(int(ns), False), 0)
            print("done", flush=True)
        case ["hold", ns]:
            print(child(int(ns), True), flush=True)
        case ["kill", pid]:
            os.kill(int(pid), 9)
            os.waitpid(int(pid), 0)
            print("done", flush=True)
"""


class Puppet:
    """A child process on a string."""

    def __init__(self, popen: subprocess.Popen[str]) -> None:
        self.pid = popen.pid
        self._popen = popen

    def do(self, order: str) -> str:
        """Give an order and wait until it is carried out."""
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        self._popen.stdin.write(f"{order}\n")
        self._popen.stdin.flush()
        return self._popen.stdout.readline().strip()


@contextmanager
def running_puppet() -> Iterator[Puppet]:
    with subprocess.Popen(
        [sys.executable, "-c", PUPPET],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as popen:
        try:
            yield Puppet(popen)
        finally:
            for process in psutil.Process(popen.pid).children(recursive=True):
                process.kill()
            popen.kill()


@pytest.fixture
def puppet() -> Iterator[Puppet]:
    with running_puppet() as made:
        made.do("burn 0")  # it has begun
        yield made


def test_reads_what_the_process_itself_reads() -> None:
    """The clock made from our own pid is time.process_time's."""
    before = time.process_time_ns()
    read = process_cpu_ns(os.getpid())
    after = time.process_time_ns()
    assert read is not None
    assert before <= read <= after


@pytest.mark.parametrize("how", ["burn", "thread"])
def test_sees_work_of_a_process_and_of_its_ended_threads(puppet: Puppet, how: str) -> None:
    before = process_cpu_ns(puppet.pid)
    assert before is not None
    puppet.do(f"{how} {BURN_NS}")
    # The kernel brings the clock of a process that still runs up to date at ticks only.
    assert wait_until(lambda: (process_cpu_ns(puppet.pid) or 0) - before >= BURN_NS, PATIENCE_S)


def test_an_idle_process_uses_nothing(puppet: Puppet) -> None:
    """Exactly nothing: the clock is not one of ticks, nor of the machine."""

    def still() -> bool:
        before = process_cpu_ns(puppet.pid)
        time.sleep(0.02)
        return process_cpu_ns(puppet.pid) == before

    assert wait_until(still, PATIENCE_S)


def test_does_not_see_children(puppet: Puppet) -> None:
    before = process_cpu_ns(puppet.pid)
    puppet.do(f"child {10 * BURN_NS}")
    after = process_cpu_ns(puppet.pid)
    assert before is not None
    assert after is not None
    assert after - before < 10 * BURN_NS


def test_a_process_that_is_gone_has_no_clock(puppet: Puppet) -> None:
    child = int(puppet.do("hold 0"))
    assert process_cpu_ns(child) is not None
    puppet.do(f"kill {child}")
    assert process_cpu_ns(child) is None


def test_tree_counts_living_descendants(puppet: Puppet) -> None:
    clock = TreeClock(puppet.pid)
    before = clock.read_ns()
    child = int(puppet.do(f"hold {BURN_NS}"))
    assert wait_until(lambda: clock.read_ns() - before >= BURN_NS, PATIENCE_S)
    assert clock.pids == {puppet.pid, child}


def test_tree_counts_children_that_came_and_went_between_two_readings(puppet: Puppet) -> None:
    """PostgreSQL's backends do, where a variant has no pool. The kernel counts them in ticks."""
    clock = TreeClock(puppet.pid)
    before = clock.read_ns()
    puppet.do(f"child {BURN_NS}")
    assert clock.read_ns() - before >= BURN_NS - 2 * TICK_NS


def test_tree_neither_loses_nor_doubles_a_child_that_ends(puppet: Puppet) -> None:
    clock = TreeClock(puppet.pid)
    child = int(puppet.do(f"hold {5 * BURN_NS}"))
    assert wait_until(lambda: (process_cpu_ns(child) or 0) >= 5 * BURN_NS, PATIENCE_S)
    before = clock.read_ns()
    puppet.do(f"kill {child}")
    after = clock.read_ns()
    assert clock.pids == {puppet.pid}
    assert -2 * TICK_NS <= after - before < 4 * BURN_NS


def test_tree_leaves_strangers_out(puppet: Puppet) -> None:
    with running_puppet() as stranger:
        clock = TreeClock(puppet.pid)
        clock.read_ns()
        stranger.do("burn 0")
        clock.read_ns()
        assert clock.pids == {puppet.pid}


def test_tree_finds_grandchildren() -> None:
    with subprocess.Popen(
        ["sh", "-c", "sh -c 'sleep 60 & wait' & wait"], start_new_session=True
    ) as root:
        try:
            clock = TreeClock(root.pid)

            def all_found() -> bool:
                clock.read_ns()
                return len(clock.pids) == 3

            assert wait_until(all_found, PATIENCE_S)
        finally:
            family = psutil.Process(root.pid).children(recursive=True)
            for process in family:
                process.kill()
            root.kill()
    assert all(gone(process.pid) for process in family)


def test_the_machine_is_at_least_as_busy_as_we_are() -> None:
    cpus = frozenset(os.sched_getaffinity(0))

    def seen_busy() -> bool:
        before = MachineTime.read(cpus)
        start = time.process_time_ns()
        while time.process_time_ns() - start < 10 * TICK_NS:
            pass
        after = MachineTime.read(cpus)
        assert after.steal_ns >= before.steal_ns >= 0
        # The clock is of ticks, and a tick goes to whoever runs at its end.
        return after.busy_ns - before.busy_ns >= 5 * TICK_NS

    # Time that a hypervisor steals counts as ours, and not as the machine's.
    assert any(seen_busy() for _ in range(10))


def test_processors_that_are_not_ours_do_not_count() -> None:
    assert MachineTime.read(frozenset()) == MachineTime(busy_ns=0, steal_ns=0)


KEPT = run_delay_ns([os.getpid()]) is not None
"""Whether this kernel keeps sched-stats; without them there is nothing to read."""


def test_threads_that_want_one_processor_wait_for_it(puppet: Puppet, cpu: int) -> None:
    """Two processes that burn on one processor: each is kept waiting about as long as it ran."""
    with running_puppet() as rival:
        for process in (puppet, rival):
            process.do("burn 0")
            os.sched_setaffinity(process.pid, {cpu})
        pids = [puppet.pid, rival.pid]

        def waited_ns() -> int | None:
            before = run_delay_ns(pids)
            threads = [
                threading.Thread(target=process.do, args=(f"burn {5 * BURN_NS}",))
                for process in (puppet, rival)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            after = run_delay_ns(pids)
            return None if before is None or after is None else after - before

        if KEPT:  # one may be done before the other begins, and hardly each time
            assert any((waited_ns() or 0) >= BURN_NS for _ in range(10))
        else:
            assert waited_ns() is None


def test_delays_of_several_processes_add_up(puppet: Puppet) -> None:
    with running_puppet() as other:
        other.do("burn 0")

        def adds_up() -> bool:
            """Both are idle; but either may be woken up while we read."""
            parts = [run_delay_ns([process.pid]) or 0 for process in (puppet, other)]
            return (run_delay_ns([puppet.pid, other.pid]) or 0) == sum(parts)

        assert wait_until(adds_up, PATIENCE_S)


def test_processes_that_are_gone_are_not_waited_for(puppet: Puppet) -> None:
    child = int(puppet.do("hold 0"))
    puppet.do(f"kill {child}")
    assert run_delay_ns([child]) is None
    assert (run_delay_ns([child, os.getpid()]) is not None) == KEPT
    assert run_delay_ns([]) is None


def test_usage_sums_over_the_processes_that_live() -> None:
    child = launch(["sleep", "60"])
    try:

        def adds_up() -> bool:
            """A thread of another test may end between two looks."""
            own, both = Usage.of([os.getpid()]), Usage.of([os.getpid(), child.pid])
            assert (own.processes, both.processes) == (1, 2)
            assert both.rss_peak_kib > own.rss_peak_kib > 1_000
            return both.threads == own.threads + 1

        assert wait_until(adds_up, PATIENCE_S)
    finally:
        child.stop()
    assert Usage.of([os.getpid(), child.pid]).processes == 1


def test_the_usage_of_no_process_is_zero() -> None:
    assert Usage.of([]) == Usage(rss_peak_kib=0, threads=0, processes=0)


def test_usage_counts_threads() -> None:
    def one_more() -> bool:
        """A thread of another test may end between two looks."""
        end = threading.Event()
        before = Usage.of([os.getpid()]).threads
        thread = threading.Thread(target=end.wait)
        thread.start()
        after = Usage.of([os.getpid()]).threads
        end.set()
        thread.join()
        return after == before + 1

    assert wait_until(one_more, PATIENCE_S)


def test_kills_for_lack_of_memory_are_the_kernels_count(tmp_path: Path) -> None:
    vmstat = tmp_path / "vmstat"
    assert oom_kills(vmstat) == 0  # where it is not visible
    vmstat.write_text("nr_free_pages 11\noom_kill 3\noom_kill_x 9\n")
    assert oom_kills(vmstat) == 3


def test_of_very_many_threads_the_waiting_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_delay_ns([os.getpid()]) is not None
    monkeypatch.setattr(clocks, "_MOST_THREADS", 0)
    assert run_delay_ns([os.getpid()]) is None

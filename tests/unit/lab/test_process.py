"""Launching and stopping, with real processes, and what the kernel does when the harness dies."""

import os
import pwd
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from harness.lab import process
from harness.lab.process import PATIENCE_S as STOPPED_S
from harness.lab.process import launch, stop_together, wait_until
from tests.waiting import PATIENCE_S, alive, gone

FAMILY = "sleep 60 & echo $! >> {pids}; sh -c 'sleep 60 & echo $! >> {pids}; wait' & wait"

# A harness that starts one program, says so, and waits to be killed.
HARNESS = """\
import sys, time
from pathlib import Path
from harness.lab.process import launch
child = launch(sys.argv[2:], log=Path(sys.argv[1]))
print(child.pid, flush=True)
time.sleep(60)
"""

# A master as gunicorn's: forks a worker, and passes SIGTERM on to it.
MASTER = """\
import os, signal, sys, time

worker = os.fork()
if worker == 0:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    time.sleep(60)
    os._exit(0)

def end(*_):
    os.kill(worker, signal.SIGTERM)
    os.waitpid(worker, 0)
    sys.exit(0)

signal.signal(signal.SIGTERM, end)
with open(sys.argv[1], "w") as pids:
    print(worker, file=pids)
time.sleep(60)
"""


def pids_in(path: Path, count: int) -> list[int]:
    """The process ids that a program writes, once they are all there."""

    def read() -> list[int]:
        return [int(line) for line in path.read_text().split()] if path.exists() else []

    assert wait_until(lambda: len(read()) == count, PATIENCE_S)
    return read()


def ended(argv: list[str], tmp_path: Path, **options: object) -> str:
    """What a program wrote before it ended of itself."""
    child = launch(argv, log=tmp_path / "log", **options)  # type: ignore[arg-type]
    assert wait_until(lambda: not child.running, PATIENCE_S)
    return (tmp_path / "log").read_text()


def test_the_program_stands_in_place_of_the_launcher(tmp_path: Path) -> None:
    """No wrapper in the measured tree: the child's pid is the program's."""
    child = launch(["sh", "-c", "echo $$ > pid; exec sleep 60"], cwd=tmp_path)
    try:
        assert pids_in(tmp_path / "pid", 1) == [child.pid]
        assert wait_until(lambda: psutil.Process(child.pid).name() == "sleep", PATIENCE_S)
        assert psutil.Process(child.pid).ppid() == os.getpid()
    finally:
        child.stop()


def test_the_program_is_bound_to_its_cores(cpu: int, tmp_path: Path) -> None:
    tell = [sys.executable, "-c", "import os; print(*os.sched_getaffinity(0))"]
    assert ended(tell, tmp_path, cpus=[cpu]) == f"{cpu}\n"


def test_without_cores_it_may_use_all(tmp_path: Path) -> None:
    tell = [sys.executable, "-c", "import os; print(sorted(os.sched_getaffinity(0)))"]
    assert ended(tell, tmp_path) == f"{sorted(os.sched_getaffinity(0))}\n"


def test_the_program_has_the_environment_it_is_given_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEAK", "1")
    program = [
        sys.executable,
        "-I",
        "-c",
        "import os; print(os.environ.get('LEAK'), os.environ['A'])",
    ]
    assert ended(program, tmp_path, env={"A": "b"}) == "None b\n"


def test_ctrl_c_does_not_reach_it() -> None:
    child = launch(["sleep", "60"])
    try:
        assert os.getsid(child.pid) == child.pid != os.getsid(0)
    finally:
        child.stop()


def test_root_and_nobody_else_can_run_it_as_another_user(tmp_path: Path) -> None:
    """PostgreSQL refuses to be root. Groups go with the user."""
    nobody = pwd.getpwnam("nobody")
    told = ended(["/bin/sh", "-c", "id -u; id -g; id -G"], tmp_path, user="nobody", cwd=Path("/"))
    if os.geteuid() == 0:
        assert told.split() == [str(nobody.pw_uid), str(nobody.pw_gid), str(nobody.pw_gid)]
    else:
        assert "PermissionError" in told


def test_a_program_that_is_not_there_ends_and_says_so(tmp_path: Path) -> None:
    assert "FileNotFoundError" in ended(["bridgetoll-no-such-program"], tmp_path)


def test_stop_ends_the_program_and_its_descendants(tmp_path: Path) -> None:
    """Shells do not pass SIGTERM on, so what they started is killed."""
    pids = tmp_path / "pids"
    child = launch(["sh", "-c", FAMILY.format(pids=pids)])
    descendants = pids_in(pids, 2)
    assert all(alive(pid) for pid in descendants)
    child.stop()
    assert not child.running
    assert all(gone(pid) for pid in descendants)


def test_stop_finds_the_orphans_of_a_program_that_has_died(tmp_path: Path) -> None:
    """A master that was killed leaves workers whose parent is now another."""
    pids = tmp_path / "pids"
    child = launch(["sh", "-c", FAMILY.format(pids=pids)])
    orphans = pids_in(pids, 2)
    child.popen.kill()
    child.popen.wait()
    assert all(alive(pid) for pid in orphans)
    child.stop()
    assert all(gone(pid) for pid in orphans)


def test_stop_kills_what_does_not_listen(tmp_path: Path) -> None:
    child = launch(
        ["sh", "-c", "trap '' TERM; echo 1 > ready; while :; do sleep 0.05; done"], cwd=tmp_path
    )
    pids_in(tmp_path / "ready", 1)
    child.stop(patience_s=0.2)
    assert gone(child.pid)
    assert not child.running


def test_stop_asks_first(tmp_path: Path) -> None:
    """With the signal it is told, and it leaves time to put things away."""
    script = "trap 'echo put away; exit' INT; echo 1 > ready; while :; do sleep 0.05; done"
    child = launch(["sh", "-c", script], cwd=tmp_path, log=tmp_path / "log")
    pids_in(tmp_path / "ready", 1)
    child.stop(signal.SIGINT, patience_s=PATIENCE_S)
    assert (tmp_path / "log").read_text() == "put away\n"


DEAF = "trap '' TERM; echo $$ >> {pids}; while :; do sleep 0.2; done"


def test_many_that_do_not_listen_are_stopped_together(tmp_path: Path) -> None:
    """Not one after the other: 48 times the patience would be minutes."""
    children = [
        launch(["sh", "-c", DEAF.format(pids=tmp_path / "pids")], cwd=tmp_path) for _ in range(48)
    ]
    pids = pids_in(tmp_path / "pids", 48)
    began = time.monotonic()
    stop_together(children)
    assert time.monotonic() - began < 48 * STOPPED_S / 2
    assert all(gone(pid) for pid in pids)
    assert not any(child.running for child in children)


def test_those_that_listen_are_waited_for_no_longer_than_they_need(tmp_path: Path) -> None:
    away = "trap 'sleep 0.1; echo $0 >> away; exit' TERM"
    script = f"{away}; echo $$ >> pids; while :; do sleep 0.05; done"
    children = [launch(["sh", "-c", script, str(n)], cwd=tmp_path) for n in range(8)]
    pids_in(tmp_path / "pids", 8)
    stop_together(children, patience_s=PATIENCE_S)
    assert sorted((tmp_path / "away").read_text().split()) == [str(n) for n in range(8)]


def test_what_is_halted_is_asked_too(tmp_path: Path) -> None:
    """It wakes up, puts its things away and ends."""
    script = "trap 'echo put away; exit' TERM; echo 1 > ready; while :; do sleep 0.05; done"
    child = launch(["sh", "-c", script], cwd=tmp_path, log=tmp_path / "log")
    pids_in(tmp_path / "ready", 1)
    child.popen.send_signal(signal.SIGSTOP)
    child.stop(patience_s=PATIENCE_S)
    assert (tmp_path / "log").read_text() == "put away\n"


# A harness that is interrupted again and again while it stops servers that do not listen.
IMPATIENT = """\
import signal, sys, time
from pathlib import Path
from harness.base import signals
from harness.lab.process import launch, stop_together

class Teller:
    running = False

    def ask_to_stop(self, parents):
        print("stopping", flush=True)

    def kill(self):
        pass

    def reap(self):
        pass

signals.install()
signals._GRACE_S = 0.0
children = [Teller()]
try:
    for _ in range(4):
        children.append(launch(["sh", "-c", sys.argv[1]]))
    print(flush=True)
    time.sleep(60)
finally:
    stop_together(children, 0.5)
"""


def test_a_second_ctrl_c_while_stopping_leaves_nothing_running(
    repository_root: Path, tmp_path: Path
) -> None:
    """The harness's own death would not help: these processes ignore the signal of it."""
    pids = tmp_path / "pids"
    with subprocess.Popen(
        [sys.executable, "-c", IMPATIENT, DEAF.format(pids=pids)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=repository_root,
    ) as harness:  # fmt: skip
        assert harness.stdout is not None
        harness.stdout.readline()
        deaf = pids_in(pids, 4)
        harness.send_signal(signal.SIGTERM)
        assert harness.stdout.readline() == b"stopping\n"

        def ended_by_signals() -> bool:
            for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP):
                harness.send_signal(number)
            return harness.poll() is not None

        assert wait_until(ended_by_signals, PATIENCE_S)
    assert all(gone(pid) for pid in deaf)


# A harness that is interrupted before it can tell anyone which program it has started.
FORGETFUL = """\
import sys
from harness.lab.process import launch
launch(["sh", "-c", sys.argv[1]])
sys.stdin.read()
raise KeyboardInterrupt
"""


def test_what_an_interrupted_start_has_left_is_stopped_at_the_end(
    repository_root: Path, tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    with subprocess.Popen(
        [sys.executable, "-c", FORGETFUL, DEAF.format(pids=pids)],
        stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=repository_root,
    ) as harness:  # fmt: skip
        (deaf,) = pids_in(pids, 1)
        harness.communicate()
    assert gone(deaf)


def test_stop_may_be_called_twice() -> None:
    child = launch(["true"])
    child.stop()
    child.stop()
    assert not child.running


def test_a_stranger_with_the_id_of_one_that_has_ended_is_left_alone() -> None:
    """The kernel gives ids anew, and threads use them up."""
    ended, stranger = launch(["true"]), launch(["sleep", "60"])
    try:
        ended.popen.wait()
        ended.popen.pid = stranger.pid
        ended.stop()
        assert stranger.running
    finally:
        stranger.stop()


def test_stop_leaves_no_pipe_open() -> None:
    child = launch(["cat"], pipes=True)
    assert child.popen.stdin is not None
    assert child.popen.stdout is not None
    child.stop()
    assert child.popen.stdin.closed
    assert child.popen.stdout.closed


def test_last_words_are_the_end_of_standard_error(tmp_path: Path) -> None:
    script = "for i in $(seq 40); do echo line $i; echo >&2; done; printf 'caf\\351' >&2"
    child = launch(["sh", "-c", script], log=tmp_path / "log")
    child.popen.wait()
    assert child.last_words().splitlines() == [*(f"line {i}" for i in range(30, 41)), "caf\ufffd"]


def test_without_a_log_there_are_no_last_words(tmp_path: Path) -> None:
    child = launch(["sh", "-c", "echo lost >&2"])
    child.popen.wait()
    assert child.last_words() == ""
    child = launch(["true"], log=tmp_path / "log")
    child.popen.wait()
    (tmp_path / "log").unlink()
    assert child.last_words() == ""


def kill_the_harness(repository_root: Path, log: Path, argv: list[str], ready: Path) -> list[int]:
    """Start `argv` from a harness, kill that with SIGKILL; return the pids of all that ran."""
    with subprocess.Popen(
        [sys.executable, "-c", HARNESS, str(log), *argv],
        stdout=subprocess.PIPE,
        cwd=repository_root,
    ) as harness:
        assert harness.stdout is not None
        child = int(harness.stdout.readline())
        pids = [child, *pids_in(ready, 1)]
        assert all(alive(pid) for pid in pids)
        harness.kill()
    return pids


def test_a_child_dies_with_a_harness_that_is_killed(repository_root: Path, tmp_path: Path) -> None:
    ready = tmp_path / "pids"
    argv = ["sh", "-c", f"echo $$ > {ready}; exec sleep 60"]
    pids = kill_the_harness(repository_root, tmp_path / "log", argv, ready)
    assert all(gone(pid) for pid in pids)


def test_a_master_and_its_workers_die_with_a_harness_that_is_killed(
    repository_root: Path, tmp_path: Path
) -> None:
    """The kernel tells the master, and the master its workers, as gunicorn's does."""
    ready = tmp_path / "pids"
    argv = [sys.executable, "-c", MASTER, str(ready)]
    pids = kill_the_harness(repository_root, tmp_path / "log", argv, ready)
    assert len(set(pids)) == 2
    assert all(gone(pid) for pid in pids)


class FakeTime:
    """A clock that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_wait_until_looks_once_more_when_the_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeTime()
    monkeypatch.setattr(process, "time", fake)
    looked: list[float] = []

    def look(due: float) -> bool:
        looked.append(fake.now)
        return fake.now >= due

    assert not wait_until(lambda: look(9.0), 0.1)
    assert len(looked) > 2
    assert looked[-1] >= 0.1
    fake.now = 0.0
    assert wait_until(lambda: look(0.1), 0.1)
    assert wait_until(lambda: True, 0)


def test_what_is_to_be_prompt_comes_before_other_sessions_too() -> None:
    """A nice value counts within a session alone where Linux groups processes by session.

    Who is not root may not come first, and is as everybody else.
    """
    wanted = -20 if os.geteuid() == 0 else os.nice(0)
    child = launch(["sleep", "60"], prompt=True)
    try:
        assert wait_until(lambda: psutil.Process(child.pid).name() == "sleep", PATIENCE_S)
        assert psutil.Process(child.pid).nice() == wanted
        group = Path(f"/proc/{child.pid}/autogroup")
        if group.exists() and group.read_text():
            assert group.read_text().split()[-2:] == ["nice", str(wanted)]
    finally:
        child.stop()

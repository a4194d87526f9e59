"""Locust as a program: one process or several, and what is told when it cannot be had."""

import itertools
import re
import signal
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import psutil
import pytest

from harness.base.errors import LocustFailed, LocustWorkerLost
from harness.base.workspace import cache_folder
from harness.lab.network import Address
from harness.lab.process import wait_until
from harness.load.locust.driver import (
    LocustsHere,
    Member,
    RampPlan,
    busiest,
    climb,
    leader,
    prepare_locust,
    worker,
)
from harness.load.locust.notes import Notes, RampResult
from tests.processes import below
from tests.toys.http import HOST, Toy, Visit
from tests.waiting import gone

PLAN = RampPlan(path="/noop", users=2, per_s=2, hold_s=1, client="fast", body="{}")
RAMP = msgspec.structs.replace(PLAN, users=8, per_s=2, hold_s=4)
ANSWERED, FAILS = 60, 10
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
BROKEN = b"HTTP/1.1 500 Broken\r\nContent-Length: 2\r\n\r\n{}"
LATE_S = 3
"""A busy machine's users may come as late, in whole seconds."""
TIGHT_S = 30.0


def answering(most: int, pause_s: float = 0.0) -> Callable[[Visit], None]:
    """Answer so many requests, each tenth with a failure, and leave all others waiting.

    pause_s: before each answer.
    """
    numbers = itertools.count(1)  # its next() is atomic

    def behave(visit: Visit) -> None:
        while visit.request() is not None:
            number = next(numbers)
            if number > most:
                visit.wait_for_client_to_go()
                return
            time.sleep(pause_s)
            visit.send(OK if number % FAILS else BROKEN)

    return behave


class Struck(msgspec.Struct):
    """What came of a worker that a signal struck in the middle."""

    error: LocustWorkerLost
    told_after_s: float
    pids: list[int]
    left: list[str]


class Ramps(msgspec.Struct):
    """Ramps of one process and of four, what their servers saw, and two that lost a worker."""

    results: dict[int, RampResult]
    seen: dict[int, int]
    struck: dict[signal.Signals, Struck]


def ridden(python: Path, folder: Path, processes: int) -> tuple[RampResult, int]:
    """A whole ramp, and the requests that its server saw; four processes are of two machines."""
    plan = msgspec.structs.replace(RAMP, processes=processes)
    folders = [folder, folder / "second"][: 1 if processes == 1 else 2]
    folders[-1].mkdir(exist_ok=True)
    with Toy(answering(ANSWERED)) as toy:
        result = climb(
            [LocustsHere(python, own, None) for own in folders],
            plan,
            f"http://{HOST}:{toy.port}",
            name=f"by-{processes}",
            meanwhile=lambda: None,
        )
        return result, toy.requests


def belongs(process: psutil.Process, name: str) -> bool:
    """Whether it is of that ramp; those of other ramps come and go."""
    try:
        return any(f"/{name}" in part for part in process.environ().values())
    except psutil.Error:
        return False


def striking(python: Path, folder: Path, number: signal.Signals) -> Struck:
    """A ramp of a minute with two workers, the first of which a signal strikes."""
    plan = msgspec.structs.replace(RAMP, hold_s=60, processes=2)
    name = f"struck-by-{number.name}"
    struck_s: list[float] = []
    pids: list[int] = []
    # With pauses, or its endless answers would leave other ramps of this process too few.
    with Toy(answering(1_000_000, 0.05)) as toy:

        def strike() -> None:
            family = [p for p in below("locust") if belongs(p, name)]
            followers = [p for p in below("--master-host") if belongs(p, name)]
            if toy.requests and followers and not struck_s:
                struck_s.append(time.monotonic())
                pids.extend(process.pid for process in family)
                followers[0].send_signal(number)

        with pytest.raises(LocustWorkerLost) as failed:
            climb(
                [LocustsHere(python, folder, None)],
                plan,
                f"http://{HOST}:{toy.port}",
                name=name,
                meanwhile=strike,
            )
    left = sorted(path.suffix for path in folder.glob(f"{name}*"))
    return Struck(failed.value, time.monotonic() - struck_s[0], pids, left)


@pytest.fixture(scope="module")
def ramps(tmp_path_factory: pytest.TempPathFactory) -> Ramps:
    """All at once: most of the time Locust waits."""
    python, folder = prepare_locust(cache_folder()), tmp_path_factory.mktemp("ramps")
    with ThreadPoolExecutor() as threads:
        whole = {n: threads.submit(ridden, python, folder, n) for n in (1, 4)}
        broken = {
            number: threads.submit(striking, python, folder, number)
            for number in (signal.SIGKILL, signal.SIGSTOP)
        }
        results = {n: task.result() for n, task in whole.items()}
        return Ramps(
            {n: result for n, (result, _) in results.items()},
            {n: seen for n, (_, seen) in results.items()},
            {number: task.result() for number, task in broken.items()},
        )


@pytest.mark.parametrize("processes", [1, 4])
def test_counts_are_those_of_the_server(ramps: Ramps, processes: int) -> None:
    result = ramps.results[processes]
    failed = ANSWERED // FAILS
    assert len(result.answers) == ANSWERED - failed
    assert result.errors == {"status 500": failed}
    assert sum(result.failed) == failed
    assert result.under_way == RAMP.users
    assert ramps.seen[processes] == ANSWERED + RAMP.users


@pytest.mark.parametrize("processes", [1, 4])
def test_users_come_on_schedule_however_many_processes_send(ramps: Ramps, processes: int) -> None:
    """Never all at once, and on a busy machine not much later.

    One lot may be early: Locust's pause before it counts from a time that may be a while ago.
    """
    result = ramps.results[processes]
    come = list(itertools.accumulate(result.came))
    planned = [min(RAMP.users, round(RAMP.per_s) * (second + 1)) for second in range(len(come))]
    assert come[-1] == result.users == RAMP.users
    assert all(many <= most for many, most in zip(come, [*planned[1:], RAMP.users], strict=True))
    assert all(many >= least for many, least in zip(come[LATE_S:], planned, strict=False))
    assert result.settled_s is not None
    assert result.settled_s >= (RAMP.users / RAMP.per_s - 1) / 2
    assert RAMP.length_s - 1 <= (result.ended_ns - result.began_ns) / 1e9 < RAMP.length_s + TIGHT_S


def test_every_latency_is_kept_unrounded(ramps: Ramps) -> None:
    """Locust's own statistics round to milliseconds below 100 ms."""
    for result in ramps.results.values():
        assert all(0 < took_s <= at_s for at_s, took_s in result.answers)
        assert len({took_s for _, took_s in result.answers}) > ANSWERED // 2
        assert list(result.answers) == sorted(result.answers)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_lost_worker_ends_the_ramp_at_once_and_is_named(
    ramps: Ramps, number: signal.Signals
) -> None:
    struck = ramps.struck[number]
    assert struck.told_after_s < 45  # of 64; a silent worker is missed after some seconds
    told = {
        signal.SIGKILL: r"worker 1 of 2 was ended by SIGKILL, \d+ s after its start",
        signal.SIGSTOP: "one of Locust's 2 workers gave no sign of life",
    }
    assert re.search(told[number], struck.error.what)
    assert "requests are lost" in str(struck.error)
    assert len(struck.pids) == 3
    assert all(gone(pid) for pid in struck.pids)
    assert set(struck.left) <= {".log"}


def fake(tmp_path: Path, script: str) -> Path:
    """An interpreter that is a shell script in truth."""
    path = tmp_path / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def failure(python: Path, folder: Path, plan: RampPlan = PLAN) -> LocustFailed:
    """What is told of Locust that does not climb."""
    with pytest.raises(LocustFailed) as failed:
        climb(
            [LocustsHere(python, folder, None)], plan, "http://127.0.0.1:9", name="cell",
            meanwhile=lambda: None,
        )  # fmt: skip
    return failed.value


def test_it_is_as_long_as_its_users_take_to_come_and_stay() -> None:
    assert PLAN.length_s == 2.0


def test_an_interpreter_without_locust_is_one_sentence_with_its_last_words(tmp_path: Path) -> None:
    bare = fake(tmp_path, f'exec {sys.executable} -S -I "$@"')
    told = str(failure(bare, tmp_path))
    assert "No module named" in told
    assert str(tmp_path) not in told
    assert not (tmp_path / "cell.json").exists()


def test_locust_that_is_killed_is_named_with_the_signal(tmp_path: Path) -> None:
    told = str(failure(fake(tmp_path, "kill -9 $$"), tmp_path))
    assert told.startswith("Locust was ended by SIGKILL and left no result")


def test_a_master_that_dies_leaves_no_worker_behind(tmp_path: Path) -> None:
    script = f"""case "$*" in
    *--worker*) exec sleep 61.25 ;;
    *) echo 5557 > {tmp_path}/new; mv {tmp_path}/new {tmp_path}/cell.port; sleep 0.3; kill -9 $$ ;;
    esac"""
    plan = msgspec.structs.replace(PLAN, processes=2)
    told = str(failure(fake(tmp_path, script), tmp_path, plan))
    assert told.startswith("Locust's master was ended by SIGKILL")
    assert wait_until(lambda: below("61.25") == [], 30)


def noted(lasted_s: float) -> str:
    """The notes of a process that lasted so long, as JSON."""
    notes = Notes(
        clock="here", began_ns=CLOCK_NS, ended_ns=CLOCK_NS + round(lasted_s * 1e9), came=(),
        answers=(), failed=(), errors={}, under_way=0, cpu_ns=1, warned=False,
    )  # fmt: skip
    return msgspec.json.encode(notes).decode()


def team(tmp_path: Path, master_s: float, workers_s: float) -> Path:
    """A false Locust whose processes note that they lasted so long."""
    return fake(tmp_path, f"""notes=$(echo "$BRIDGETOLL_RAMP" | sed 's/.*"notes": "//; s/".*//')
    case "$*" in
    *--worker*) echo '{noted(workers_s)}' > $notes ;;
    *) echo 5557 > {tmp_path}/new; mv {tmp_path}/new {tmp_path}/cell.port
       echo '{noted(master_s)}' > $notes ;;
    esac""")  # fmt: skip


def test_a_worker_that_hears_of_the_ramp_a_little_late_is_no_failure(tmp_path: Path) -> None:
    plan = msgspec.structs.replace(PLAN, processes=2)
    result = climb(
        [LocustsHere(team(tmp_path, PLAN.length_s, 0.5), tmp_path, None)],
        plan, "http://127.0.0.1:9", name="cell", meanwhile=lambda: None,
    )  # fmt: skip
    assert result.cpu_ns == 3, "of all"


def test_a_worker_that_hears_of_the_ramp_far_too_late_is_a_failure(tmp_path: Path) -> None:
    plan = msgspec.structs.replace(PLAN, hold_s=9, processes=2)
    told = str(failure(team(tmp_path, plan.length_s, 6.0), tmp_path, plan))
    assert told.startswith("Locust's worker 1 of 2 ended")
    assert "took part in 6 of 10 s" in told


@pytest.mark.parametrize("processes", [1, 2])
def test_a_ramp_that_ends_before_its_time_is_a_failure(tmp_path: Path, processes: int) -> None:
    plan = msgspec.structs.replace(PLAN, processes=processes)
    told = str(failure(team(tmp_path, 0.5, PLAN.length_s), tmp_path, plan))
    assert told.startswith("Locust's master ended" if processes > 1 else "Locust ended")
    assert "after 0 of 2 s" in told


def test_locust_sees_no_settings_of_ours(tmp_path: Path) -> None:
    """It reads files in its home and in its working directory, and nobody would notice."""
    told = tmp_path / "told"
    logs = tmp_path / "logs"
    logs.mkdir()
    failure(fake(tmp_path, f'echo "$HOME $PWD" > {told}'), logs)
    assert told.read_text().split() == [str(logs), str(logs)]


CLOCK_NS = 3_600 * 10**9


class FakeMachine:
    """Processes of Locust on a machine whose clock is an hour ahead; all that it does is told."""

    cpus = (0,)
    look_s = 0.0

    def __init__(self, told: list[str], title: str, *, dies: bool = False) -> None:
        self._told = told
        self._title = title
        self._dies = dies
        self._members: list[Member] = []
        self._notes: list[Notes] = []

    def lead(self, plan: RampPlan, url: str, name: str) -> None:
        del plan, url, name
        self._told.append(f"{self._title} leads")
        self._start("master", came=())

    def master(self) -> Address | None:
        return Address(self._title, 1)

    def follow(self, plan: RampPlan, name: str, numbers: Sequence[int], master: Address) -> None:
        del plan, name
        self._told.append(f"{self._title} sends by {list(numbers)} for {master.host}")
        for number in numbers:
            self._start(f"worker {number} on {self._title}", came=(0.5,))

    def _start(self, title: str, came: tuple[float, ...]) -> None:
        dies = self._dies and bool(came)
        ending = "was ended by SIGKILL" if dies else ""
        noted = not dies
        self._members.append(Member(title, False, noted, False, 2.0, 0, ending))
        self._notes.append(
            Notes(
                clock=self._title, began_ns=CLOCK_NS, ended_ns=CLOCK_NS + 2 * 10**9, came=came,
                answers=(), failed=(), errors={}, under_way=0, cpu_ns=1, warned=False,
            )
        )  # fmt: skip

    def look(self) -> Sequence[Member]:
        return self._members

    def notes(self) -> list[Notes]:
        return self._notes

    def ahead_ns(self) -> int:
        return CLOCK_NS

    def stop(self) -> None:
        self._told.append(f"{self._title} stops")


def ride(*machines: FakeMachine) -> RampResult:
    plan = msgspec.structs.replace(PLAN, users=3, processes=3)
    return climb(machines, plan, "http://10.0.0.1", name="cell", meanwhile=lambda: None)


def test_workers_are_shared_among_machines_and_times_are_by_the_clock_of_this_one() -> None:
    told: list[str] = []
    result = ride(FakeMachine(told, "one"), FakeMachine(told, "two"))
    assert told == [
        "one leads", "one sends by [1, 3] for one", "two sends by [2] for one", "two stops",
        "one stops",
    ]  # fmt: skip
    assert (result.began_ns, result.ended_ns) == (0, 2 * 10**9)
    assert (result.users, result.settled_s) == (3, 0.5)
    assert result.cpu_ns == 4


def test_a_worker_that_dies_on_another_machine_is_named_with_it() -> None:
    told: list[str] = []
    with pytest.raises(LocustWorkerLost, match="worker 2 on two was ended by SIGKILL, 2 s"):
        ride(FakeMachine(told, "one"), FakeMachine(told, "two", dies=True))
    assert told[-2:] == ["two stops", "one stops"]


def test_a_worker_may_run_on_another_machine(tmp_path: Path) -> None:
    plan = msgspec.structs.replace(PLAN, processes=2)
    first = leader(plan, "http://10.0.0.1:80", tmp_path, "cell", host="10.0.0.2")
    other = worker(plan, tmp_path, "cell", 2, Address("10.0.0.2", 5557))
    assert "--master-bind-host 10.0.0.2" in " ".join(first.arguments)
    assert "--master-host 10.0.0.2 --master-port 5557" in " ".join(other.arguments)
    assert first.notes != other.notes


def test_workers_that_fill_their_cores_for_ten_seconds_are_seen() -> None:
    calm = [(float(at), 0.2 * at) for at in range(20)]
    burst = [(20.0 + at, 4.0 + 1.8 * at) for at in range(1, 12)]
    assert busiest(calm) == pytest.approx(0.2)
    assert busiest(calm + burst) == pytest.approx(1.8)
    assert busiest([*calm, *burst[:3]]) < 1.0
    assert busiest(burst[:9]) == 0.0

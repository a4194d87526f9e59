"""The counters inside a real program, which does one thing per line that it is told."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.audit.counters import Counters
from harness.audit.subject import Violation
from tests.toys.told_program import Program, running

PROGRAM = """\
import _thread
import asyncio
import os
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import uvloop


def wait_to_be_counted():
    mine = Path(os.environ["BRIDGETOLL_AUDIT"], f"{os.getpid()}.sock")
    while not mine.exists():  # it is made in a thread
        time.sleep(0.01)


def start_a_thread():
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()


def start_a_raw_thread():
    done = _thread.allocate_lock()
    done.acquire()
    _thread.start_new_thread(done.release, ())
    done.acquire()


def submit():
    with ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()


async def hop(work=int):
    go = threading.Event()
    # The work cannot end before somebody waits for it, so the loop has to be woken.
    asyncio.get_running_loop().call_soon(go.set)

    def wait():
        go.wait()
        work()

    await asyncio.to_thread(wait)


async def wake_itself():
    asyncio.get_running_loop().call_soon_threadsafe(int)


async def be_woken():
    loop, woken = asyncio.get_running_loop(), asyncio.Event()
    thread = threading.Thread(target=loop.call_soon_threadsafe, args=(woken.set,))
    thread.start()
    await woken.wait()
    thread.join()


def fork():
    # The child takes over, and this process goes on when it has ended.
    child = os.fork()
    if child:
        os.waitpid(child, 0)
    else:
        wait_to_be_counted()


def begin_tasks(loop):
    threading.Thread(target=loop.run_forever, daemon=True).start()
    for _ in range(3):
        asyncio.run_coroutine_threadsafe(asyncio.sleep(600), loop)
    while len(asyncio.all_tasks(loop)) < 3:
        time.sleep(0.01)


def fail_to_make_an_id():
    try:
        uuid.uuid4()
    except RuntimeError:
        return
    raise AssertionError


COMMANDS = {
    "begin three tasks": lambda: begin_tasks(asyncio.new_event_loop()),
    "begin three tasks by uvloop": lambda: begin_tasks(uvloop.new_event_loop()),
    "make an id": uuid.uuid4,
    "fail to make an id": fail_to_make_an_id,
    "do nothing": int,
    "start a thread": start_a_thread,
    "start a raw thread": start_a_raw_thread,
    "submit": submit,
    "hop": lambda: asyncio.run(hop()),
    "hop by uvloop": lambda: uvloop.run(hop()),
    "submit at the far side of a hop": lambda: asyncio.run(hop(submit)),
    "run a loop": lambda: asyncio.run(asyncio.sleep(0)),
    "wake itself": lambda: asyncio.run(wake_itself()),
    "be woken": lambda: asyncio.run(be_woken()),
    "fork": fork,
    "end": lambda: os._exit(0),
}

wait_to_be_counted()
print("done", flush=True)
for line in sys.stdin:
    COMMANDS[line.strip()]()
    print("done", flush=True)
"""
HOP = {"hops": 1, "wakeups": 2, "threads": 2, "loops": 1}
"""`asyncio.run` waits for its executor to end in a further thread, which wakes the loop too."""
TAKES: dict[str, dict[str, int]] = {
    "do nothing": {},
    "start a thread": {"threads": 1},
    "start a raw thread": {"threads": 1},
    "submit": {"handovers": 1, "threads": 1},
    "hop": HOP,
    "hop by uvloop": HOP,
    "submit at the far side of a hop": HOP | {"handovers": 1, "threads": 3},
    "run a loop": {"loops": 1},
    "wake itself": {"loops": 1},
    "be woken": {"loops": 1, "threads": 1, "wakeups": 1},
}
WHO_DEFINES = """\
import asyncio
import concurrent.futures
import sitecustomize

print(sitecustomize.__file__)
print(concurrent.futures.ThreadPoolExecutor.submit.__module__)
print(asyncio.BaseEventLoop.__init__.__module__)
"""


@pytest.fixture
def counters() -> Iterator[Counters]:
    with Counters() as made:
        yield made


@pytest.fixture
def program(counters: Counters, tmp_path: Path) -> Iterator[Program]:
    with running(PROGRAM, counters.environment, tmp_path) as started:
        yield started


def taken(counters: Counters, program: Program, command: str) -> dict[str, int]:
    """What a command adds to the counters, context switches aside."""
    before = counters.read()
    program.do(command)
    counted = counters.read() - before
    return {name: count for name, count in counted.items() if not name.endswith("switches")}


def who_defines(environment: dict[str, str]) -> list[str]:
    """The instrument's file, and the modules of what it may replace, in a program of its own."""
    done = subprocess.run(
        [sys.executable, "-c", WHO_DEFINES],
        env={"PATH": os.environ.get("PATH", os.defpath)} | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


@pytest.mark.parametrize("command", TAKES)
def test_each_thing_is_counted_as_what_it_is(
    counters: Counters, program: Program, command: str
) -> None:
    assert taken(counters, program, command) == TAKES[command]


def test_counts_add_up(counters: Counters, program: Program) -> None:
    before = counters.read()
    for command in ("submit", "hop", "submit"):
        program.do(command)
    counted = counters.read() - before
    assert (counted["handovers"], counted["hops"], counted["threads"]) == (2, 1, 4)


def test_every_counter_is_told_also_where_it_is_zero(counters: Counters, program: Program) -> None:
    program.do("do nothing")
    assert set(counters.read()) == {
        "hops", "returns", "handovers", "wakeups", "threads", "loops",
        "voluntary_switches", "involuntary_switches",
    }  # fmt: skip


def test_context_switches_of_threads_that_have_ended_are_told(
    counters: Counters, program: Program
) -> None:
    before = counters.read()["voluntary_switches"]
    program.do("start a thread")
    assert counters.read()["voluntary_switches"] > before


def test_the_counters_of_a_forked_child_are_added(counters: Counters, program: Program) -> None:
    program.do("fork")
    assert taken(counters, program, "start a thread") == {"threads": 1}
    assert taken(counters, program, "hop") == HOP
    program.do("end")


def test_a_process_that_has_ended_is_passed_over(counters: Counters, program: Program) -> None:
    program.do("fork")
    program.do("start a thread")
    program.do("end")
    assert taken(counters, program, "submit") == TAKES["submit"]


def test_a_server_without_counters_is_a_violation_that_names_the_module() -> None:
    with Counters() as counters, pytest.raises(Violation, match="`sitecustomize`"):
        counters.read()


def test_a_server_that_has_ended_does_not_answer(counters: Counters, tmp_path: Path) -> None:
    with running(PROGRAM, counters.environment, tmp_path):
        assert counters.read()
    with pytest.raises(Violation, match="no process"):
        counters.read()


def test_an_anyio_that_cannot_be_counted_is_told(counters: Counters, tmp_path: Path) -> None:
    """A package of that name, in which nothing is where it should be."""
    package = tmp_path / "packages" / "anyio"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    instrument = counters.environment["PYTHONPATH"]
    path = {"PYTHONPATH": f"{instrument}{os.pathsep}{package.parent}"}
    with (
        running(PROGRAM, counters.environment | path, tmp_path),
        pytest.raises(Violation, match="anyio"),
    ):
        counters.read()


def test_without_an_audit_the_instrument_changes_nothing(counters: Counters) -> None:
    path = counters.environment["PYTHONPATH"]
    file = str(Path(path) / "sitecustomize.py")
    untouched = [file, "concurrent.futures.thread", "asyncio.base_events"]
    assert who_defines({"PYTHONPATH": path}) == untouched
    assert who_defines(counters.environment) == [file, "sitecustomize", "sitecustomize"]


def test_the_folder_of_the_sockets_goes_with_the_audit() -> None:
    with Counters() as counters:
        folder = Path(counters.environment["BRIDGETOLL_AUDIT"])
        assert folder.is_dir()
    assert not folder.exists()


def test_tasks_under_way_are_counted_on_all_loops(counters: Counters, program: Program) -> None:
    assert counters.tasks() == 0
    program.do("begin three tasks")
    program.do("begin three tasks by uvloop")
    assert counters.tasks() == 6
    program.do("hop")  # its loop is closed, and its tasks are done
    assert counters.tasks() == 6


def test_ids_fail_as_long_as_they_are_told_to(counters: Counters, program: Program) -> None:
    program.do("make an id")
    with counters.failing():
        program.do("fail to make an id")
    program.do("make an id")

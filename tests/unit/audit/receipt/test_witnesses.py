"""The witness inside a real program, which does one thing per line that it is told."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.audit.receipt.relays import RelayDesk
from harness.audit.receipt.witnesses import Witnesses
from harness.lab.postgres.database import Database
from harness.records.observation import Amount, Frame, Happening
from tests.toys.told_program import Program, running

PROGRAM = """\
import asyncio
import functools
import importlib
import os
import sqlite3
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

LOADED = sorted({"uvloop", "anyio", "psycopg"} & set(sys.modules))


def wait_to_be_counted():
    mine = Path(os.environ["BRIDGETOLL_AUDIT"], f"{os.getpid()}.sock")
    while not mine.exists():
        time.sleep(0.01)


def work(seconds=0.0):
    time.sleep(seconds)


def say_what_was_loaded():
    print("loaded:", LOADED)


async def hop():
    await asyncio.to_thread(work)


async def hop_by_executor():
    await asyncio.get_running_loop().run_in_executor(None, functools.partial(work, 0.0))


async def hop_by_anyio():
    import anyio.to_thread

    await anyio.to_thread.run_sync(work)


async def gather():
    await asyncio.gather(asyncio.to_thread(work), asyncio.to_thread(work))


class Shop:
    async def serve(self):
        await asyncio.to_thread(self.open_a_database)

    def open_a_database(self):
        connection = sqlite3.connect(":memory:")
        connection.execute("CREATE TABLE secrets (password TEXT)")
        connection.execute("INSERT INTO secrets VALUES ('geheim')")
        connection.close()


kept = []


def keep_a_database_open():
    kept.append(sqlite3.connect("kept.db"))


def close_it():
    kept.pop().close()


def hand_over():
    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result()


def start_a_thread():
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def fork():
    child = os.fork()
    if child:
        os.waitpid(child, 0)
    else:
        wait_to_be_counted()


def ask_postgres():
    import psycopg

    with psycopg.connect(os.environ["DATABASE"]) as connection:
        connection.execute("SELECT 1")


def run_uvloop():
    import uvloop

    uvloop.run(gather())


async def close_a_generator():
    async def numbers():
        yield 1

    generator = numbers()
    await anext(generator)
    loop = asyncio.get_running_loop()
    loop.call_soon_threadsafe(loop.create_task, hop())
    await asyncio.gather(generator.aclose())


COMMANDS = {
    "close a generator": lambda: asyncio.run(close_a_generator()),
    "say what was loaded": say_what_was_loaded,
    "hop": lambda: asyncio.run(hop()),
    "hop by executor": lambda: asyncio.run(hop_by_executor()),
    "hop by anyio": lambda: asyncio.run(hop_by_anyio()),
    "gather": lambda: asyncio.run(gather()),
    "gather by uvloop": run_uvloop,
    "open a database in a hop": lambda: asyncio.run(Shop().serve()),
    "keep a database open": keep_a_database_open,
    "close it": close_it,
    "hand over": hand_over,
    "start a thread": start_a_thread,
    "fork": fork,
    "ask PostgreSQL": ask_postgres,
    "end": lambda: os._exit(0),
}

wait_to_be_counted()
print("done", flush=True)
for line in sys.stdin:
    COMMANDS[line.strip()]()
    print("done", flush=True)
"""


@pytest.fixture(scope="module")
def witnesses() -> Iterator[Witnesses]:
    with Witnesses() as made:
        yield made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("program")


@pytest.fixture(scope="module")
def program(witnesses: Witnesses, folder: Path) -> Iterator[Program]:
    with running(PROGRAM, witnesses.environment, folder) as started:
        yield started


def seen(witnesses: Witnesses, program: Program, command: str) -> dict[Amount, list[Happening]]:
    """What a command does, by amount; the counters must have the same numbers."""
    witnesses.happenings()
    before = witnesses.read()
    program.do(command)
    counted = witnesses.read() - before
    found: dict[Amount, list[Happening]] = {}
    for happening in witnesses.happenings():
        found.setdefault(happening.what, []).append(happening)
    for amount in (Amount.HOPS, Amount.HANDOVERS, Amount.THREADS, Amount.LOOPS):
        assert len(found.get(amount, ())) == counted[amount], amount
    return found


def functions(happening: Happening) -> list[str]:
    """Of the program's own frames, from the inside out."""
    return [frame.function for frame in own_frames(happening)]


def own_frames(happening: Happening) -> list[Frame]:
    return [frame for frame in happening.frames if frame.file.endswith("program.py")]


def targets(happening: Happening) -> list[str]:
    return [frame.target for frame in happening.frames if frame.target]


def test_nothing_is_imported_that_the_program_does_not_import(program: Program) -> None:
    assert program.do("say what was loaded") == ["loaded: []"]


@pytest.mark.parametrize("command", ["hop", "hop by executor", "hop by anyio"])
def test_a_hop_has_its_asker_its_callable_and_its_thread(
    witnesses: Witnesses, program: Program, command: str
) -> None:
    (hop,) = [
        one
        for one in seen(witnesses, program, command)[Amount.HOPS]
        if "__main__.work" in targets(one)
    ]
    assert functions(hop)[0] == command.replace(" ", "_")
    assert hop.end_ns is not None
    assert hop.begin_ns < hop.end_ns
    assert hop.thread != hop.by


def test_a_thread_that_a_hop_starts_has_the_stack_of_the_hop(
    witnesses: Witnesses, program: Program
) -> None:
    threads = seen(witnesses, program, "hop")[Amount.THREADS]
    assert functions(threads[0])[0] == "hop"


@pytest.mark.parametrize("command", ["gather", "gather by uvloop"])
def test_a_task_goes_on_with_the_stack_that_made_it(
    witnesses: Witnesses, program: Program, command: str
) -> None:
    hops = seen(witnesses, program, command)[Amount.HOPS]
    assert [functions(hop)[0] for hop in hops if "__main__.work" in targets(hop)] == ["gather"] * 2


def test_what_a_hop_s_thread_does_goes_on_with_the_stack_of_the_hop(
    witnesses: Witnesses, program: Program
) -> None:
    found = seen(witnesses, program, "open a database in a hop")
    (connection,) = found[Amount.CONNECTIONS]
    assert functions(connection)[:2] == ["Shop.open_a_database", "Shop.serve"]
    assert own_frames(connection)[0].owner == "__main__.Shop"
    assert len(found[Amount.STATEMENTS]) >= 2


def test_no_text_of_a_statement_leaves_the_program(witnesses: Witnesses, program: Program) -> None:
    happenings = seen(witnesses, program, "open a database in a hop")
    text = repr(happenings)
    assert "geheim" not in text
    assert "secrets" not in text


def test_open_connections_are_told(witnesses: Witnesses, program: Program) -> None:
    assert witnesses.connections().count == 0
    program.do("keep a database open")
    assert witnesses.connections().count == 1
    program.do("close it")
    assert witnesses.connections().count == 0


def test_a_handover_and_a_thread_are_told_from_a_hop(
    witnesses: Witnesses, program: Program
) -> None:
    handed = seen(witnesses, program, "hand over")
    assert targets(handed[Amount.HANDOVERS][0])[0] == "__main__.work"
    assert Amount.HOPS not in handed
    (thread,) = seen(witnesses, program, "start a thread")[Amount.THREADS]
    assert functions(thread)[0] == "start_a_thread"
    assert thread.frames[0] == Frame(
        "threading", "Thread.start", thread.frames[0].file, thread.frames[0].line,
        owner="threading.Thread",
    )  # fmt: skip


OLDER = """\
import importlib.util, os, sys

us, real = os.environ["INSTRUMENT"], sys.version_info
if "bridgetoll_witness" not in sys.modules:  # it is imported again, as the user's own
    sys.version_info = (3, 11)
    sys.path.insert(0, us)
    spec = importlib.util.spec_from_file_location("sitecustomize", f"{us}/sitecustomize.py")
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    sys.version_info = real
"""
"""Lets the instrument believe that Python is one that does not tell of threads."""


def test_threads_are_seen_in_a_python_that_does_not_tell_of_them(tmp_path: Path) -> None:
    older = tmp_path / "older"
    older.mkdir()
    (older / "sitecustomize.py").write_text(OLDER)
    with Witnesses() as witnesses:
        environment = witnesses.environment
        more = {"INSTRUMENT": environment["PYTHONPATH"], "PYTHONPATH": str(older)}
        with running(PROGRAM, environment | more, tmp_path) as program:
            (thread,) = seen(witnesses, program, "start a thread")[Amount.THREADS]
            assert functions(thread)[0] == "start_a_thread"
            assert len(seen(witnesses, program, "hand over")[Amount.THREADS]) == 1


def test_what_no_weak_reference_can_be_made_to_is_awaited_all_the_same(
    witnesses: Witnesses, program: Program
) -> None:
    assert seen(witnesses, program, "close a generator")[Amount.LOOPS]


def test_a_loop_has_the_stack_that_made_it(witnesses: Witnesses, program: Program) -> None:
    (loop,) = seen(witnesses, program, "hop")[Amount.LOOPS]
    assert any(frame.module == "asyncio.runners" for frame in loop.frames)


def test_a_paused_witness_records_nothing_and_counts_on(
    witnesses: Witnesses, program: Program
) -> None:
    witnesses.happenings()
    before = witnesses.read()
    with witnesses.paused():
        program.do("hop")
    assert (witnesses.read() - before)[Amount.LOOPS] == 1
    assert witnesses.happenings() == []


def test_a_forked_child_tells_of_itself(folder: Path) -> None:
    with Witnesses() as witnesses, running(PROGRAM, witnesses.environment, folder) as program:
        program.do("hop")
        program.do("fork")
        found = seen(witnesses, program, "start a thread")
        assert [functions(one)[0] for one in found[Amount.THREADS]] == ["start_a_thread"]
        program.do("end")


def test_the_user_s_own_sitecustomize_is_imported_last(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "sitecustomize.py").write_text(
        "import os, pathlib\npathlib.Path('own.txt').write_text(__name__)\n"
    )
    with Witnesses() as witnesses:
        path = f"{witnesses.environment['PYTHONPATH']}{os.pathsep}{own}"
        with running(PROGRAM, witnesses.environment | {"PYTHONPATH": path}, tmp_path) as program:
            assert seen(witnesses, program, "hop")[Amount.HOPS]
    assert (tmp_path / "own.txt").read_text() == "sitecustomize"


def test_a_package_with_other_insides_gives_a_note(tmp_path: Path) -> None:
    package = tmp_path / "packages" / "uvloop"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("def run(coroutine): coroutine.close()\n")
    with Witnesses() as witnesses:
        path = f"{witnesses.environment['PYTHONPATH']}{os.pathsep}{package.parent}"
        with running(PROGRAM, witnesses.environment | {"PYTHONPATH": path}, tmp_path) as program:
            program.do("gather by uvloop")
            assert any("uvloop" in note for note in witnesses.connections().notes)


def test_a_driver_of_postgres_is_led_to_a_relay_that_sees_its_messages(
    folder: Path, database: Database
) -> None:
    with Witnesses() as witnesses, RelayDesk(witnesses.folder) as desk:
        environment = witnesses.environment | {"DATABASE": database.login("witness")}
        with running(PROGRAM, environment, folder) as program:
            found = seen(witnesses, program, "ask PostgreSQL")
            assert not witnesses.connections().direct
            assert witnesses.connections().count == 0
    (connection,) = found[Amount.CONNECTIONS]
    assert functions(connection)[0] == "ask_postgres"
    assert len(found[Amount.STATEMENTS]) == 1
    counted = desk.counted()
    assert counted["statements"] == 3  # BEGIN and COMMIT are psycopg's
    assert counted["transactions"] == 1


def test_without_a_relay_a_connection_goes_its_own_way_and_a_note_says_so(
    folder: Path, database: Database
) -> None:
    with Witnesses() as witnesses:
        environment = witnesses.environment | {"DATABASE": database.login("witness")}
        with running(PROGRAM, environment, folder) as program:
            assert len(seen(witnesses, program, "ask PostgreSQL")[Amount.STATEMENTS]) == 1
            assert witnesses.connections().direct
            assert any("PostgreSQL" in note for note in witnesses.connections().notes)

"""A real server under observation: counts per request, and what is left behind."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.audit.receipt import observe as module
from harness.audit.receipt.observe import observe
from harness.audit.receipt.outside import observe_running
from harness.base.errors import ServerFailed
from harness.lab.clocks import TreeClock
from harness.lab.network import HOST, Address, free_port
from harness.lab.process import launch, wait_until
from harness.records.observation import Amount, Observation, ObservedUrl, Served
from tests.toys.receipt_requests import Wanted
from tests.toys.tcp import connect
from tests.waiting import PATIENCE_S

SERVER = """\
import asyncio
import itertools
import sqlite3
import sys
import threading

counter = itertools.count()
kept = []


def look():
    connection = sqlite3.connect("application.db")
    connection.execute("SELECT 1")
    connection.close()


async def hop():
    await asyncio.to_thread(int)


async def hop_every_second_time():
    if next(counter) % 2:
        await asyncio.to_thread(int)


async def query():
    await asyncio.to_thread(look)


async def leave():
    kept.append(sqlite3.connect("application.db"))
    kept.append(asyncio.create_task(asyncio.sleep(600)))
    thread = threading.Thread(target=threading.Event().wait, daemon=True)
    thread.start()


async def hop_later():
    asyncio.get_running_loop().call_later(0.015, asyncio.ensure_future, hop())


async def nothing():
    pass


PATHS = {
    b"/": nothing, b"/hop": hop, b"/sometimes": hop_every_second_time, b"/query": query,
    b"/leave": leave, b"/later": hop_later,
}


async def serve(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\\r\\n\\r\\n")
            await PATHS[head.split()[1]]()
            writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
    except asyncio.IncompleteReadError:
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]))
    asyncio.get_running_loop().set_default_executor(
        __import__("concurrent.futures").futures.ThreadPoolExecutor(1)
    )
    await server.serve_forever()


asyncio.run(main())
"""


class Application:
    """The server, as `observe` knows it."""

    def __init__(self, address: Address, pid: int) -> None:
        self.address = address
        self.clock = TreeClock(pid)


@contextmanager
def started(folder: Path, extra: Mapping[str, str]) -> Iterator[Application]:
    script = folder / "server.py"
    script.write_text(SERVER)
    address = Address(HOST, free_port())
    path = {"PATH": os.environ.get("PATH", os.defpath)}
    child = launch(
        [sys.executable, str(script), str(address.port)],
        env={**path, **extra}, cwd=folder, log=folder / "log",
    )  # fmt: skip
    try:
        assert wait_until(lambda: accepts(address), PATIENCE_S), child.last_words()
        yield Application(address, child.pid)
    finally:
        child.stop()


def accepts(address: Address) -> bool:
    try:
        connect(address).close()
    except OSError:
        return False
    return True


REQUESTS = ("/", "/later", "/hop", "/sometimes", "/query")


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Observation:
    folder = tmp_path_factory.mktemp("observed")
    return observe(
        lambda extra: started(folder, extra),
        [Wanted(path) for path in REQUESTS],
        served=Served(app="server"), root=folder, libraries=(), count=6, left_after=10,
    )  # fmt: skip


def at(observation: Observation, path: str) -> ObservedUrl:
    (url,) = [url for url in observation.urls if url.request.target == path]
    return url


def counts(url: ObservedUrl, amount: Amount) -> list[float]:
    return [request.counts[amount] for request in url.observed]


def test_each_request_has_its_own_counts(observed: Observation) -> None:
    assert counts(at(observed, "/"), Amount.HOPS) == [0] * 6
    assert counts(at(observed, "/hop"), Amount.HOPS) == [1] * 6
    assert sorted(counts(at(observed, "/sometimes"), Amount.HOPS)) == [0, 0, 0, 1, 1, 1]


def test_happenings_are_those_that_are_counted(observed: Observation) -> None:
    """`/later` is left out: a hop that comes late may be counted with the next request."""
    for url in observed.urls:
        if url.request.target == "/later":
            continue
        for request in url.observed:
            for amount in (Amount.HOPS, Amount.THREADS, Amount.LOOPS, Amount.CONNECTIONS):
                seen = sum(happening.what == amount for happening in request.happenings)
                assert seen == request.counts[amount]


def test_what_happens_after_the_answer_belongs_to_the_request(observed: Observation) -> None:
    """It hops 15 ms after its answer; another request's hop would come sooner after this one's.

    A busy machine may hold up some of the hops until the next request, and some of the looks at
    the clock when an answer has come.
    """
    late = [
        request
        for request in at(observed, "/later").observed
        for happening in request.happenings
        if happening.what == Amount.HOPS and happening.begin_ns > request.answered_ns + 10_000_000
    ]
    assert any(request.counts[Amount.HOPS] == 1 for request in late)


def test_another_database_is_counted_in_its_driver_and_has_no_round_trips(
    observed: Observation,
) -> None:
    query = at(observed, "/query")
    assert counts(query, Amount.CONNECTIONS) == [1] * 6
    assert counts(query, Amount.STATEMENTS) == [1] * 6
    assert Amount.ROUND_TRIPS not in query.observed[0].counts
    assert any("PostgreSQL" in note for note in observed.notes)


def test_bytes_are_those_of_the_messages(observed: Observation) -> None:
    url = at(observed, "/")
    sent = len(Wanted("/").encoded(HOST, 10_000))
    assert counts(url, Amount.BYTES_IN) == [sent] * 6
    assert (
        counts(url, Amount.BYTES_OUT) == [len("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")] * 6
    )


def test_all_requests_that_were_sent_are_told(observed: Observation) -> None:
    for url in observed.urls:
        assert url.sent >= module._WARMUP + module._STEADY + 6


def test_nothing_is_left_behind_by_what_ends(observed: Observation) -> None:
    left = observed.left_behind
    assert left is not None
    assert (left.requests, left.connections, left.threads, left.tasks) == (10, 0, 0, 0)


def test_what_is_left_behind_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_WARMUP", 1)
    observation = observe(
        lambda extra: started(tmp_path, extra), [Wanted("/leave")],
        served=Served(app="server"), root=tmp_path, libraries=(), count=1, left_after=10,
    )  # fmt: skip
    left = observation.left_behind
    assert left is not None
    assert (left.connections, left.threads, left.tasks) == (10, 10, 10)


def test_from_outside_bytes_cpu_and_switches_are_seen_and_a_note_tells_the_rest(
    tmp_path: Path,
) -> None:
    with started(tmp_path, {}) as application:
        observation = observe_running(
            application.address, [Wanted("/hop")], url="http://127.0.0.1", count=3, left_after=5
        )
    (url,) = observation.urls
    for request in url.observed:
        assert request.counts[Amount.CPU_US] > 0
        assert request.counts[Amount.SWITCHES] > 0
        assert Amount.HOPS not in request.counts
    assert counts(url, Amount.BYTES_OUT)[0] > 0
    assert any("--app" in note for note in observation.notes)
    assert observation.left_behind is not None
    assert observation.left_behind.threads == 0


def test_a_server_that_ignores_the_witness_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ServerFailed, match="cannot be observed"):
        observe(
            lambda _: started(tmp_path, {}), [Wanted("/")],
            served=Served(app="server"), root=tmp_path, libraries=(), count=1,
        )  # fmt: skip

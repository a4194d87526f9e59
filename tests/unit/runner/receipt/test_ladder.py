"""Which steps the ladder has, and that its application does what their names say."""

import asyncio
import json
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from harness.analysis.causes.prices import CONNECT, THREAD
from harness.analysis.receipt.prices import LOOP, WRAPPER, hop, hop_that_waits, measured_prices
from harness.lab.ladder import bridgetoll_ladder
from harness.records.observation import LadderStep, Loaded, LoadedBlock
from harness.runner.receipt.ladder import LadderPlace, Steps, steps_for

NO_DATABASE = "the project has no database"
DJANGO = LadderPlace(2, ("asgiref", "executor"), None, None, "3.13.0")
POOLED = LadderPlace(2, ("asgiref", "executor"), None, "it has a pool", "3.13.0")
BARE = LadderPlace(2, ("asgiref", "executor"), NO_DATABASE, NO_DATABASE, "3.13.0")
FASTAPI = LadderPlace(0, ("executor", "anyio"), NO_DATABASE, NO_DATABASE, "3.13.0")
ASKING = hop_that_waits("asgiref")


def tolls_in(steps: Steps) -> set[str]:
    """Those whose price the steps tell, if each of their requests costs 100 microseconds."""
    ladder = {
        path: LadderStep(
            terms, tuple(LoadedBlock(number, 10**8, 1_000, 0, 10**9) for number in range(2))
        )
        for path, terms in steps.items()
    }
    prices = measured_prices(Loaded(8, {}, ladder=ladder))
    return set() if prices is None else set(prices.by_block)


def _named(value: object) -> str | None:
    """A set has another order in every process, and all must collect tests of the same names."""
    return " and ".join(sorted(value)) or "nothing" if isinstance(value, set) else None


@pytest.mark.parametrize(
    ("protocol", "tolls", "place", "told"),
    [
        ("asgi", {hop("asgiref")}, DJANGO, {hop("asgiref")}),
        ("asgi", {hop("asgiref"), THREAD}, DJANGO, {hop("asgiref"), THREAD}),
        ("asgi", {ASKING}, DJANGO, {ASKING, hop("asgiref")}),
        ("asgi", {ASKING}, POOLED, {ASKING, hop("asgiref")}),
        ("asgi", {ASKING}, BARE, {hop("asgiref")}),
        ("asgi", {THREAD}, DJANGO, {hop("asgiref"), THREAD}),
        ("asgi", {WRAPPER}, POOLED, {WRAPPER, THREAD, ASKING, hop("asgiref")}),
        ("asgi", {WRAPPER, THREAD}, DJANGO, {WRAPPER, THREAD, ASKING, hop("asgiref")}),
        ("asgi", {WRAPPER, THREAD}, BARE, {THREAD, hop("asgiref")}),
        ("asgi", {CONNECT}, DJANGO, {CONNECT}),
        ("asgi", {CONNECT}, POOLED, set()),
        ("asgi", {CONNECT}, BARE, set()),
        ("asgi", {hop("anyio")}, FASTAPI, {hop("anyio")}),
        ("asgi", {hop("asgiref")}, FASTAPI, set()),
        ("asgi", {hop("executor"), LOOP}, FASTAPI, {hop("executor"), LOOP}),
        ("asgi", set(), DJANGO, set()),
        ("wsgi", {THREAD, LOOP}, DJANGO, {THREAD, LOOP}),
        ("wsgi", {CONNECT}, DJANGO, {CONNECT}),
        ("wsgi", {WRAPPER}, DJANGO, {THREAD, WRAPPER}),
        ("wsgi", {WRAPPER}, BARE, set()),
    ],
    ids=_named,
)
def test_it_prices_the_tolls_that_an_application_takes_where_that_can_be_done(
    protocol: str, tolls: set[str], place: LadderPlace, told: set[str]
) -> None:
    assert tolls_in(steps_for(protocol, tolls, place)) == told


def test_threads_are_priced_by_the_same_hops_on_a_thread_that_is_reused() -> None:
    steps = steps_for("asgi", {hop("asgiref"), THREAD}, DJANGO)
    for path, terms in steps.items():
        if THREAD in terms:
            reused = steps[path.replace("/request/", "/reused/")]
            assert terms == reused | {THREAD: 2.0}


def test_a_wrapper_is_priced_by_the_same_queries_on_a_thread_that_is_reused() -> None:
    steps = steps_for("asgi", {WRAPPER}, POOLED)
    wrapping = {path: terms for path, terms in steps.items() if WRAPPER in terms}
    assert wrapping
    for path, terms in wrapping.items():
        reused = steps[path.replace("/request/", "/reused/")]
        assert terms == reused | {THREAD: 2.0, WRAPPER: 1.0}


class Happened:
    """What a request did: the hops, and the threads started; other threads may do both as well."""

    def __init__(self) -> None:
        self.hops = self.threads = 0


@contextmanager
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[Happened]:
    seen, own = Happened(), threading.get_ident()
    submit, start = ThreadPoolExecutor.submit, threading.Thread.start

    def counted_submit(self: ThreadPoolExecutor, *arguments: Any, **named: Any) -> Any:
        seen.hops += threading.get_ident() == own
        return submit(self, *arguments, **named)

    def counted_start(self: threading.Thread) -> None:
        seen.threads += threading.get_ident() == own
        start(self)

    with monkeypatch.context() as patch:
        patch.setattr(ThreadPoolExecutor, "submit", counted_submit)
        patch.setattr(threading.Thread, "start", counted_start)
        yield seen


async def ask(path: str) -> bytes:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await bridgetoll_ladder.application({"type": "http", "path": path}, None, send)
    assert sent[0]["status"] == 200
    body: bytes = sent[1]["body"]
    assert dict(sent[0]["headers"])[b"content-length"] == str(len(body)).encode()
    return body


@pytest.mark.parametrize("hops", [1, 4])
@pytest.mark.parametrize("work", ["compute", "nothing"])
def test_a_request_takes_as_many_hops_as_its_path_says(
    hops: int, work: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with watched(monkeypatch) as seen:
        assert asyncio.run(ask(f"/executor/-/{hops}/4/{work}")) == b"{}"
    assert seen.hops == hops


def test_work_is_shared_out_among_the_hops(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[int] = []
    monkeypatch.setitem(bridgetoll_ladder._WORK, "compute", lambda: done.append(1))
    for path, pieces in {"/executor/-/1/8/compute": 8, "/executor/-/8/8/compute": 8}.items():
        bridgetoll_ladder._step.cache_clear()
        done.clear()
        asyncio.run(ask(path))
        assert len(done) == pieces
    bridgetoll_ladder._step.cache_clear()


def test_without_a_hop_work_is_done_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    with watched(monkeypatch) as seen:
        asyncio.run(ask("/none/-/0/4/compute"))
    assert (seen.hops, seen.threads) == (0, 0)


def test_it_tells_where_it_runs() -> None:
    told = json.loads(asyncio.run(ask("/")))
    assert "executor" in told["kinds"]
    assert told["connect"]


def test_under_wsgi_it_starts_as_many_threads_as_its_path_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with watched(monkeypatch) as seen:
        answered: list[str] = []
        body = bridgetoll_ladder.wsgi(
            {"PATH_INFO": "/thread/-/4/0/nothing"}, lambda status, _head: answered.append(status)
        )
    assert (answered, body) == (["200 OK"], [b"{}"])
    assert seen.threads == 4


def test_a_database_is_not_opened_where_the_project_has_none() -> None:
    missing, _ = bridgetoll_ladder._no_database()
    assert missing is not None


class Database:
    """Django's `connections`, as far as the ladder uses them, and what it made."""

    def __init__(self) -> None:
        self.settings = {"default": {"OPTIONS": {"pool": {"max_size": 2}}}}
        self.wrappers = self.opened = self.closed = self.asked = 0
        self._of_thread = threading.local()

    def __getitem__(self, alias: str) -> Any:
        if not hasattr(self._of_thread, alias):
            setattr(self._of_thread, alias, self.create_connection(alias))
        return getattr(self._of_thread, alias)

    def create_connection(self, alias: str) -> Any:
        assert alias == "default"
        self.wrappers += 1
        return Wrapper(self)


class Wrapper:
    """One that a thread has of a connection."""

    autocommit = True
    features = SimpleNamespace(bare_select_suffix="")

    def __init__(self, database: Database) -> None:
        self.database = database
        self.connection: object = None

    def ensure_connection(self) -> None:
        if self.connection is None:
            self.connection = self.get_new_connection({})

    def get_new_connection(self, parameters: dict[str, object]) -> object:
        assert parameters == {}
        self.database.opened += 1
        return object()

    def cursor(self) -> Any:
        self.ensure_connection()

        def execute(_statement: str) -> None:
            self.database.asked += 1

        return nullcontext(SimpleNamespace(execute=execute, fetchone=lambda: (1,)))

    def _close(self) -> None:
        self.database.closed += 1

    def close(self) -> None:
        if self.connection is not None:
            self._close()
            self.connection = None


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Database:
    made = Database()
    module = ModuleType("django.db")
    module.connections = made  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "django", ModuleType("django"))
    monkeypatch.setitem(sys.modules, "django.db", module)
    monkeypatch.setattr(bridgetoll_ladder, "_asking", None)
    monkeypatch.setattr(bridgetoll_ladder, "_open", [])
    monkeypatch.setattr(bridgetoll_ladder, "_own", threading.local())
    return made


def answered(path: str) -> None:
    statuses: list[str] = []
    bridgetoll_ladder.wsgi({"PATH_INFO": path}, lambda status, _: statuses.append(status))
    assert statuses == ["200 OK"]


def test_queries_are_asked_on_connections_that_stay_open(database: Database) -> None:
    async def all_at_once() -> None:
        await asyncio.gather(*(ask("/executor/-/1/4/select") for _ in range(8)))

    asyncio.run(all_at_once())
    assert database.asked == 8 * 4
    assert database.closed == 0
    assert 1 <= database.opened <= 2  # no more at once than the pool has
    assert len(bridgetoll_ladder._open) == database.opened


def test_each_thread_that_is_started_asks_by_a_wrapper_of_its_own(database: Database) -> None:
    answered("/thread/-/4/4/select")
    assert (database.wrappers, database.asked, database.opened) == (4, 4, 1)
    answered("/none/-/0/4/select")
    answered("/none/-/0/4/select")
    assert (database.wrappers, database.asked, database.opened) == (5, 12, 1)


def test_a_connection_is_opened_and_closed_by_a_wrapper_that_is_lent_none(
    database: Database,
) -> None:
    answered("/none/-/0/1/select")
    for _ in range(2):
        answered("/connect/-/3/0/nothing")
    assert (database.wrappers, database.opened, database.closed) == (2, 1 + 6, 6)

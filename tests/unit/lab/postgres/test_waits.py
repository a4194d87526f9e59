"""Against a real PostgreSQL: what a variant's connections do, as an outsider sees it."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import cast

import psycopg
import pytest

from harness.base.errors import DatabaseFailed
from harness.lab.postgres import waits
from harness.lab.postgres.connection import DatabaseConnection
from harness.lab.postgres.database import Database
from harness.lab.postgres.waits import Samples, WaitSampler
from harness.lab.process import wait_until
from tests.waiting import PATIENCE_S

VARIANT = "a/a"
PER_S = 100.0
ASLEEP, OPEN = "active Timeout:PgSleep", "idle in transaction Client:ClientRead"
"""What a connection comes to wait for, a moment after it has become busy."""


@contextmanager
def asleep(url: str, count: int = 1) -> Iterator[None]:
    """So many connections that run one long statement; they are cut off at the end."""

    def sleep(connection: psycopg.Connection[object]) -> None:
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute("SELECT pg_sleep(60)")

    with ExitStack() as stack:
        connections = [
            stack.enter_context(psycopg.connect(url, autocommit=True)) for _ in range(count)
        ]
        threads = [threading.Thread(target=sleep, args=(c,)) for c in connections]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            for connection, thread in zip(connections, threads, strict=True):
                while thread.is_alive():  # the statement may only be about to begin
                    connection.cancel_safe()
                    thread.join(0.1)


def seen(sampler: WaitSampler, role: str, enough: Callable[[Samples], bool]) -> Samples:
    """Watch until enough was seen, which each time is a look at what came since the last."""
    found: list[Samples] = []

    def look() -> bool:
        taken = sampler.take(role)
        if taken is not None:
            found.append(taken)
        return taken is not None and enough(taken)

    sampler.watch(role)
    assert wait_until(look, PATIENCE_S)
    return found[-1]


@pytest.fixture
def role(database: Database) -> str:
    return database.role(VARIANT)


@pytest.fixture
def sampler(database: Database) -> Iterator[WaitSampler]:
    with WaitSampler(database.connect, PER_S) as made:
        yield made


def test_a_statement_that_runs_in_another_connection_is_seen_as_busy(
    database: Database, sampler: WaitSampler, role: str
) -> None:
    with asleep(database.login(VARIANT), count=2):
        found = seen(sampler, role, lambda s: s.states[ASLEEP] >= 2 and 2 in s.busy)
    assert max(found.busy) == 2
    assert found.states[ASLEEP] >= 2


def test_idle_connections_are_seen_and_are_not_busy(
    database: Database, sampler: WaitSampler, role: str
) -> None:
    with psycopg.connect(database.login(VARIANT), autocommit=True) as connection:
        connection.execute("SELECT 1")
        found = seen(sampler, role, lambda s: set(s.states) == {"idle"})
    assert set(found.busy) == {0}
    assert found.states["idle"] == len(found.busy)


def test_an_open_transaction_is_busy_even_while_it_waits_for_its_client(
    database: Database, sampler: WaitSampler, role: str
) -> None:
    with psycopg.connect(database.login(VARIANT)) as connection:
        connection.execute("SELECT 1")
        found = seen(sampler, role, lambda s: s.states[OPEN] >= 1)
    assert set(found.busy) == {1}


def test_a_role_without_connections_is_seen_doing_nothing(sampler: WaitSampler, role: str) -> None:
    found = seen(sampler, role, lambda s: len(s.busy) >= 2)
    assert set(found.busy) == {0}
    assert not found.states


def test_only_the_role_that_is_watched_is_seen(
    database: Database, sampler: WaitSampler, role: str
) -> None:
    other = database.role("a/b")
    with asleep(database.login("a/b")):
        found = seen(sampler, role, lambda s: len(s.busy) >= 2)
        assert sampler.take(other) is None
    assert set(found.busy) == {0}


def test_nobody_is_asked_for_between_turns(sampler: WaitSampler, role: str) -> None:
    seen(sampler, role, lambda s: bool(s.busy))
    sampler.watch(None)
    sampler.take(role)
    time.sleep(50 / PER_S)
    late = sampler.take(role)  # a sample that was under way may come after all, and alone
    assert late is None or len(late.busy) == 1


def test_what_was_taken_is_forgotten(database: Database, role: str) -> None:
    began = time.monotonic()
    with WaitSampler(database.connect, PER_S) as sampler:
        sampler.watch(role)
        assert wait_until(lambda: gathered(sampler, role) >= 5, PATIENCE_S)
    assert wait_until(gone_silent, PATIENCE_S)  # nothing comes any more
    first = sampler.take(role)
    assert first is not None
    assert 5 <= len(first.busy) <= (time.monotonic() - began) * PER_S + 1
    assert sampler.take(role) is None


def gathered(sampler: WaitSampler, role: str) -> int:
    """How many samples there are to be taken."""
    samples = sampler._samples.get(role)
    return 0 if samples is None else len(samples.busy)


class Lent:
    """Gives out a connection and keeps an eye on it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.pid = 0

    def __call__(self) -> DatabaseConnection:
        connection = self._database.connect()
        self.pid = connection.info.backend_pid
        return connection


def gone_silent() -> bool:
    return not any(thread.name == "wait sampler" for thread in threading.enumerate())


def test_a_lost_connection_is_made_anew_and_disturbs_nobody(database: Database, role: str) -> None:
    """Also no traceback: an error in the thread would fail this test."""
    lent = Lent(database)
    with WaitSampler(lent, PER_S) as sampler:
        seen(sampler, role, lambda s: bool(s.busy))
        lost = lent.pid
        database.execute("SELECT pg_terminate_backend(%s)", [lost])
        assert wait_until(lambda: lent.pid != lost, PATIENCE_S)
        sampler.take(role)
        seen(sampler, role, lambda s: bool(s.busy))


@pytest.mark.parametrize("error", [DatabaseFailed("gone"), psycopg.OperationalError("gone")])
def test_a_database_that_cannot_be_reached_is_asked_again_now_and_then(error: Exception) -> None:
    asked: list[float] = []

    def refuse() -> DatabaseConnection:
        asked.append(time.monotonic())
        raise error

    with WaitSampler(refuse, PER_S) as sampler:
        sampler.watch("anybody")
        assert wait_until(lambda: len(asked) > 1, PATIENCE_S)
        assert asked[1] - asked[0] > 0.9
        assert sampler.take("anybody") is None
    assert wait_until(gone_silent, PATIENCE_S)


def test_never_means_never() -> None:
    """Nothing is connected to, and no thread is started."""

    def refuse() -> DatabaseConnection:
        raise AssertionError

    assert wait_until(gone_silent, PATIENCE_S)  # a sampler's end waits for its thread a second only
    with WaitSampler(refuse, 0) as sampler:
        sampler.watch("anybody")
        assert gone_silent()
        assert sampler.take("anybody") is None


def test_its_end_does_not_wait_for_the_next_sample(database: Database) -> None:
    begun = time.monotonic()
    with WaitSampler(database.connect, 0.01):
        pass
    assert wait_until(gone_silent, PATIENCE_S)
    assert time.monotonic() - begun < 90  # the next would be due after 100 s


class Scripted:
    """A connection that always finds the same, one connection of which is idle."""

    def execute(self, *_: object) -> "Scripted":
        return self

    def fetchall(self) -> list[tuple[object, ...]]:
        return [("idle", "Client", "ClientRead", 1)]

    def __enter__(self) -> "Scripted":
        return self

    def __exit__(self, *_: object) -> None:
        pass


def test_a_sample_is_taken_whole_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    half, go_on = threading.Event(), threading.Event()

    class Held(Counter[str]):
        """Stops in the middle of a sample."""

        def __setitem__(self, key: str, count: int) -> None:
            super().__setitem__(key, count)
            half.set()
            go_on.wait(PATIENCE_S)

    monkeypatch.setattr(waits, "Counter", Held)
    with WaitSampler(lambda: cast("DatabaseConnection", Scripted()), PER_S) as sampler:
        sampler.watch("anybody")
        assert half.wait(PATIENCE_S)
        threading.Timer(0.2, go_on.set).start()
        taken = sampler.take("anybody")
        assert taken is not None
        assert taken.states["idle"] == len(taken.busy) == len(taken.open) >= 1
    assert wait_until(gone_silent, PATIENCE_S)

"""Against a real PostgreSQL: what a variant's connections do, as an outsider sees it."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import psycopg
import pytest

from harness.base.errors import DatabaseFailed
from harness.lab.postgres.connection import DatabaseConnection
from harness.lab.postgres.database import Database
from harness.lab.postgres.waits import Samples, WaitSampler
from harness.lab.process import wait_until
from tests.waiting import PATIENCE_S

VARIANT = "a/a"
PER_S = 100.0


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
            for connection in connections:
                connection.cancel_safe()
            for thread in threads:
                thread.join()


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
        found = seen(sampler, role, lambda s: 2 in s.busy)
    assert max(found.busy) == 2
    assert found.states["active Timeout:PgSleep"] >= 2


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
        found = seen(sampler, role, lambda s: bool(s.busy) and s.busy[-1] == 1)
    assert found.states["idle in transaction Client:ClientRead"] >= 1


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
    # Until a sample that was under way has ended.
    assert wait_until(lambda: sampler.take(role) is None, PATIENCE_S)
    time.sleep(5 / PER_S)
    assert sampler.take(role) is None


def test_what_was_taken_is_forgotten(sampler: WaitSampler, role: str) -> None:
    sampler.watch(role)
    time.sleep(20 / PER_S)
    sampler.watch(None)
    time.sleep(5 / PER_S)
    first = sampler.take(role)
    assert first is not None
    assert 1 <= len(first.busy) <= 25
    # One that was under way may come late, and alone.
    late = sampler.take(role)
    assert late is None or len(late.busy) == 1
    assert sampler.take(role) is None


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
    assert gone_silent()


def test_never_means_never() -> None:
    """Nothing is connected to, and no thread is started."""

    def refuse() -> DatabaseConnection:
        raise AssertionError

    with WaitSampler(refuse, 0) as sampler:
        sampler.watch("anybody")
        assert gone_silent()
        assert sampler.take("anybody") is None


def test_its_end_does_not_wait_for_the_next_sample(database: Database) -> None:
    begun = time.monotonic()
    with WaitSampler(database.connect, 0.01):
        pass
    assert time.monotonic() - begun < 50  # the next would be due after 100 s
    assert gone_silent()

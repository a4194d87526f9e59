"""A PostgreSQL that is halted, or vanishes, while the harness waits for a statement of its own."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from math import inf
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import psycopg
import pytest

from harness.base.errors import DatabaseFailed
from harness.inputs.contract import Contract
from harness.inputs.settings import DatabaseSettings
from harness.lab.postgres import connection as connections
from harness.lab.postgres.cluster import EmbeddedPostgres
from harness.lab.postgres.database import Database
from harness.lab.process import wait_until
from tests.waiting import PATIENCE_S, gone

MOMENT_S = 5.0
"""For so long a partner may be halted, and the run goes on."""


@pytest.fixture(params=["embedded", "foreign"])
def served(
    request: pytest.FixtureRequest, cache: Path, contract: Contract
) -> Iterator[tuple[EmbeddedPostgres, Database]]:
    """A server of the test's own, as the harness's and as the user's, and a database on it."""
    with ExitStack() as stack:
        cluster = stack.enter_context(EmbeddedPostgres(cache, DatabaseSettings()))
        own = cluster if request.param == "embedded" else None
        database = stack.enter_context(Database(cluster.url, contract, own))
        database.check_answers()
        yield cluster, database
        if cluster.running:
            send(cluster, signal.SIGCONT)


def send(cluster: EmbeddedPostgres, number: signal.Signals) -> None:
    """Send a signal to all of the server's processes."""
    postmaster = psutil.Process(cluster.pid)
    for process in [postmaster, *postmaster.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def test_one_that_is_halted_for_good_is_given_up_by_name(
    served: tuple[EmbeddedPostgres, Database],
) -> None:
    cluster, database = served
    database.admin.silent_s = 2
    send(cluster, signal.SIGSTOP)
    with pytest.raises(DatabaseFailed, match=r"not answered for \d+ s, as if it was halted; "):
        database.check_answers()


def test_one_that_is_halted_for_a_moment_goes_on(
    served: tuple[EmbeddedPostgres, Database],
) -> None:
    cluster, database = served
    send(cluster, signal.SIGSTOP)
    began = time.monotonic()
    again = threading.Timer(MOMENT_S, send, (cluster, signal.SIGCONT))
    again.start()
    assert database.rows("SELECT 1") == [(1,)]
    assert time.monotonic() - began > MOMENT_S - 0.5  # the statement did wait
    again.join()


def test_one_that_vanishes_is_told_and_not_the_refusal_alone(
    served: tuple[EmbeddedPostgres, Database],
) -> None:
    cluster, database = served
    backend = database.admin.info.backend_pid
    os.kill(cluster.pid, signal.SIGKILL)
    assert gone(cluster.pid)
    assert gone(backend)  # one that did not notice yet would answer
    with pytest.raises(DatabaseFailed, match=r"PostgreSQL has gone: .*; start it|ended by SIGKILL"):
        database.check_answers()


def test_one_that_vanishes_ends_a_statement_under_way(
    served: tuple[EmbeddedPostgres, Database],
) -> None:
    cluster, database = served
    killed: list[bool] = []

    def kill() -> None:
        """Once the statement is under way; the watching connection ends with the server."""
        with suppress(psycopg.Error), psycopg.connect(cluster.url, autocommit=True) as watching:
            killed.append(wait_until(lambda: asleep(watching), PATIENCE_S))
            os.kill(cluster.pid, signal.SIGKILL)

    killing = threading.Thread(target=kill)
    killing.start()
    with pytest.raises(DatabaseFailed, match=r"PostgreSQL has gone: .*; start it|ended by SIGKILL"):
        database.rows("SELECT pg_sleep(600)")
    killing.join()
    assert killed == [True]


def asleep(watching: psycopg.Connection) -> bool:
    """Whether a statement of another connection sleeps."""
    found = watching.execute("SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
    return bool(found.fetchall())


def test_a_long_statement_is_waited_for_while_the_server_answers_others(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.admin.silent_s = 60  # so long the server may take to let another connection in
    monkeypatch.setattr(connections, "STATEMENT_S", inf)
    asked: list[bool] = []
    connect = psycopg.connect

    def ask(*given: Any, **options: Any) -> psycopg.Connection:
        other = connect(*given, **options)
        asked.append(not other.closed)
        return other

    with monkeypatch.context() as hurried:  # a second of sleep is more than that
        hurried.setattr(connections, "time", SimpleNamespace(monotonic=hundredfold))
        hurried.setattr(psycopg, "connect", ask)
        assert database.rows("SELECT 1 FROM pg_sleep(1.5)") == [(1,)]
    assert asked
    assert all(asked)


def hundredfold() -> float:
    return 100 * time.monotonic()


def test_a_statement_that_never_ends_is_given_up(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as impatient:
        impatient.setattr(connections, "STATEMENT_S", 1.0)
        with pytest.raises(DatabaseFailed, match=r"not finished a statement .* in 1 s"):
            database.rows("SELECT pg_sleep(600)")
    assert database.rows("SELECT 1") == [(1,)]  # on another connection

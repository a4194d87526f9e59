"""Connections to any PostgreSQL, and checks whether that server can be used."""

import logging
import time
from collections.abc import Callable, Generator
from typing import Any, Literal

import psycopg

from harness.base.errors import DatabaseFailed, UsageError
from harness.lab.postgres.url import URL_FORM

PoolMode = Literal["session", "transaction"]
_TRIES, _RETURN_S = 6, 0.05
"""Connections to open, and seconds for a pooler to take one back and reset it."""
_DRAWBACKS: dict[PoolMode, str] = {
    "transaction": "it gives each transaction another connection, on which neither prepared "
    "statements nor session settings last",
    "session": "it opens and keeps PostgreSQL's connections itself, so those of a variant cannot "
    "be counted or cut",
}

OLDEST_VERSION = 14
"""PostgreSQL 13 ended in November 2025, and `toplevel` in pg_stat_statements came with 14."""

# It warns on standard error of a rollback that a signal has cut off. Whatever matters is raised.
logging.getLogger("psycopg").addHandler(logging.NullHandler())

SILENT_S = 10
"""A statement that takes longer may be a long one. Then the server is asked on another connection
for as long again; halted for five seconds, it still answers in time."""
STATEMENT_S = 600.0
"""Time limit of a statement of the harness's own while the server answers others: as long as those
of the applications may take."""


def _go_on() -> None:
    """Let a statement take its time."""


class DatabaseConnection(psycopg.Connection[tuple[object, ...]]):
    """One that never waits for good: a server that vanishes, or is halted, is given up.

    silent_s: how long a statement may take before the server is asked on another connection.
    meanwhile: is called a few times a second while a statement is waited for; what it raises ends
        the waiting, and the connection.
    """

    silent_s: int = SILENT_S
    meanwhile: Callable[[], None] = staticmethod(_go_on)

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Let psycopg wait for the server, within bounds.

        Raises:
            DatabaseFailed: it does not answer.
        """
        return super().wait(self._bounded(gen), interval, timeout)

    def _bounded(self, gen: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        """The steps of psycopg's waiting; it sends 0 when nothing has come for an interval."""
        began = time.monotonic()
        asked = began
        ready = None
        while True:
            try:
                step = gen.send(ready)
            except StopIteration as end:
                return end.value
            ready = yield step
            if not ready:
                try:
                    self.meanwhile()
                    asked = self._still_there(began, asked)
                except DatabaseFailed:
                    self.close()
                    raise

    def _still_there(self, began: float, asked: float) -> float:
        """Ask whether the server answers, if that was long ago; return when it was asked."""
        now = time.monotonic()
        if now - began > STATEMENT_S:
            raise DatabaseFailed(
                f"PostgreSQL has not finished a statement of the harness in {STATEMENT_S:.0f} s, "
                "though it answers others; see what holds it up (pg_stat_activity), then try again."
            )
        if now - asked < self.silent_s:
            return asked
        try:
            other = psycopg.connect(
                self.info.dsn, password=self.info.password, connect_timeout=self.silent_s
            )
        except psycopg.errors.ConnectionTimeout:
            raise DatabaseFailed(
                f"PostgreSQL has not answered for {time.monotonic() - asked:.0f} s, as if it was "
                "halted; let it go on, or start it again."
            ) from None
        except psycopg.OperationalError:
            pass  # a refusal is an answer; whoever has ended cuts this connection too
        else:
            other.close()
        return time.monotonic()


def connect(url: str, patience_s: int = SILENT_S) -> DatabaseConnection:
    """Connect in autocommit.

    Args:
        url: of the server.
        patience_s: to connect, and for a statement before the server counts as silent.

    Raises:
        DatabaseFailed: the server does not answer, or refuses.
    """
    try:
        # A host that has vanished is noticed after five seconds, and not after two hours.
        connection = DatabaseConnection.connect(
            url, autocommit=True, connect_timeout=patience_s, tcp_user_timeout=5_000,
            keepalives_idle=3, keepalives_interval=1, keepalives_count=2,
        )  # fmt: skip
        connection.silent_s = patience_s
        return connection
    except psycopg.OperationalError as error:
        # Indented lines are libpq's questions to a reader, such as whether a server is running.
        told = [line.strip() for line in str(error).splitlines() if not line.startswith("\t")]
        raise DatabaseFailed(
            f"The database cannot be reached: {' '.join(filter(None, told)).rstrip('.')}; check "
            "--database-url, or leave it out to use the embedded PostgreSQL."
        ) from error
    except psycopg.ProgrammingError:
        raise UsageError(
            f"--database-url is not a PostgreSQL URL; write {URL_FORM}."
        ) from None  # libpq's message quotes the URL


def check_direct(url: str, connection: DatabaseConnection) -> None:
    """Refuse a connection pooler such as PgBouncer.

    A run has a database and roles of its own, which a pooler would have to know; it counts the
    connections of each variant; and every variant must keep its prepared statements.

    Args:
        url: of the server.
        connection: to it.

    Raises:
        UsageError: there is a pooler between.
    """
    if "bouncer" in (connection.info.parameter_status("server_version") or ""):
        raise UsageError(
            "--database-url names PgBouncer's console; name host, port and database of PostgreSQL "
            "itself."
        )
    mode = pool_mode(url, connection)
    if mode is not None:
        raise UsageError(
            f"--database-url leads to PgBouncer, or a pooler like it, in {mode} mode: "
            f"{_DRAWBACKS[mode]}; name host and port of PostgreSQL itself."
        )


def pool_mode(url: str, connection: DatabaseConnection) -> PoolMode | None:
    """How a pooler between us and PostgreSQL lends its connections; None without one.

    PostgreSQL tells a client the process id of its backend. A pooler makes one up, because it
    answers cancel requests itself; so do some proxies that pool nothing, which is why backends are
    observed too. In transaction mode two clients meet the same backend, and in session mode a
    backend outlives its client.
    """
    if _backend(connection) == connection.info.backend_pid:
        return None
    with connect(url) as other:
        ours: set[object] = set()
        others: set[object] = set()
        for _ in range(_TRIES):
            ours.add(_backend(connection))
            others.add(_backend(other))
    if len(ours) > 1 or ours & others:
        return "transaction"
    backends: list[object] = []
    for _ in range(_TRIES):
        with connect(url) as other:
            backends.append(_backend(other))
        time.sleep(_RETURN_S)
    return "session" if len(set(backends)) < len(backends) else None


def _backend(connection: DatabaseConnection) -> object:
    # Never prepared: the next transaction may be on a backend that does not know the statement.
    row = connection.execute("SELECT pg_backend_pid()", prepare=False).fetchone()
    assert row is not None
    return row[0]


def check_version(number: int) -> None:
    """Refuse a server that is too old, by its number as libpq gives it (`180006` is 18.6).

    Raises:
        UsageError: it is too old.
    """
    version = number // 10_000
    if version < OLDEST_VERSION:
        raise UsageError(
            f"The database is PostgreSQL {version}, and bridgetoll needs {OLDEST_VERSION} or "
            "later; upgrade it, or leave out --database-url."
        )


def check_server(connection: DatabaseConnection) -> None:
    """Refuse a server that is too old, or that does not count statements.

    Raises:
        UsageError: it is too old, or does not count them.
    """
    check_version(connection.info.server_version)
    row = connection.execute("SHOW shared_preload_libraries").fetchone()
    if row is None or "pg_stat_statements" not in str(row[0]):
        raise UsageError(
            "The database does not load pg_stat_statements, without which SQL effects cannot be "
            "verified; add it to shared_preload_libraries and restart it, or leave out "
            "--database-url."
        )

"""The database of a run: schema, roles, rows, and the server's counters."""

import contextlib
import re
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import LiteralString, Self

import msgspec
import psycopg
from psycopg import sql

from harness.base.errors import DatabaseFailed, UsageError
from harness.inputs.contract import Contract
from harness.inputs.settings import DatabaseSettings
from harness.lab.postgres.cluster import OwnPostgres
from harness.lab.postgres.connection import DatabaseConnection, check_direct, check_server, connect
from harness.lab.postgres.url import checked_url, with_database

_DATABASE = "bridgetoll"
_LONGEST_NAME = 63
"""Characters; PostgreSQL cuts off longer names."""
_ROLE_SETTINGS: tuple[LiteralString, ...] = (
    "timezone = 'UTC'",  # spelled exactly so: see shared/schema.sql
    "statement_timeout = '600s'",  # ends a statement that hangs, but no slow request of a ramp
)
_LOCK_TIMEOUT_S = 10
"""Otherwise an application that keeps a transaction open would block the next reset for ever."""
_RECOVERY_S = 3.0
"""Time limit for PostgreSQL to come back after one of its backends crashed. Checkpoints are made
between the trials, so there is little to recover; it takes some tenths of a second. With the turn
under way and the next look, the death of a user's server is told within 5 s."""
_RECOVERY_POLL_S = 0.1
_DROP_S = 5
"""To reach a server at the end; one that has gone does not hold up the error that tells so."""
_SETTINGS = (
    "server_version", "max_connections", "shared_buffers", "fsync", "synchronous_commit",
    "full_page_writes", "autovacuum", "jit", "password_encryption", "scram_iterations",
    "io_method", "wal_level", "max_parallel_workers_per_gather", "max_wal_size",
    "checkpoint_timeout", "plan_cache_mode", "track_io_timing", "ssl",
)  # fmt: skip
_COUNTERS = (
    "commits", "rollbacks", "blocks_read", "blocks_hit", "rows_inserted", "rows_fetched",
    "sessions", "deadlocks", "temporary_files",
)  # fmt: skip


class Counted(msgspec.Struct, frozen=True):
    """One entry of pg_stat_statements for one role."""

    query: str
    calls: int
    rows: int

    @property
    def verb(self) -> str:
        """The first word, in capitals."""
        return self.query.lstrip("( \n\t").split(None, 1)[0].rstrip(";").upper()

    @property
    def touches_posts(self) -> bool:
        """Whether the statement is about the table of the contract."""
        return re.search(r"\bpost\b", self.query) is not None


class Activity(msgspec.Struct, frozen=True):
    """What one variant's connections do now, as `pg_stat_activity` shows it.

    connections: that are open. waiting: those whose statement waits for a lock.
    in_transaction: idle ones that have left a transaction open.
    """

    connections: int
    waiting: int
    in_transaction: int


class Database:
    """A PostgreSQL database with the contract's schema. Use as a context manager.

    Args:
        url: a superuser, or a role that may create databases and roles and read pg_stat_statements.
        contract: schema and rows.
        embedded: the cluster behind `url`, where it is the harness's own.
        passing: whether that cluster outlives this database, which is dropped then unless an error
            ends the block.
    """

    def __init__(
        self,
        url: str,
        contract: Contract,
        embedded: OwnPostgres | None = None,
        *,
        passing: bool = False,
    ) -> None:
        self.url = url
        self._contract = contract
        self._embedded = embedded
        self._stays = embedded is None or passing
        self._roles: dict[str, tuple[str, str]] = {}  # by variant: name, password
        self._admin: DatabaseConnection | None = None
        # Each run has its own database and roles, so that two runs can share a server.
        self._name = f"{_DATABASE}_{secrets.token_hex(4)}"

    def __enter__(self) -> Self:
        self.url = checked_url(self.url)
        try:
            self._create()
        except psycopg.Error as error:
            raise DatabaseFailed(
                f"The database cannot be prepared: {' '.join(str(error).split())}; let "
                "--database-url name a superuser, or leave it out to use the embedded PostgreSQL."
            ) from error
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # After an error our own cluster goes at once, and dropping would wait for its disk.
        if self._stays and (kind is None or self._embedded is None):
            # The error that ended the block matters more than a database that stays behind.
            with contextlib.suppress(DatabaseFailed, psycopg.Error):
                self._drop()
        elif self._admin is not None:  # the whole cluster goes
            self._admin.close()

    def _create(self) -> None:
        with connect(self.url) as connection:
            check_direct(self.url, connection)
            check_server(connection)
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(self._name)))
        try:
            self._admin = self._connect_admin()
            self._admin.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
            self._admin.execute(self._contract.schema_sql.encode())
            self._admin.execute("CHECKPOINT")  # fails now if the role may not
            self._admin.execute("SELECT pg_stat_statements_reset(0, 0, 0) WHERE false")
        except BaseException:
            self._drop()
            raise

    def _drop(self) -> None:
        """Remove the run's database and roles from a server that stays."""
        if self._admin is not None:
            self._admin.close()
        with connect(self.url, _DROP_S) as connection:
            name = sql.Identifier(self._name)
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
            for role, _ in self._roles.values():
                connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))
            # Another run on the same server may still use the group.
            with contextlib.suppress(psycopg.errors.DependentObjectsStillExist):
                connection.execute("DROP ROLE IF EXISTS bridgetoll_app")

    @property
    def admin(self) -> DatabaseConnection:
        """The harness's own connection, in autocommit; opened again if it was cut."""
        assert self._admin is not None
        if self._admin.closed or self._admin.broken:
            self.check_alive()
            self._admin = self._connect_admin()
        return self._admin

    def execute(
        self,
        query: LiteralString | sql.SQL | sql.Composed | bytes,
        parameters: Sequence[object] | Mapping[str, object] | None = None,
    ) -> psycopg.Cursor[tuple[object, ...]]:
        """Run a statement of the harness's own.

        PostgreSQL cuts every connection when one of its backends crashes, and is back in a moment.
        So a statement whose connection was lost is run once more; all of them may be repeated.

        Raises:
            DatabaseFailed: the server is gone, or refused it.
        """
        try:
            connection = self.admin
            try:
                return connection.execute(query, parameters)
            except psycopg.OperationalError:
                if not (connection.broken or connection.closed):
                    raise
            self._admin = self._connect_again()
            return self._admin.execute(query, parameters)
        except psycopg.Error as error:
            raise DatabaseFailed(
                f"The database refused a statement: {' '.join(str(error).split())}; mend that, "
                "then try again."
            ) from error

    @property
    def postmaster_pid(self) -> int | None:
        """The process whose descendants serve the variants; None where it cannot be observed."""
        return None if self._embedded is None else self._embedded.postmaster

    def check_alive(self) -> None:
        """Notice at once when PostgreSQL has ended; without a statement, so also under load.

        Raises:
            DatabaseFailed: it has. A server of the user is asked by `check_answers` only.
        """
        if self._embedded is not None:
            self._embedded.check_alive()

    def check_answers(self) -> None:
        """Notice between two loads when PostgreSQL has gone, or is halted.

        Raises:
            DatabaseFailed: it has, or has not answered for twice `connection.SILENT_S`.
        """
        self.check_alive()
        self.execute("SELECT 1")

    def check_accepts(self) -> None:
        """Tell a variant that fails from a PostgreSQL that gives nobody a new connection.

        Raises:
            DatabaseFailed: it is the latter, or it has gone.
        """
        self.check_answers()
        self.connect().close()

    def login(self, variant: str) -> str:
        """A URL with the login of one variant, which no other variant uses."""
        return with_database(self.url, self._name, self._role(variant))

    def reset(self, rows: int) -> None:
        """Fill the table with the contract's first `rows` rows, vacuumed and analysed.

        Without a visibility map a count would visit every row.
        """
        self.execute("TRUNCATE post")
        self.execute(self._contract.dataset_sql.encode(), {"rows": rows})
        self.execute("VACUUM (ANALYZE) post")
        self.execute("CHECKPOINT")

    def forget_statements(self) -> None:
        """Empty pg_stat_statements for this database."""
        self.execute(
            "SELECT pg_stat_statements_reset(0, oid, 0) FROM pg_database "
            "WHERE datname = current_database()"
        )

    def statements(self, variant: str) -> list[Counted]:
        """Statements of the variant's role since `forget_statements`."""
        entries = self.execute(
            "SELECT query, calls, rows FROM pg_stat_statements JOIN pg_roles r ON r.oid = userid "
            "WHERE toplevel AND r.rolname = %s "
            "AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())",
            [self._role(variant)[0]],
        )
        return [
            msgspec.convert({"query": query, "calls": calls, "rows": rows}, Counted)
            for query, calls, rows in entries
        ]

    def role(self, variant: str) -> str:
        """The name of the variant's role, as `pg_stat_activity` shows it."""
        return self._role(variant)[0]

    def connections(self) -> dict[str, int]:
        """By variant that has a role: how many connections of it are open now."""
        counts = self.rows(
            "SELECT usename, count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "GROUP BY usename"
        )
        by_role = dict(msgspec.convert(counts, list[tuple[str | None, int]]))
        return {variant: by_role.get(role, 0) for variant, (role, _) in self._roles.items()}

    def activity(self, variant: str) -> Activity:
        """What the variant's connections do now."""
        (counts,) = self.rows(
            "SELECT count(*), count(*) FILTER (WHERE wait_event_type = 'Lock'), "
            "count(*) FILTER (WHERE state LIKE 'idle in transaction%%') FROM pg_stat_activity "
            "WHERE datname = current_database() AND usename = %s",
            [self.role(variant)],
        )
        return Activity(*msgspec.convert(counts, tuple[int, int, int]))

    @contextmanager
    def posts_locked(self) -> Iterator[None]:
        """Let every statement about posts wait within the block, on the connection that sent it."""
        with self._connect_admin() as connection:
            try:
                connection.execute("BEGIN")
                connection.execute("LOCK TABLE post IN ACCESS EXCLUSIVE MODE")
            except psycopg.Error as error:
                raise DatabaseFailed(
                    f"The table of posts cannot be locked: {' '.join(str(error).split())}; let no "
                    "other program use the database."
                ) from error
            yield

    def another(self) -> "Database":
        """A further database on the same server: other rows, other roles, other counts.

        So two variants can be checked side by side. It is dropped at the end of its block.
        """
        return Database(self.url, self._contract, self._embedded, passing=True)

    def connect(self) -> DatabaseConnection:
        """Open another connection of the harness; the caller closes it."""
        return self._connect_admin()

    def counters(self) -> dict[str, int]:
        """Counters of `pg_stat_database` for this database.

        A backend updates them once a second at most, and a busy one only between its statements.
        """
        (values,) = self.execute(
            "SELECT xact_commit, xact_rollback, blks_read, blks_hit, tup_inserted, tup_fetched, "
            "sessions, deadlocks, temp_files FROM pg_stat_database "
            "WHERE datname = current_database()"
        ).fetchall()
        return dict(zip(_COUNTERS, msgspec.convert(values, list[int]), strict=True))

    def sessions(self) -> int:
        """How many connections to the database have been opened so far, by all roles."""
        ((count,),) = self.rows(
            "SELECT sessions FROM pg_stat_database WHERE datname = current_database()"
        )
        assert isinstance(count, int)
        return count

    def rows(
        self, query: LiteralString, parameters: Iterable[object] = ()
    ) -> list[tuple[object, ...]]:
        """Run a query of the harness's own."""
        return self.execute(query, list(parameters)).fetchall()

    def check_room(self, connections: int) -> None:
        """Check that the server allows as many connections as a study wants.

        Raises:
            UsageError: it does not.
        """
        ((most,),) = self.rows("SELECT current_setting('max_connections')::int")
        if isinstance(most, int) and most < connections:
            raise UsageError(
                f"The database allows {most} connections, and the study wants {connections}; raise "
                "its max_connections, or leave out --database-url."
            )

    def settings(self) -> dict[str, str]:
        """Server settings that matter to a reader of the report."""
        settings = self.rows(
            "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [list(_SETTINGS)]
        )
        return {str(name): str(value) for name, value in settings}

    def cut_off(self, variant: str | None = None) -> None:
        """End every connection of the applications, or of one: stopped servers leave statements.

        They are told what a server tells them that is shut down: `admin_shutdown` (57P01).
        """
        roles = [role for name, (role, _) in self._roles.items() if variant in (None, name)]
        self.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = ANY(%s)",
            [roles],
        )

    def restart(self, settings: DatabaseSettings) -> None:
        """Restart the harness's own cluster with other settings, which cuts every connection.

        Raises:
            UsageError: the server is the user's.
        """
        if self._embedded is None:
            raise UsageError(
                "A setup with its own `max_connections` restarts PostgreSQL, but the harness never "
                "restarts a server of yours; leave out --database-url."
            )
        self.admin.close()  # the next use opens another
        self._embedded.restart(settings)

    def _role(self, variant: str) -> tuple[str, str]:
        """Name and password of the variant's role, which is created at first use."""
        if variant not in self._roles:
            word = re.sub(r"[^a-z0-9]+", "_", variant)
            role = f"{self._name}_{len(self._roles)}_{word}"[:_LONGEST_NAME]
            self._roles[variant] = role, secrets.token_hex(12)
            self._create_role(*self._roles[variant])
        return self._roles[variant]

    def _create_role(self, role: str, password: str) -> None:
        name = sql.Identifier(role)
        self.execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} IN ROLE bridgetoll_app").format(
                name, password
            )
        )
        for setting in _ROLE_SETTINGS:
            self.execute(sql.SQL("ALTER ROLE {} SET " + setting).format(name))

    def _connect_again(self) -> DatabaseConnection:
        """Connect to a server that may be about to recover; it refuses connections meanwhile."""
        end = time.monotonic() + _RECOVERY_S
        while True:
            try:
                return self._connect_admin()
            except DatabaseFailed as error:
                refusal = str(error).partition(";")[0]
            self.check_alive()
            if time.monotonic() > end:
                raise DatabaseFailed(
                    "PostgreSQL has gone: it cut the harness's connection and gave no other "
                    f"within {_RECOVERY_S:.0f} s ({refusal}); start it again."
                )
            time.sleep(_RECOVERY_POLL_S)

    def _connect_admin(self) -> DatabaseConnection:
        connection = connect(with_database(self.url, self._name))
        connection.meanwhile = self.check_alive
        connection.execute(f"SET lock_timeout = '{_LOCK_TIMEOUT_S}s'")
        return connection

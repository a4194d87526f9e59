"""Connections to any PostgreSQL, and checks whether that server can be used."""

import logging

import psycopg

from harness.base.errors import DatabaseFailed, UsageError
from harness.lab.postgres.url import URL_FORM

OLDEST_VERSION = 14
"""PostgreSQL 13 ended in November 2025, and `toplevel` in pg_stat_statements came with 14."""

# It warns on standard error of a rollback that a signal has cut off. Whatever matters is raised.
logging.getLogger("psycopg").addHandler(logging.NullHandler())

Connection = psycopg.Connection[tuple[object, ...]]


def connect(url: str, patience_s: int = 10) -> Connection:
    """Connect in autocommit.

    Raises:
        DatabaseFailed: the server does not answer, or refuses.
    """
    try:
        # A host that has vanished is noticed after five seconds, and not after two hours.
        return psycopg.connect(
            url, autocommit=True, connect_timeout=patience_s,
            keepalives_idle=3, keepalives_interval=1, keepalives_count=2,
        )  # fmt: skip
    except psycopg.OperationalError as error:
        raise DatabaseFailed(
            f"The database cannot be reached: {' '.join(str(error).split())}; check "
            "--database-url, or leave it out to use the embedded PostgreSQL."
        ) from error
    except psycopg.ProgrammingError as error:
        raise UsageError(
            f"--database-url is not a PostgreSQL URL ({' '.join(str(error).split())}); write "
            f"{URL_FORM}."
        ) from error


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


def check_server(connection: Connection) -> None:
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

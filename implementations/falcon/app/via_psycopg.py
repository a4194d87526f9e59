"""The table, by psycopg's pool: SQL by hand."""

import atexit
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool

from app import settings

COLUMNS = "id, title, content, created_at, updated_at"
INSERT = f"INSERT INTO post ({COLUMNS}) VALUES (%s, %s, %s, %s, %s)"
FIRST_PAGE = f"SELECT {COLUMNS} FROM post ORDER BY id LIMIT 25"
COUNT = "SELECT count(*) AS ct FROM post"
BY_ID = f"SELECT {COLUMNS} FROM post WHERE id = %s"

FAILURES = (psycopg.Error,)  # PoolTimeout is one


class Posts:
    """The table, behind a pool; a connection is borrowed for as long as a query runs."""

    def __init__(self, pool: ConnectionPool[psycopg.Connection[DictRow]]) -> None:
        self._pool = pool

    def create(self, title: str, content: str) -> dict[str, Any]:
        now = datetime.now(UTC)
        post = {
            "id": uuid4(),
            "title": title,
            "content": content,
            "created_at": now,
            "updated_at": now,
        }
        with self._pool.connection() as connection:
            connection.execute(INSERT, list(post.values()))
        return post

    def read(self) -> tuple[int, list[dict[str, Any]]]:
        """Return the count of all posts, and the first 25 by id."""
        with self._pool.connection() as connection:
            posts = connection.execute(FIRST_PAGE).fetchall()
            count = connection.execute(COUNT).fetchone()["ct"]
        return count, posts

    def read_each(self, ids: Sequence[UUID]) -> list[dict[str, Any] | None]:
        """Read one after the other, on one connection: a thread has no more."""
        with self._pool.connection() as connection:
            return [connection.execute(BY_ID, [post_id]).fetchone() for post_id in ids]


def open_posts() -> Posts:
    """Open every connection of the pool, and close them when the worker ends."""
    pool = ConnectionPool(
        settings.DATABASE_URL,
        min_size=settings.POOL_SIZE,
        max_size=settings.POOL_SIZE,
        timeout=settings.POOL_TIMEOUT,
        # psycopg would replace a connection after an hour, and wait longer from attempt to attempt
        # to replace a lost one, for five minutes.
        max_lifetime=math.inf,
        reconnect_timeout=5,
        # No transaction, and statements prepared when they are first seen.
        kwargs={
            "autocommit": True,
            "prepare_threshold": 0,
            "connect_timeout": math.ceil(settings.POOL_TIMEOUT),
            "row_factory": dict_row,
        },
    )
    pool.wait()
    atexit.register(pool.close)
    return Posts(pool)

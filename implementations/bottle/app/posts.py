"""Posts by psycopg: the SQL of the contract, and a pool of exactly POOL_SIZE connections."""

import atexit
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TypedDict
from uuid import UUID, uuid4

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from .settings import Settings

INSERT = "INSERT INTO post (id, title, content, created_at, updated_at) VALUES (%s, %s, %s, %s, %s)"
FIRST_PAGE = "SELECT id, title, content, created_at, updated_at FROM post ORDER BY id LIMIT 25"
COUNT = "SELECT count(*) AS ct FROM post"
BY_ID = "SELECT id, title, content, created_at, updated_at FROM post WHERE id = %s"


class Post(TypedDict):
    """A row of the table, and at the same time its JSON object."""

    id: UUID
    title: str
    content: str
    created_at: datetime
    updated_at: datetime


class DatabaseUnavailable(Exception):
    """The database could not serve the request, which is answered 503."""


class Posts:
    """The table. All methods raise `DatabaseUnavailable`, and nothing of the driver's."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def add(self, title: str, content: str) -> Post:
        """Insert a post: the application, not the database, chooses its id and its time."""
        now = datetime.now(UTC)
        post = Post(id=uuid4(), title=title, content=content, created_at=now, updated_at=now)
        with self._connection() as connection:
            connection.execute(INSERT, tuple(post.values()))
        return post

    def first_page(self) -> tuple[int, list[Post]]:
        """Count all posts, and return the first 25 by id."""
        with self._connection() as connection:
            posts = connection.execute(FIRST_PAGE).fetchall()
            count = connection.execute(COUNT).fetchone()["ct"]
        return count, posts

    def each(self, ids: Sequence[UUID]) -> list[Post | None]:
        """Read the post of each id, or None, one after the other."""
        with self._connection() as connection:
            return [connection.execute(BY_ID, (post_id,)).fetchone() for post_id in ids]

    @contextmanager
    def _connection(self) -> Iterator[psycopg.Connection]:
        # Whatever the server reports or libpq notices is a psycopg.Error; so is PoolTimeout.
        try:
            with self._pool.connection() as connection:
                yield connection
        except psycopg.Error as error:
            raise DatabaseUnavailable(repr(error)) from error


def open_posts(settings: Settings) -> Posts:
    """Open every connection of the pool; the process closes them at its end."""
    pool = ConnectionPool(
        settings.database_url,
        kwargs={
            # One statement is a transaction of its own: no BEGIN, no COMMIT.
            "autocommit": True,
            # Prepare a statement when it is first seen, not after five executions.
            "prepare_threshold": 0,
            "connect_timeout": math.ceil(settings.pool_timeout),
            "row_factory": dict_row,
        },
        open=False,
        min_size=settings.pool_size,
        max_size=settings.pool_size,
        timeout=settings.pool_timeout,
        # By default a connection is replaced after an hour.
        max_lifetime=math.inf,
        # Each failed attempt to replace a lost connection doubles the delay before the next, for
        # five minutes by default. After so many seconds the next request tries afresh.
        reconnect_timeout=5,
    )
    pool.open(wait=True)
    atexit.register(pool.close)
    return Posts(pool)

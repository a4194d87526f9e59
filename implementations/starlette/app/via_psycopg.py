"""Posts by psycopg: SQL by hand, on psycopg's own asynchronous pool."""

import asyncio
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from app.posts import DatabaseUnavailableError, Post
from app.settings import Settings

INSERT_POST = """
    INSERT INTO post (id, title, content, created_at, updated_at) VALUES (%s, %s, %s, %s, %s)
"""
FIRST_POSTS = """
    SELECT id, title, content, created_at, updated_at FROM post ORDER BY id LIMIT 25
"""
COUNT_POSTS = "SELECT count(*) FROM post"
POST_BY_ID = "SELECT id, title, content, created_at, updated_at FROM post WHERE id = %s"


class PsycopgPosts:
    """The table, behind a psycopg pool; a connection is borrowed for as long as a query runs."""

    def __init__(self, pool: AsyncConnectionPool) -> None:
        self._pool = pool

    async def create(self, post: Post) -> None:
        async with self._connection() as connection:
            await connection.execute(
                INSERT_POST,
                (
                    post["id"],
                    post["title"],
                    post["content"],
                    post["created_at"],
                    post["updated_at"],
                ),
            )

    async def read(self) -> tuple[int, list[dict[str, Any]]]:
        async with self._connection() as connection:
            cursor = connection.cursor(row_factory=dict_row)
            posts = await (await cursor.execute(FIRST_POSTS)).fetchall()
            (count,) = await (await connection.execute(COUNT_POSTS)).fetchone()
        return count, posts

    async def read_each(self, ids: Sequence[UUID]) -> list[dict[str, Any] | None]:
        return await asyncio.gather(*(self._read_one(post_id) for post_id in ids))

    async def _read_one(self, post_id: UUID) -> dict[str, Any] | None:
        async with self._connection() as connection:
            cursor = connection.cursor(row_factory=dict_row)
            return await (await cursor.execute(POST_BY_ID, (post_id,))).fetchone()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[psycopg.AsyncConnection]:
        # Whatever the server reports or libpq notices is a psycopg.Error; so is PoolTimeout.
        try:
            async with self._pool.connection() as connection:
                yield connection
        except psycopg.Error as error:
            raise DatabaseUnavailableError(repr(error)) from error


@asynccontextmanager
async def open_posts(settings: Settings) -> AsyncIterator[PsycopgPosts]:
    """Open every connection of the pool before the first request, and close them at the end."""
    pool = AsyncConnectionPool(
        settings.database_url,
        kwargs={
            # One statement is a transaction of its own: no BEGIN, no COMMIT.
            "autocommit": True,
            # Prepare a statement when it is first seen, not after five executions.
            "prepare_threshold": 0,
            "connect_timeout": math.ceil(settings.pool_timeout),
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
    await pool.open(wait=True)
    try:
        yield PsycopgPosts(pool)
    finally:
        await pool.close()

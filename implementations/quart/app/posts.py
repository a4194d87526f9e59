"""The table, by asyncpg: SQL by hand, which the driver prepares once per connection."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from app import settings

COLUMNS = "id, title, content, created_at, updated_at"
INSERT = f"INSERT INTO post ({COLUMNS}) VALUES ($1, $2, $3, $4, $5)"
FIRST_PAGE = f"SELECT {COLUMNS} FROM post ORDER BY id LIMIT 25"
COUNT = "SELECT count(*) FROM post"
BY_ID = f"SELECT {COLUMNS} FROM post WHERE id = $1"

# What PostgreSQL reports, what asyncpg finds wrong with a connection, and connections that are
# refused, lost, or not free in time (TimeoutError is an OSError).
FAILURES = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)


class Posts:
    """The table, behind a pool; a connection is borrowed for as long as a query runs."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def create(self, title: str, content: str) -> dict[str, Any]:
        now = datetime.now(UTC)
        post = {
            "id": uuid4(),
            "title": title,
            "content": content,
            "created_at": now,
            "updated_at": now,
        }
        async with self._pool.acquire(timeout=settings.POOL_TIMEOUT) as connection:
            await connection.execute(INSERT, *post.values())
        return post

    async def read(self) -> tuple[int, list[dict[str, Any]]]:
        """Return the count of all posts, and the first 25 by id."""
        async with self._pool.acquire(timeout=settings.POOL_TIMEOUT) as connection:
            rows = await connection.fetch(FIRST_PAGE)
            count = await connection.fetchval(COUNT)
        return count, [dict(row) for row in rows]

    async def read_each(self, ids: Sequence[UUID]) -> list[dict[str, Any] | None]:
        """Read all at once; none waits for a connection while it holds another."""
        return await asyncio.gather(*(self._read_one(post_id) for post_id in ids))

    async def _read_one(self, post_id: UUID) -> dict[str, Any] | None:
        async with self._pool.acquire(timeout=settings.POOL_TIMEOUT) as connection:
            row = await connection.fetchrow(BY_ID, post_id)
        return None if row is None else dict(row)


@asynccontextmanager
async def open_posts() -> AsyncIterator[Posts]:
    """Open every connection of the pool, and close them at the end."""
    async with asyncpg.create_pool(
        settings.DATABASE_URL,
        min_size=settings.POOL_SIZE,
        max_size=settings.POOL_SIZE,
        # asyncpg would replace a connection after 50,000 queries or 300 idle seconds, prepare a
        # statement anew every 300 s, and reset the session after each use. Nothing here needs it.
        max_queries=2**63 - 1,
        max_inactive_connection_lifetime=0,
        max_cached_statement_lifetime=0,
        reset=_keep,
    ) as pool:
        yield Posts(pool)


async def _keep(connection: asyncpg.Connection) -> None:
    """Send nothing when a connection is given back."""

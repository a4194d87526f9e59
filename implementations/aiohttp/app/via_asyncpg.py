"""Posts by asyncpg: SQL written by hand, which the driver prepares once per connection."""

import asyncio
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg

from .posts import PAGE_SIZE, DatabaseUnavailable, Post
from .settings import Settings

INSERT = "INSERT INTO post (id, title, content, created_at, updated_at) VALUES ($1, $2, $3, $4, $5)"
FIRST_PAGE = (
    f"SELECT id, title, content, created_at, updated_at FROM post ORDER BY id LIMIT {PAGE_SIZE}"
)
COUNT = "SELECT count(*) FROM post"
BY_ID = "SELECT id, title, content, created_at, updated_at FROM post WHERE id = $1"

# OSError covers refused and reset connections, and TimeoutError: no connection came free in time.
FAILURES = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
)


class AsyncpgPosts:
    """The table, behind an asyncpg pool."""

    def __init__(self, pool: asyncpg.Pool, acquire_timeout: float) -> None:
        self._pool = pool
        self._acquire_timeout = acquire_timeout

    async def add(self, post: Post) -> None:
        try:
            async with self._pool.acquire(timeout=self._acquire_timeout) as connection:
                await connection.execute(
                    INSERT,
                    post["id"],
                    post["title"],
                    post["content"],
                    post["created_at"],
                    post["updated_at"],
                )
        except FAILURES as error:
            raise DatabaseUnavailable from error

    async def first_page(self) -> tuple[int, list[Post]]:
        try:
            async with self._pool.acquire(timeout=self._acquire_timeout) as connection:
                rows = await connection.fetch(FIRST_PAGE)
                count = await connection.fetchval(COUNT)
        except FAILURES as error:
            raise DatabaseUnavailable from error
        return count, [Post(**row) for row in rows]

    async def each(self, ids: Sequence[UUID]) -> list[Post | None]:
        return await asyncio.gather(*(self._one(post_id) for post_id in ids))

    async def _one(self, post_id: UUID) -> Post | None:
        try:
            async with self._pool.acquire(timeout=self._acquire_timeout) as connection:
                row = await connection.fetchrow(BY_ID, post_id)
        except FAILURES as error:
            raise DatabaseUnavailable from error
        return None if row is None else Post(**row)


@asynccontextmanager
async def open_posts(settings: Settings) -> AsyncIterator[AsyncpgPosts]:
    """Open every connection of the pool, and close them at the end."""
    async with asyncpg.create_pool(
        settings.database_url,
        min_size=settings.pool_size,
        max_size=settings.pool_size,
        # Left alone, asyncpg replaces a connection after 50,000 queries or 300 idle seconds, and
        # prepares a cached statement anew every 300 s.
        max_queries=math.inf,
        max_inactive_connection_lifetime=0,
        max_cached_statement_lifetime=0,
        reset=_keep_session,
    ) as pool:
        yield AsyncpgPosts(pool, settings.pool_timeout)


async def _keep_session(_connection: asyncpg.Connection) -> None:
    """Send nothing on release: no statement here leaves anything behind in the session.

    The default costs a round trip per request, for advisory locks, cursors, LISTEN and RESET ALL.
    """

"""Posts by asyncpg: the SQL of the contract, and a pool of exactly POOL_SIZE connections."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TypedDict
from uuid import UUID, uuid4

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from .settings import Settings

INSERT = "INSERT INTO post (id, title, content, created_at, updated_at) VALUES ($1, $2, $3, $4, $5)"
FIRST_PAGE = "SELECT id, title, content, created_at, updated_at FROM post ORDER BY id LIMIT 25"
COUNT = "SELECT count(*) FROM post"
BY_ID = "SELECT id, title, content, created_at, updated_at FROM post WHERE id = $1"

# OSError covers refused and reset connections, and TimeoutError: no connection came free in time.
FAILURES = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)


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

    def __init__(self, pool: asyncpg.Pool, timeout: float) -> None:
        self._pool = pool
        self._timeout = timeout

    async def add(self, title: str, content: str) -> Post:
        """Insert a post: the application, not the database, chooses its id and its time."""
        now = datetime.now(UTC)
        post = Post(id=uuid4(), title=title, content=content, created_at=now, updated_at=now)
        async with self._connection() as connection:
            await connection.execute(INSERT, *post.values())
        return post

    async def first_page(self) -> tuple[int, list[Post]]:
        """Count all posts, and return the first 25 by id."""
        async with self._connection() as connection:
            rows = await connection.fetch(FIRST_PAGE)
            count = await connection.fetchval(COUNT)
        return count, [Post(**row) for row in rows]

    async def each(self, ids: Sequence[UUID]) -> list[Post | None]:
        """Read the post of each id, or None, at once; none holds a connection as it waits."""
        return await asyncio.gather(*(self._one(post_id) for post_id in ids))

    async def _one(self, post_id: UUID) -> Post | None:
        async with self._connection() as connection:
            row = await connection.fetchrow(BY_ID, post_id)
        return None if row is None else Post(**row)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[PoolConnectionProxy]:
        try:
            async with self._pool.acquire(timeout=self._timeout) as connection:
                yield connection
        except FAILURES as error:
            raise DatabaseUnavailable(repr(error)) from error


@asynccontextmanager
async def open_posts(settings: Settings) -> AsyncIterator[Posts]:
    """Open every connection of the pool, and close them at the end."""
    async with asyncpg.create_pool(
        settings.database_url,
        min_size=settings.pool_size,
        max_size=settings.pool_size,
        # Left alone, asyncpg replaces a connection after 50,000 queries or 300 idle seconds, and
        # prepares a cached statement anew every 300 s.
        max_queries=2**63 - 1,
        max_inactive_connection_lifetime=0,
        max_cached_statement_lifetime=0,
        reset=_keep_session,
    ) as pool:
        yield Posts(pool, settings.pool_timeout)


async def _keep_session(_connection: asyncpg.Connection) -> None:
    """Send nothing on release: no statement here leaves anything behind in the session.

    The default costs a round trip per request, for advisory locks, cursors, LISTEN and RESET ALL.
    """

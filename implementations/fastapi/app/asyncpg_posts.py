"""Posts by asyncpg: SQL by hand, which the driver prepares once per connection."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, TypedDict
from uuid import UUID, uuid4

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from fastapi import Request

from app.errors import DatabaseUnavailableError
from app.schemas import NewPost
from app.settings import settings

INSERT_POST = """
    INSERT INTO post (id, title, content, created_at, updated_at) VALUES ($1, $2, $3, $4, $5)
"""
FIRST_POSTS = """
    SELECT id, title, content, created_at, updated_at FROM post ORDER BY id LIMIT 25
"""
COUNT_POSTS = "SELECT count(*) FROM post"
POST_BY_ID = "SELECT id, title, content, created_at, updated_at FROM post WHERE id = $1"

# Refused, lost, or timed-out connections are OSErrors (TimeoutError is one), everything that the
# server reports is a PostgresError, and the rest is asyncpg's own about a connection's state.
FAILURES = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
)


class AsyncpgPosts:
    """The table, behind an asyncpg pool; a connection is borrowed for as long as a query runs."""

    def __init__(self, pool: asyncpg.Pool, timeout: float) -> None:
        self._pool = pool
        self._timeout = timeout

    async def create(self, new: NewPost) -> dict[str, Any]:
        """Insert a post, whose every column is known beforehand: nothing is read back."""
        now = datetime.now(UTC)
        post = {
            "id": uuid4(),
            "title": new.title,
            "content": new.content,
            "created_at": now,
            "updated_at": now,
        }
        async with self._connection() as connection:
            await connection.execute(INSERT_POST, *post.values())
        return post

    async def read(self) -> tuple[int, list[dict[str, Any]]]:
        """Return the count of all posts, and the first 25 by id: two statements, one connection."""
        async with self._connection() as connection:
            posts = await connection.fetch(FIRST_POSTS)
            count = await connection.fetchval(COUNT_POSTS)
        return count, [dict(post) for post in posts]

    async def read_each(self, ids: Sequence[UUID]) -> list[dict[str, Any] | None]:
        """Return the post of each id, or None: a statement and a connection each, all at once.

        No read waits for a connection while it holds another, so requests that together want more
        than the pool has do not wait for each other.
        """
        return await asyncio.gather(*(self._read_one(post_id) for post_id in ids))

    async def _read_one(self, post_id: UUID) -> dict[str, Any] | None:
        async with self._connection() as connection:
            post = await connection.fetchrow(POST_BY_ID, post_id)
        return None if post is None else dict(post)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[PoolConnectionProxy]:
        try:
            async with self._pool.acquire(timeout=self._timeout) as connection:
                yield connection
        except FAILURES as error:
            raise DatabaseUnavailableError(repr(error)) from error


class State(TypedDict):
    """What lives as long as the worker; the server hands it to every request."""

    posts: AsyncpgPosts


@asynccontextmanager
async def open_pool() -> AsyncIterator[State]:
    """Open every connection of the pool before the first request, and close them at the end."""
    async with asyncpg.create_pool(
        settings.database_url,
        min_size=settings.pool_size,
        max_size=settings.pool_size,
        reset=_keep_as_it_is,
        # By default asyncpg replaces a connection after 50,000 queries or 300 idle seconds, and
        # prepares a cached statement anew every 300 s. Four fixed statements need none of it.
        max_queries=2**63 - 1,
        max_inactive_connection_lifetime=0,
        max_cached_statement_lifetime=0,
    ) as pool:
        yield State(posts=AsyncpgPosts(pool, settings.pool_timeout))


async def get_posts(request: Request) -> AsyncpgPosts:
    """The dependency of the endpoints; no connection is taken before a query needs it."""
    return request.state.posts


async def _keep_as_it_is(connection: asyncpg.Connection) -> None:
    """Send nothing when a connection is released.

    asyncpg would otherwise send `pg_advisory_unlock_all`, `CLOSE ALL`, `UNLISTEN *` and
    `RESET ALL`: a round trip per request, to undo session state that no statement here makes.
    asyncpg still rolls a transaction back if one was left open.
    """

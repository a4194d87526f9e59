"""Async views on asyncpg, with SQL by hand, which the driver prepares once per connection.

The other endpoints are those of the async views.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from django.conf import settings
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse

from posts.endpoint import endpoint
from posts.forms import read_ids, read_new_post
from posts.responses import JSONResponse
from posts.rows import new_row
from posts.views_async import cpu, health, io_wait, noop

__all__ = ["cpu", "health", "io_create", "io_fanout", "io_read", "io_wait", "lifespan", "noop"]

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


@endpoint("POST")
async def io_create(request: HttpRequest) -> HttpResponse:
    row = new_row(read_new_post(request))
    async with connection_for(request) as connection:
        await connection.execute(INSERT_POST, *row.values())
    return JSONResponse(row)


@endpoint("GET")
async def io_read(request: HttpRequest) -> HttpResponse:
    async with connection_for(request) as connection:
        posts = await connection.fetch(FIRST_POSTS)
        count = await connection.fetchval(COUNT_POSTS)
    return JSONResponse({"ct": count, "posts": [dict(post) for post in posts]})


@endpoint("GET")
async def io_fanout(request: HttpRequest) -> HttpResponse:
    ids = read_ids(request)
    posts = await asyncio.gather(*(read_post(request, post_id) for post_id in ids))
    return JSONResponse({"posts": posts})


async def read_post(request: HttpRequest, post_id: UUID) -> dict[str, Any] | None:
    # Each read borrows one connection and waits for no second: so none waits in a circle.
    async with connection_for(request) as connection:
        post = await connection.fetchrow(POST_BY_ID, post_id)
    return None if post is None else dict(post)


@asynccontextmanager
async def connection_for(request: HttpRequest) -> AsyncIterator[PoolConnectionProxy]:
    """Borrow a connection; whatever fails is what Django's ORM would raise."""
    try:
        pool = request.scope["state"]["pool"]
        async with pool.acquire(timeout=settings.POOL_TIMEOUT) as connection:
            yield connection
    except FAILURES as exc:
        raise OperationalError(repr(exc)) from exc


@asynccontextmanager
async def lifespan() -> AsyncIterator[dict[str, Any]]:
    """Open every connection of the pool before the first request, and close them at the end."""
    async with asyncpg.create_pool(
        settings.DATABASE_URL,
        min_size=settings.POOL_SIZE,
        max_size=settings.POOL_SIZE,
        reset=_keep_as_it_is,
        # By default asyncpg replaces a connection after 50,000 queries or 300 idle seconds, and
        # prepares a cached statement anew every 300 s. Four fixed statements need none of it.
        max_queries=2**63 - 1,
        max_inactive_connection_lifetime=0,
        max_cached_statement_lifetime=0,
    ) as pool:
        yield {"pool": pool}


async def _keep_as_it_is(connection: asyncpg.Connection) -> None:
    """Send nothing when a connection is released.

    asyncpg would otherwise send `pg_advisory_unlock_all`, `CLOSE ALL`, `UNLISTEN *` and
    `RESET ALL`: a round trip per request, to undo session state that no statement here makes.
    """

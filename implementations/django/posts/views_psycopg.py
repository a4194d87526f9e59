"""Async views on psycopg's own async pool, with SQL by hand.

The other endpoints are those of the async views.
"""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import psycopg
from django.conf import settings
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from posts.endpoint import endpoint
from posts.forms import read_ids, read_new_post
from posts.responses import JSONResponse
from posts.rows import new_row
from posts.views_async import cpu, health, io_wait, noop

__all__ = ["cpu", "health", "io_create", "io_fanout", "io_read", "io_wait", "lifespan", "noop"]

INSERT_POST = """
    INSERT INTO post (id, title, content, created_at, updated_at) VALUES (%s, %s, %s, %s, %s)
"""
FIRST_POSTS = """
    SELECT id, title, content, created_at, updated_at FROM post ORDER BY id LIMIT 25
"""
COUNT_POSTS = "SELECT count(*) FROM post"
POST_BY_ID = "SELECT id, title, content, created_at, updated_at FROM post WHERE id = %s"


@endpoint("POST")
async def io_create(request: HttpRequest) -> HttpResponse:
    row = new_row(read_new_post(request))
    async with connection_for(request) as connection:
        await connection.execute(INSERT_POST, tuple(row.values()))
    return JSONResponse(row)


@endpoint("GET")
async def io_read(request: HttpRequest) -> HttpResponse:
    async with connection_for(request) as connection:
        cursor = connection.cursor(row_factory=dict_row)
        posts = await (await cursor.execute(FIRST_POSTS)).fetchall()
        (count,) = await (await connection.execute(COUNT_POSTS)).fetchone()
    return JSONResponse({"ct": count, "posts": posts})


@endpoint("GET")
async def io_fanout(request: HttpRequest) -> HttpResponse:
    ids = read_ids(request)
    posts = await asyncio.gather(*(read_post(request, post_id) for post_id in ids))
    return JSONResponse({"posts": posts})


async def read_post(request: HttpRequest, post_id: UUID) -> dict[str, Any] | None:
    # Each read borrows one connection and waits for no second: so none waits in a circle.
    async with connection_for(request) as connection:
        cursor = connection.cursor(row_factory=dict_row)
        return await (await cursor.execute(POST_BY_ID, (post_id,))).fetchone()


@asynccontextmanager
async def connection_for(request: HttpRequest) -> AsyncIterator[psycopg.AsyncConnection]:
    """Borrow a connection; whatever fails is what Django's ORM would raise."""
    # What the server reports or libpq notices is a psycopg.Error; so is the pool's PoolTimeout.
    try:
        async with request.scope["state"]["pool"].connection() as connection:
            yield connection
    except psycopg.Error as exc:
        raise OperationalError(repr(exc)) from exc


@asynccontextmanager
async def lifespan() -> AsyncIterator[dict[str, Any]]:
    """Open every connection of the pool before the first request, and close them at the end."""
    pool = AsyncConnectionPool(
        settings.DATABASE_URL,
        kwargs={
            # One statement is a transaction of its own: no BEGIN, no COMMIT.
            "autocommit": True,
            # Prepare a statement when it is first seen, not after five executions.
            "prepare_threshold": 0,
            "connect_timeout": math.ceil(settings.POOL_TIMEOUT),
        },
        open=False,
        min_size=settings.POOL_SIZE,
        max_size=settings.POOL_SIZE,
        timeout=settings.POOL_TIMEOUT,
        # By default a connection is replaced after an hour.
        max_lifetime=math.inf,
        # As for Django's own pool, and for the same reason; see config/settings.py.
        reconnect_timeout=5,
    )
    await pool.open(wait=True)
    try:
        yield {"pool": pool}
    finally:
        await pool.close()

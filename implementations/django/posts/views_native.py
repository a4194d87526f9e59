"""Async views on django-async-backend: Django's ORM on psycopg's async connection, without threads.

The package gives every model a second manager, `async_objects`. The other endpoints are those of
the async views.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django_async_backend.db import async_connections

from posts.endpoint import endpoint
from posts.forms import read_ids, read_new_post
from posts.models import Post
from posts.responses import JSONResponse
from posts.views_async import cpu, health, io_wait, noop

__all__ = ["cpu", "health", "io_create", "io_fanout", "io_read", "io_wait", "lifespan", "noop"]


@endpoint("POST")
async def io_create(request: HttpRequest) -> HttpResponse:
    new = read_new_post(request)
    now = timezone.now()
    async with native_connection():
        post = await Post.async_objects.acreate(
            title=new.title, content=new.content, created_at=now, updated_at=now
        )
    return JSONResponse(post.as_dict())


@endpoint("GET")
async def io_read(request: HttpRequest) -> HttpResponse:
    async with native_connection():
        posts = [post.as_dict() async for post in Post.async_objects.order_by("id")[:25]]
        count = await Post.async_objects.acount()
    return JSONResponse({"ct": count, "posts": posts})


@endpoint("GET")
async def io_fanout(request: HttpRequest) -> HttpResponse:
    posts = await asyncio.gather(*(read_post(post_id) for post_id in read_ids(request)))
    return JSONResponse({"posts": posts})


@asynccontextmanager
async def lifespan() -> AsyncIterator[dict[str, Any]]:
    """Fill the pool, which is one for all tasks, though each has a wrapper of its own."""
    connection = async_connections[DEFAULT_DB_ALIAS]
    await connection.pool.open(wait=True)
    try:
        yield {}
    finally:
        await connection.close_pool()


def native_connection() -> AbstractAsyncContextManager[None]:
    """Surround the queries of a view.

    Where the package's receiver of `request_finished` gives the connection back, this is an empty
    block; see ASYNC_BACKEND_DISABLE_REQUEST_SIGNALS in config/settings.py.
    """
    given_back = not settings.ASYNC_BACKEND_DISABLE_REQUEST_SIGNALS
    return nullcontext() if given_back else _closed_at_the_end()


@asynccontextmanager
async def _closed_at_the_end() -> AsyncIterator[None]:
    try:
        yield
    finally:
        connection = async_connections[DEFAULT_DB_ALIAS]
        # Out of this context, too: uvicorn starts a pipelined request in a copy of it, and the
        # wrapper refuses to serve a second task.
        del async_connections[DEFAULT_DB_ALIAS]
        # Shielded, as asyncpg's pool does by itself: Django cancels a request whose client has
        # left, and psycopg's pool loses a connection whose return is cancelled.
        await asyncio.shield(connection.close())


async def read_post(post_id: UUID) -> dict[str, Any] | None:
    """Read in a task that the view has started, on a connection of its own.

    The task has a copy of the request's context, but a wrapper serves one task only. Nor would
    anybody else give this connection back, in whatever life cycle: what is set in a copy is not
    seen in the request's own context. The package's `async_new_connection` would see to both, but
    gives the connection back in a task that is cancelled with this one. A task holds one connection
    and waits for no other, so tasks that find the pool empty wait in no circle.
    """
    async_connections[DEFAULT_DB_ALIAS] = async_connections.create_connection(DEFAULT_DB_ALIAS)
    async with _closed_at_the_end():
        try:
            post = await Post.async_objects.aget(pk=post_id)
        except Post.DoesNotExist:
            return None
    return post.as_dict()

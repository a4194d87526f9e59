"""Giving a connection back where the life cycle does not."""

from asyncio import CancelledError
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections

from config.threads import request_thread


def _close() -> None:
    """In the thread that has the connection."""
    connections.close_all()
    if settings.WRAPPER == "per-request":
        del connections[DEFAULT_DB_ALIAS]


close_connections = sync_to_async(_close)


def bridged_connection() -> AbstractAsyncContextManager[None]:
    """Surround the queries of a view on Django's async ORM.

    Under Django's own life cycle `request_finished` gives the connection back, and this is an empty
    block. The zero-hop life cycle has no thread to do it in; see config/lifecycle.py.
    """
    if settings.THREADS == "event-loop":
        # On this thread Django keeps connections in context variables. A task that the view starts
        # copies them: it finds this wrapper, and shares it with the request. One that it made for
        # itself would be seen by nobody else, and its connection never be given back.
        _ = connections[DEFAULT_DB_ALIAS]
    return nullcontext() if settings.LIFECYCLE == "stock" else _closed_at_the_end()


@asynccontextmanager
async def _closed_at_the_end() -> AsyncIterator[None]:
    async with request_thread():
        try:
            yield
        finally:
            # One more hop, to the thread that has the connection; behind a cancelled query, if any.
            try:
                await close_connections()
            except CancelledError:
                # The client left just now. A hop that is cancelled before the thread has begun is
                # never made, so it is made again: a client leaves only once.
                await close_connections()
                raise

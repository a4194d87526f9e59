"""A bridge of length zero: `sync_to_async` calls the function where it is.

Same views, same ORM, same driver, same life cycle as with threads; only the crossing is missing.
That makes it the measure of the crossing, at one request at a time. It is nothing to deploy: every
query holds up the event loop, and with it all other requests.
"""

import asyncio
import os
from typing import Any

from asgiref.sync import SyncToAsync
from django.conf import settings

from config.handlers import ASGIHandler
from config.lifespan import Receive, Scope, Send


async def call_here(self: SyncToAsync[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Stand in for `SyncToAsync.__call__`, thread-sensitive or not."""
    return self.func(*args, **kwargs)


class InlineASGIHandler(ASGIHandler):
    """Django's own life cycle on the inline bridge, for at most POOL_SIZE requests at once.

    On the event loop's thread Django keeps its connections in context variables, so a request,
    which is a task, has its own, from its first query until its response is closed. In between it
    lets other tasks run. A request that then found the pool empty would block the thread on which
    alone a connection can come back, until it times out. Here no request begins before one of
    POOL_SIZE others has closed its response, so none finds the pool empty.
    """

    def __init__(self) -> None:
        super().__init__()
        SyncToAsync.__call__ = call_here
        # Django refuses to query from a thread that runs an event loop, unless told otherwise.
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
        self._places = asyncio.Semaphore(settings.POOL_SIZE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._places:
            await super().__call__(scope, receive, send)

"""Threads that outlive a request, for `sync_to_async` to hop to.

By default asgiref starts a thread for every request that hops, and another to join it. Since 3.13
`ThreadSensitiveContext(executor=...)` takes an executor instead, and leaves it running: whoever
brings one owns it. It must have one thread, because a request's sync code counts on a thread of its
own: Django keeps its connections in thread-local storage.
"""

from asyncio import LifoQueue
from collections.abc import AsyncIterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import cache

from asgiref.sync import ThreadSensitiveContext
from django.conf import settings
from django.db import connections

from config.handlers import ASGIHandler
from config.lifespan import Receive, Scope, Send


class ReusedThreads:
    """Executors of one thread each; a request borrows one, alone, for as long as it likes.

    With more requests than threads the rest wait in line, oldest first, and hold nothing while they
    wait: no thread, no connection. A borrower never borrows a second thread, nor waits for another
    borrower. So there is no circle to wait in.
    """

    def __init__(self, size: int) -> None:
        # Last in, first out: the thread that was used last has its caches warm.
        self._idle: LifoQueue[Executor] = LifoQueue()
        for number in range(size):
            executor = ThreadPoolExecutor(1, f"reused-{number}")
            executor.submit(int).result()  # an executor starts its thread at the first call
            self._idle.put_nowait(executor)

    @asynccontextmanager
    async def borrow(self) -> AsyncIterator[None]:
        """Make one of the threads the one that thread-sensitive calls go to."""
        executor = await self._idle.get()
        try:
            async with ThreadSensitiveContext(executor=executor):
                yield
        except BaseException:
            # A cancelled call may still run in the thread, and nobody may have closed what it
            # opened. This waits in the thread's own queue: behind that call, and before the first
            # one of the next borrower, who therefore never meets another request's connection.
            executor.submit(connections.close_all)
            raise
        finally:
            self._idle.put_nowait(executor)


@cache
def reused_threads() -> ReusedThreads:
    """The threads of this worker, as many as its connections."""
    return ReusedThreads(settings.POOL_SIZE)


def request_thread() -> AbstractAsyncContextManager[None]:
    """Have a thread for `sync_to_async`, for as long as the block takes.

    With a thread per request there is nothing to do: the handler's `ThreadSensitiveContext` starts
    it at the first hop, and ends it with the request.
    """
    return reused_threads().borrow() if settings.THREADS == "reused" else nullcontext()


class ReusedThreadsASGIHandler(ASGIHandler):
    """Django's own life cycle, on a borrowed thread where `ASGIHandler` would start one.

    The life cycle hops in every request, and its last hop returns the connection: so the thread is
    borrowed for all of it, from reading the body to closing the response.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)  # which refuses it
            return
        async with request_thread():
            await self.handle(scope, receive, send)

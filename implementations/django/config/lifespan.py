"""ASGI's lifespan, which Django does not speak: what must be open before the first request."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Lifespan = Callable[[], AbstractAsyncContextManager[dict[str, Any]]]


def with_lifespan(application: Application, lifespan: Lifespan) -> Application:
    """Keep `lifespan` open as long as the worker lives.

    The server does not listen before it is open, and hands what it yields to every request, as
    `request.scope["state"]`.
    """

    async def with_state(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(lifespan, scope["state"], receive, send)
        else:
            await application(scope, receive, send)

    return with_state


async def _live(lifespan: Lifespan, state: dict[str, Any], receive: Receive, send: Send) -> None:
    await receive()  # lifespan.startup
    async with AsyncExitStack() as stack:
        try:
            state.update(await stack.enter_async_context(lifespan()))
        except Exception as exc:  # whatever it is, the worker must not serve without its pool
            sentence = f"bridgetoll-django: the pool could not be opened: {exc!r}."
            await send({"type": "lifespan.startup.failed", "message": sentence})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()  # lifespan.shutdown
    await send({"type": "lifespan.shutdown.complete"})

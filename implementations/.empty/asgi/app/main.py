"""The application: seven endpoints, of which only `/health` is written.

Put your framework in place of this module. The others can stay: `settings.py`, `posts.py` with SQL
and pool, and `forms.py`. Every error is `{"error": "<one sentence>"}`.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from .posts import open_posts
from .settings import settings

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Answer = tuple[int, dict[str, Any]]


async def health(scope: Scope) -> Answer:
    """`GET /health`: the pool is open, because the server listens only then."""
    return 200, {"status": "ok"}


async def noop(scope: Scope) -> Answer:
    """`GET /noop`: an empty object."""
    return not_written("noop")


async def cpu(scope: Scope) -> Answer:
    """`GET /cpu`: `ct`, the sum of i * i for i in range(CPU_ITERATIONS), by a plain loop.

    It has more than 64 bits, which orjson takes as `orjson.Fragment(str(ct))`.
    """
    return not_written("cpu")


async def io_create(scope: Scope) -> Answer:
    """`POST /io_create`: insert the post of the form, and answer it; 413 over 65,536 bytes."""
    return not_written("io_create")


async def io_read(scope: Scope) -> Answer:
    """`GET /io_read`: `ct`, the count of all posts, and `posts`, the first 25."""
    return not_written("io_read")


async def io_fanout(scope: Scope) -> Answer:
    """`GET /io_fanout?ids=`: `posts`, the post of each of five ids, or null."""
    return not_written("io_fanout")


async def io_wait(scope: Scope) -> Answer:
    """`GET /io_wait`: wait WAIT_MS milliseconds, and answer them as `waited_ms`."""
    return not_written("io_wait")


def not_written(what: str) -> Answer:
    return 501, {"error": f"app/main.py: {what} is not written yet"}


ENDPOINTS = {
    "/health": health,
    "/noop": noop,
    "/cpu": cpu,
    "/io_create": io_create,
    "/io_read": io_read,
    "/io_fanout": io_fanout,
    "/io_wait": io_wait,
}


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await live(scope, receive, send)
        return
    endpoint = ENDPOINTS.get(scope["path"])
    if endpoint is None:  # 404, and 405 for a wrong method
        status, body = not_written(f"the answer to {scope['method']} {scope['path']}")
    else:
        status, body = await endpoint(scope)
    content = orjson.dumps(body)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


async def live(scope: Scope, receive: Receive, send: Send) -> None:
    """Open the pool before the server listens, and close it at the end."""
    await receive()
    try:
        async with open_posts(settings) as posts:
            scope["state"]["posts"] = posts  # the server hands it to every request
            await send({"type": "lifespan.startup.complete"})
            await receive()
    except Exception as error:
        await send({"type": "lifespan.startup.failed", "message": repr(error)})
        raise
    await send({"type": "lifespan.shutdown.complete"})

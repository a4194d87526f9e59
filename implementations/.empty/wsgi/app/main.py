"""The application: seven endpoints, of which only `/health` is written.

Put your framework in place of this module. The others can stay: `settings.py`, `posts.py` with SQL
and pool, and `forms.py`. Every error is `{"error": "<one sentence>"}`.
"""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

import orjson

from .posts import open_posts
from .settings import settings

Environ = dict[str, Any]
Answer = tuple[int, dict[str, Any]]

posts = open_posts(settings)  # each worker imports this module after the fork


def health(environ: Environ) -> Answer:
    """`GET /health`: the pool is open, because the worker serves only then."""
    return 200, {"status": "ok"}


def noop(environ: Environ) -> Answer:
    """`GET /noop`: an empty object."""
    return not_written("noop")


def cpu(environ: Environ) -> Answer:
    """`GET /cpu`: `ct`, the sum of i * i for i in range(CPU_ITERATIONS), by a plain loop.

    It has more than 64 bits, which orjson takes as `orjson.Fragment(str(ct))`.
    """
    return not_written("cpu")


def io_create(environ: Environ) -> Answer:
    """`POST /io_create`: insert the post of the form, and answer it; 413 over 65,536 bytes."""
    return not_written("io_create")


def io_read(environ: Environ) -> Answer:
    """`GET /io_read`: `ct`, the count of all posts, and `posts`, the first 25."""
    return not_written("io_read")


def io_fanout(environ: Environ) -> Answer:
    """`GET /io_fanout?ids=`: `posts`, the post of each of five ids, or null."""
    return not_written("io_fanout")


def io_wait(environ: Environ) -> Answer:
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


def app(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
    endpoint = ENDPOINTS.get(environ["PATH_INFO"])
    if endpoint is None:  # 404, and 405 for a wrong method
        what = f"the answer to {environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
        status, body = not_written(what)
    else:
        status, body = endpoint(environ)
    content = orjson.dumps(body)
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(content)))]
    start_response(f"{status} {HTTPStatus(status).phrase}", headers)
    return [content]

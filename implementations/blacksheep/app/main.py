"""The application: its endpoints, its life cycle, and every error in one shape."""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import lru_cache, partial
from typing import Any
from urllib.parse import unquote_to_bytes

import orjson
from blacksheep import Application, Content, Request, Response, Router
from blacksheep.exceptions import HTTPException
from blacksheep.server.routing import RouteMatch

from app import settings
from app.forms import read_ids, read_new_post
from app.posts import FAILURES, Posts, open_posts

dumps = partial(orjson.dumps, default=str)  # asyncpg's UUID


def json(
    content: Any, status: int = 200, headers: list[tuple[bytes, bytes]] | None = None
) -> Response:
    """BlackSheep's own json() encodes to a `str` first."""
    return Response(status, headers, Content(b"application/json", dumps(content)))


class ExactRouter(Router):
    """A router that compares decoded paths; BlackSheep's ignores case, and does not decode."""

    @lru_cache(maxsize=1_200)  # noqa: B019
    def get_match_by_method_and_path(self, method: str, path: bytes) -> RouteMatch:
        path = unquote_to_bytes(path)
        match = super().get_match_by_method_and_path(method, path)
        return match if match.pattern == path else RouteMatch(self.fallback, None)


app = Application(router=ExactRouter())


def get(path: str) -> Callable:
    """Route GET and HEAD, which BlackSheep leaves to the application."""
    return app.router.route(path, methods=["GET", "HEAD"])


@app.lifespan
async def open_pool(app: Application) -> AsyncIterator[None]:
    """Open the pool before the server listens, so no request pays for a connection."""
    async with open_posts() as posts:
        app.services.register(Posts, instance=posts)
        yield


@get("/health")
async def health(request: Request) -> Response:
    return json({"status": "ok"})


@get("/noop")
async def noop(request: Request) -> Response:
    return json({})


@get("/cpu")
async def cpu(request: Request) -> Response:
    """Compute on the event loop, as the published experiment does: nothing else runs meanwhile."""
    ct = 0
    for i in range(settings.CPU_ITERATIONS):
        ct += i * i
    return json({"ct": orjson.Fragment(str(ct))})  # orjson refuses more than 64 bits


@app.router.post("/io_create")
async def io_create(request: Request, posts: Posts) -> Response:
    return json(await posts.create(**await read_new_post(request)))


@get("/io_read")
async def io_read(posts: Posts) -> Response:
    count, first = await posts.read()
    return json({"ct": count, "posts": first})


@get("/io_fanout")
async def io_fanout(request: Request, posts: Posts) -> Response:
    return json({"posts": await posts.read_each(read_ids(request))})


@get("/io_wait")
async def io_wait(request: Request) -> Response:
    await asyncio.sleep(settings.WAIT_MS / 1000)
    return json({"waited_ms": settings.WAIT_MS})


async def answer_no_route(request: Request) -> Response:
    """Answer 404, or 405 if another method has the path: BlackSheep does not tell them apart."""
    allowed = [
        method
        for method in ("GET", "HEAD", "POST")
        if app.router.get_match_by_method_and_path(method, request.url.path).pattern != b"*"
    ]
    if not allowed:
        return json({"error": "there is nothing at this path"}, 404)
    allow = ", ".join(allowed).encode()
    return json({"error": f"this path does not answer {request.method}"}, 405, [(b"Allow", allow)])


app.router.fallback = answer_no_route


async def answer_http_error(app: Application, request: Request, error: HTTPException) -> Response:
    return json({"error": str(error)}, error.status)


async def answer_database_failure(app: Application, request: Request, error: Exception) -> Response:
    app.logger.warning("%s: the database failed: %r", request.path, error)
    return json({"error": "the database cannot serve this request"}, 503)


async def answer_failure(app: Application, request: Request, error: Exception) -> Response:
    """BlackSheep has logged the exception."""
    return json({"error": "the server failed"}, 500)


app.exceptions_handlers.update(
    {
        400: answer_http_error,
        413: answer_http_error,
        500: answer_failure,
        **dict.fromkeys(FAILURES, answer_database_failure),
    }
)

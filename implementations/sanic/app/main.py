"""The application: its endpoints, its life cycle, and every error in one shape."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import Any
from urllib.parse import unquote

import orjson
from sanic import HTTPResponse, Request, Sanic, json
from sanic.exceptions import SanicException
from sanic.log import logger
from sanic.router import Router

from app import settings
from app.forms import read_ids, read_new_post
from app.posts import FAILURES, open_posts


class DecodingRouter(Router):
    """A router that knows `/no%6Fp`; Sanic's compares paths as they were sent."""

    def get(self, path: str, method: str, host: str | None) -> Any:
        return super().get(unquote(path) if "%" in path else path, method, host)


app = Sanic(
    "bridgetoll",
    strict_slashes=True,
    router=DecodingRouter(),
    dumps=partial(orjson.dumps, default=str),  # asyncpg's UUID
)
app.config.update(
    ACCESS_LOG=False,
    REQUEST_MAX_SIZE=65_536,
    KEEP_ALIVE_TIMEOUT=3_600,  # as every server of this suite: idle connections stay
    RESPONSE_TIMEOUT=180,  # likewise: a long queue for `/cpu` is slow, not dead
)


def get(path: str) -> Callable:
    """Route GET and HEAD, which Sanic leaves to the application."""
    return app.route(path, methods=["GET", "HEAD"])


@app.main_process_start
async def set_backlog(app: Sanic) -> None:
    """Let ten thousand connections wait to be accepted; Sanic's command has no option for it."""
    for server in app.state.server_info:
        server.settings["backlog"] = 16_384


@app.before_server_start
async def open_pool(app: Sanic) -> None:
    """Open the pool before the worker listens, so no request pays for a connection."""
    app.ctx.stack = AsyncExitStack()
    app.ctx.posts = await app.ctx.stack.enter_async_context(open_posts())


@app.after_server_stop
async def close_pool(app: Sanic) -> None:
    await app.ctx.stack.aclose()


@get("/health")
async def health(request: Request) -> HTTPResponse:
    return json({"status": "ok"})


@get("/noop")
async def noop(request: Request) -> HTTPResponse:
    return json({})


@get("/cpu")
async def cpu(request: Request) -> HTTPResponse:
    """Compute on the event loop, as the published experiment does: nothing else runs meanwhile."""
    ct = 0
    for i in range(settings.CPU_ITERATIONS):
        ct += i * i
    return json({"ct": orjson.Fragment(str(ct))})  # orjson refuses more than 64 bits


@app.post("/io_create")
async def io_create(request: Request) -> HTTPResponse:
    return json(await request.app.ctx.posts.create(**read_new_post(request)))


@get("/io_read")
async def io_read(request: Request) -> HTTPResponse:
    count, posts = await request.app.ctx.posts.read()
    return json({"ct": count, "posts": posts})


@get("/io_fanout")
async def io_fanout(request: Request) -> HTTPResponse:
    return json({"posts": await request.app.ctx.posts.read_each(read_ids(request))})


@get("/io_wait")
async def io_wait(request: Request) -> HTTPResponse:
    await asyncio.sleep(settings.WAIT_MS / 1000)
    return json({"waited_ms": settings.WAIT_MS})


@app.exception(SanicException)
async def answer_http_error(request: Request, error: SanicException) -> HTTPResponse:
    return json({"error": str(error)}, status=error.status_code, headers=error.headers)


@app.exception(*FAILURES)
async def answer_database_failure(request: Request, error: Exception) -> HTTPResponse:
    logger.warning("%s: the database failed: %r", request.path, error)
    return json({"error": "the database cannot serve this request"}, status=503)


@app.exception(Exception)
async def answer_failure(request: Request, error: Exception) -> HTTPResponse:
    logger.error("%s failed", request.path, exc_info=error)
    return json({"error": "the server failed"}, status=500)

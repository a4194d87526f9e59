"""Asynchronous resources, on asyncpg's pool of connections."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import orjson
from falcon.asgi import App, Request, Response

from app import settings
from app.forms import MAX_BODY, configure, database_failure, read_ids, read_new_post
from app.via_asyncpg import FAILURES, Posts, open_posts


class Application(App):
    """An application that answers a request line without a version.

    uvicorn passes it on as HTTP/0.9, at which Falcon raises an exception.
    """

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope.get("http_version") == "0.9":
            scope = {**scope, "http_version": "1.0"}
        await super().__call__(scope, receive, send)


class Endpoint:
    """A resource that answers HEAD as it answers GET."""

    async def on_head(self, req: Request, resp: Response) -> None:
        await self.on_get(req, resp)


class Health(Endpoint):
    async def on_get(self, req: Request, resp: Response) -> None:
        resp.media = {"status": "ok"}


class Noop(Endpoint):
    async def on_get(self, req: Request, resp: Response) -> None:
        resp.media = {}


class Cpu(Endpoint):
    async def on_get(self, req: Request, resp: Response) -> None:
        """Compute on the event loop, as the published experiment does."""
        ct = 0
        for i in range(settings.CPU_ITERATIONS):
            ct += i * i
        resp.media = {"ct": orjson.Fragment(str(ct))}  # orjson refuses more than 64 bits


class Create:
    def __init__(self, pool: "Pool") -> None:
        self._pool = pool

    async def on_post(self, req: Request, resp: Response) -> None:
        body = await req.stream.read(MAX_BODY + 1)
        resp.media = await self._pool.posts.create(**read_new_post(req.content_type, body))


class Read(Endpoint):
    def __init__(self, pool: "Pool") -> None:
        self._pool = pool

    async def on_get(self, req: Request, resp: Response) -> None:
        count, posts = await self._pool.posts.read()
        resp.media = {"ct": count, "posts": posts}


class Fanout(Endpoint):
    def __init__(self, pool: "Pool") -> None:
        self._pool = pool

    async def on_get(self, req: Request, resp: Response) -> None:
        resp.media = {"posts": await self._pool.posts.read_each(read_ids(req))}


class Wait(Endpoint):
    async def on_get(self, req: Request, resp: Response) -> None:
        await asyncio.sleep(settings.WAIT_MS / 1000)
        resp.media = {"waited_ms": settings.WAIT_MS}


class Pool:
    """Middleware with the life cycle's events: opens the pool before the server listens."""

    posts: Posts

    def __init__(self) -> None:
        self._stack = AsyncExitStack()

    async def process_startup(self, scope: dict[str, Any], event: dict[str, Any]) -> None:
        self.posts = await self._stack.enter_async_context(open_posts())

    async def process_shutdown(self, scope: dict[str, Any], event: dict[str, Any]) -> None:
        await self._stack.aclose()


async def answer_database_failure(
    req: Request, resp: Response, error: Exception, params: dict[str, Any]
) -> None:
    raise database_failure(req, error)


pool = Pool()
app = Application(middleware=[pool])
configure(app, FAILURES, answer_database_failure)
app.add_route("/health", Health())
app.add_route("/noop", Noop())
app.add_route("/cpu", Cpu())
app.add_route("/io_create", Create(pool))
app.add_route("/io_read", Read(pool))
app.add_route("/io_fanout", Fanout(pool))
app.add_route("/io_wait", Wait())

"""The seven endpoints."""

import asyncio

from aiohttp import web

from .forms import read_ids, read_new_post
from .posts import Posts, new_post
from .responses import big_integer, json_response
from .settings import Settings

SETTINGS = web.AppKey("SETTINGS", Settings)
POSTS = web.AppKey("POSTS", Posts)

routes = web.RouteTableDef()


@routes.get("/health")
async def health(_request: web.Request) -> web.Response:
    """Say that the worker is ready: it listens only after the pool has been opened."""
    return json_response({"status": "ok"})


@routes.get("/noop")
async def noop(_request: web.Request) -> web.Response:
    return json_response({})


@routes.get("/cpu")
async def cpu(request: web.Request) -> web.Response:
    """Compute on the event loop, and so block it: that is what this endpoint measures."""
    ct = 0
    for i in range(request.app[SETTINGS].cpu_iterations):
        ct += i * i
    return json_response({"ct": big_integer(ct)})


@routes.post("/io_create")
async def io_create(request: web.Request) -> web.Response:
    post = new_post(**await read_new_post(request))
    await request.app[POSTS].add(post)
    return json_response(post)


@routes.get("/io_read")
async def io_read(request: web.Request) -> web.Response:
    ct, posts = await request.app[POSTS].first_page()
    return json_response({"ct": ct, "posts": posts})


@routes.get("/io_fanout")
async def io_fanout(request: web.Request) -> web.Response:
    ids = read_ids(request)
    return json_response({"posts": await request.app[POSTS].each(ids)})


@routes.get("/io_wait")
async def io_wait(request: web.Request) -> web.Response:
    wait_ms = request.app[SETTINGS].wait_ms
    await asyncio.sleep(wait_ms / 1000)
    return json_response({"waited_ms": wait_ms})

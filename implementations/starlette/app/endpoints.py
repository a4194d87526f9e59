"""The seven endpoints, and their paths."""

import asyncio
from typing import TypedDict

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.forms import check_form
from app.limits import BodyLimit
from app.posts import Posts, new_post, post_ids
from app.responses import OrjsonResponse, big_integer
from app.settings import settings

MAX_BODY_BYTES = 65_536


class State(TypedDict):
    """What lives as long as the worker; the server hands it to every request."""

    posts: Posts


async def health(request: Request) -> Response:
    return OrjsonResponse({"status": "ok"})


async def noop(request: Request) -> Response:
    return OrjsonResponse({})


async def cpu(request: Request) -> Response:
    """Compute on the event loop, as the published experiment does: nothing else runs meanwhile."""
    ct = 0
    for i in range(settings.cpu_iterations):
        ct += i * i
    return OrjsonResponse({"ct": big_integer(ct)})


async def io_create(request: Request[State]) -> Response:
    # form() would not read, and so not measure, a body that is not a form.
    check_form(request.headers.get("content-type"), await request.body())
    async with request.form() as form:
        post = new_post(form)
    await request.state["posts"].create(post)
    return OrjsonResponse(post)


async def io_read(request: Request[State]) -> Response:
    count, posts = await request.state["posts"].read()
    return OrjsonResponse({"ct": count, "posts": posts})


async def io_fanout(request: Request[State]) -> Response:
    ids = post_ids(request.query_params)
    return OrjsonResponse({"posts": await request.state["posts"].read_each(ids)})


async def io_wait(request: Request) -> Response:
    await asyncio.sleep(settings.wait_ms / 1000)
    return OrjsonResponse({"waited_ms": settings.wait_ms})


ROUTES = [
    Route("/health", health),
    Route("/noop", noop),
    Route("/cpu", cpu),
    Route(
        "/io_create",
        io_create,
        methods=["POST"],
        middleware=[Middleware(BodyLimit, most=MAX_BODY_BYTES)],
    ),
    Route("/io_read", io_read),
    Route("/io_fanout", io_fanout),
    Route("/io_wait", io_wait),
]

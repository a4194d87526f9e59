"""The application: its endpoints, its life cycle, and every error in one shape."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec
from litestar import Litestar, Request, Response, get, post
from litestar.datastructures import State
from litestar.di import Provide
from litestar.enums import RequestEncodingType
from litestar.exceptions import ClientException, HTTPException
from litestar.types import ASGIApp, Receive, Scope, Send

from app import settings
from app.posts import FAILURES, open_posts
from app.schemas import Cpu, Fanout, Health, NewPost, Noop, Page, Post, Waited

MAX_BODY, MAX_FIELDS, FANOUT = 65_536, 1_000, 5
logger = logging.getLogger(__name__)


@get("/health")
async def health() -> Health:
    return Health()


@get("/noop")
async def noop() -> Noop:
    return Noop()


@get("/cpu")
async def cpu() -> Cpu:
    """Compute on the event loop, as the published experiment does: nothing else runs meanwhile."""
    ct = 0
    for i in range(settings.CPU_ITERATIONS):
        ct += i * i
    return Cpu(msgspec.Raw(str(ct).encode()))


async def read_form(request: Request) -> NewPost:
    """Decode the form strictly, and validate it.

    `Body(media_type=RequestEncodingType.URL_ENCODED)` would decode any Content-Type, repair what
    is not UTF-8, and make a list of a field that comes twice, of which the contract takes the last.
    """
    body = await request.body()
    media_type, options = request.content_type
    charset = options.get("charset", "utf-8")
    if (media_type.lower(), charset.lower()) != (RequestEncodingType.URL_ENCODED, "utf-8"):
        raise ClientException("the body must be a form in UTF-8")
    try:
        fields = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS
        )
    except ValueError:
        raise ClientException(
            f"the form must be percent-encoded UTF-8 of at most {MAX_FIELDS:,} fields"
        ) from None
    return msgspec.convert(dict(fields), NewPost)


@post("/io_create", status_code=200, dependencies={"new_post": Provide(read_form)})
async def io_create(new_post: NewPost, state: State) -> Post:
    return await state.posts.create(new_post)


@get("/io_read")
async def io_read(state: State) -> Page:
    return await state.posts.read()


@get("/io_fanout")
async def io_fanout(ids: str, state: State) -> Fanout:
    try:
        post_ids = [UUID(text) for text in ids.split(",")]
    except ValueError:
        raise ClientException("ids must be UUIDs, separated by commas") from None
    if len(post_ids) != FANOUT:
        raise ClientException(f"ids must be {FANOUT} UUIDs, not {len(post_ids)}")
    return await state.posts.read_each(post_ids)


@get("/io_wait")
async def io_wait() -> Waited:
    await asyncio.sleep(settings.WAIT_MS / 1000)
    return Waited(settings.WAIT_MS)


@asynccontextmanager
async def lifespan(app: Litestar) -> AsyncIterator[None]:
    """Open the pool before the server listens, so no request pays for a connection."""
    async with open_posts() as posts:
        app.state.posts = posts
        yield


def answer_http_error(request: Request, error: HTTPException) -> Response:
    return Response({"error": error.detail}, status_code=error.status_code, headers=error.headers)


def answer_invalid(request: Request, error: msgspec.ValidationError) -> Response:
    return Response({"error": str(error)}, status_code=400)


def answer_database_failure(request: Request, error: Exception) -> Response:
    logger.warning("%s: the database failed: %r", request.url.path, error)
    return Response({"error": "the database cannot serve this request"}, status_code=503)


def answer_failure(request: Request, error: Exception) -> Response:
    logger.error("%s failed", request.url.path, exc_info=error)
    return Response({"error": "the server failed"}, status_code=500)


class HeadAsGet:
    """Answers HEAD as GET, whose body the server leaves out.

    Litestar's get() does not, and a handler for both methods may not return anything to HEAD.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}
        await self.app(scope, receive, send)


litestar = Litestar(
    [health, noop, cpu, io_create, io_read, io_fanout, io_wait],
    lifespan=[lifespan],
    request_max_body_size=MAX_BODY,
    exception_handlers={
        HTTPException: answer_http_error,
        msgspec.ValidationError: answer_invalid,
        **dict.fromkeys(FAILURES, answer_database_failure),
        Exception: answer_failure,
    },
    openapi_config=None,
    logging_config=None,
)
app = HeadAsGet(litestar)

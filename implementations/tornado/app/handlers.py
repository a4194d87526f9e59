"""The seven endpoints, and every error in one shape."""

import asyncio
import logging
from functools import partial
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson
from tornado.httputil import HTTPServerRequest, responses
from tornado.web import Application, HTTPError, RequestHandler, stream_request_body

from app import settings
from app.forms import parse_ids, parse_new_post
from app.posts import FAILURES, Posts

MAX_BODY = 65_536
logger = logging.getLogger(__name__)
dumps = partial(orjson.dumps, default=str)  # asyncpg's UUID


class Base(RequestHandler):
    """JSON by orjson, and errors as the contract has them."""

    allow = "GET, HEAD"

    def initialize(self, posts: Posts) -> None:
        self.posts = posts

    def set_default_headers(self) -> None:
        self.set_header("Content-Type", "application/json")

    def compute_etag(self) -> None:
        """Tornado would hash every answer to a GET."""

    def log_exception(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if isinstance(error, FAILURES):
            logger.warning("%s: the database failed: %r", self.request.path, error)
        else:
            super().log_exception(kind, error, traceback)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs.get("exc_info", (None, None))[1]
        sentence = responses.get(status_code, "Unknown Error")
        if isinstance(error, FAILURES):
            self.set_status(503)
            sentence = "the database cannot serve this request"
        elif isinstance(error, HTTPError):
            sentence = error.log_message or sentence
        if status_code == 405:
            self.set_header("Allow", self.allow)
        self.finish(dumps({"error": sentence}))


class Health(Base):
    async def get(self) -> None:
        self.finish(dumps({"status": "ok"}))

    head = get


class Noop(Base):
    async def get(self) -> None:
        self.finish(dumps({}))

    head = get


class Cpu(Base):
    async def get(self) -> None:
        """Compute on the event loop, as the published experiment does."""
        ct = 0
        for i in range(settings.CPU_ITERATIONS):
            ct += i * i
        self.finish(dumps({"ct": orjson.Fragment(str(ct))}))  # orjson refuses more than 64 bits

    head = get


@stream_request_body
class Create(Base):
    """Counts its body itself: `max_body_size` would close the connection without an answer."""

    allow = "POST"

    def prepare(self) -> None:
        self.body = bytearray()
        length = self.request.headers.get("Content-Length", "")
        if self.request.method == "POST" and length.isdecimal():  # Tornado refuses others itself
            self._check(int(length))

    def data_received(self, chunk: bytes) -> None:
        if len(self.body) <= MAX_BODY:
            self.body += chunk

    async def post(self) -> None:
        self._check(len(self.body))
        new = parse_new_post(self.request.headers.get("Content-Type", ""), bytes(self.body))
        self.finish(dumps(await self.posts.create(**new)))

    def _check(self, size: int) -> None:
        if size > MAX_BODY:
            raise HTTPError(413, f"the body must have at most {MAX_BODY:,} bytes")


class Read(Base):
    async def get(self) -> None:
        count, posts = await self.posts.read()
        self.finish(dumps({"ct": count, "posts": posts}))

    head = get


class Fanout(Base):
    async def get(self) -> None:
        ids = parse_ids(self.get_query_argument("ids", "", strip=False))
        self.finish(dumps({"posts": await self.posts.read_each(ids)}))

    head = get


class Wait(Base):
    async def get(self) -> None:
        await asyncio.sleep(settings.WAIT_MS / 1000)
        self.finish(dumps({"waited_ms": settings.WAIT_MS}))

    head = get


class NotFound(Base):
    def prepare(self) -> None:
        raise HTTPError(404)


class App(Application):
    """An application that knows a path by its meaning, not by its spelling."""

    def __init__(self, posts: Posts) -> None:
        endpoints = {
            "/health": Health, "/noop": Noop, "/cpu": Cpu, "/io_create": Create, "/io_read": Read,
            "/io_fanout": Fanout, "/io_wait": Wait,
        }  # fmt: skip
        arguments = {"posts": posts}
        super().__init__(
            [(path, handler, arguments) for path, handler in endpoints.items()],
            default_handler_class=NotFound,
            default_handler_args=arguments,
            log_function=lambda handler: None,
        )

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> Any:
        """Tornado compares the request's target as it was sent: `/no%6Fp`, or a whole URL."""
        if "%" in request.path or not request.path.startswith("/"):
            request.path = unquote(urlsplit(request.path).path)
        return super().find_handler(request, **kwargs)

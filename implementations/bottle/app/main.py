"""The contract in Bottle: one application, its endpoints and its errors."""

import logging
import time
from collections.abc import Callable
from typing import Any

import orjson
from bottle import Bottle, HTTPError, JSONPlugin, request, response

from .forms import MAX_BODY, BadRequest, read_ids, read_new_post
from .posts import DatabaseUnavailable, open_posts
from .settings import settings

logger = logging.getLogger(__name__)
posts = open_posts(settings)  # each worker imports this module after the fork


class Application(Bottle):
    def default_error_handler(self, error: HTTPError) -> bytes:
        """Answer every error in JSON; Bottle's own handler renders a page."""
        response.content_type = "application/json"
        return orjson.dumps({"error": error.body})


def errors(callback: Callable[..., Any]) -> Callable[..., Any]:
    """A plugin: what an endpoint raises becomes an HTTP error."""

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return callback(*args, **kwargs)
        except BadRequest as error:
            raise HTTPError(400, str(error)) from None
        except DatabaseUnavailable as error:
            logger.warning("%s: %s", request.path, error)
            raise HTTPError(503, "the database cannot serve this request") from None

    return wrapper


app = Application()
app.uninstall(JSONPlugin)
app.install(JSONPlugin(json_dumps=orjson.dumps))
app.install(errors)


@app.get("/health")
def health() -> dict[str, Any]:
    """Say that the worker is ready: it has imported this module, and so opened the pool."""
    return {"status": "ok"}


@app.get("/noop")
def noop() -> dict[str, Any]:
    return {}


@app.get("/cpu")
def cpu() -> dict[str, Any]:
    ct = 0
    for i in range(settings.cpu_iterations):
        ct += i * i
    return {"ct": orjson.Fragment(str(ct))}  # orjson refuses integers over 64 bits


@app.post("/io_create")
def io_create() -> dict[str, Any]:
    return posts.add(**read_new_post(request.content_type, read_body()))


@app.get("/io_read")
def io_read() -> dict[str, Any]:
    ct, page = posts.first_page()
    return {"ct": ct, "posts": page}


@app.get("/io_fanout")
def io_fanout() -> dict[str, Any]:
    return {"posts": posts.each(read_ids(request.query.get("ids", "")))}


@app.get("/io_wait")
def io_wait() -> dict[str, Any]:
    time.sleep(settings.wait_ms / 1000)
    return {"waited_ms": settings.wait_ms}


def read_body() -> bytes:
    """Read the body, up to a byte more than is allowed.

    `request.body` would decode chunks that gunicorn has decoded already.
    """
    try:
        body = request.environ["wsgi.input"].read(MAX_BODY + 1)
    except Exception as error:  # of the server, which knows what a malformed chunk is
        raise HTTPError(400, "the body is malformed") from error
    if len(body) > MAX_BODY:
        raise HTTPError(413, f"the body must have at most {MAX_BODY:,} bytes")
    return body

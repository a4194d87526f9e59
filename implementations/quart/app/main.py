"""The application: its endpoints, its life cycle, and every error in one shape."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any, cast

import orjson
from quart import Quart, Response, request
from quart.json.provider import JSONProvider
from quart.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from app import settings
from app.forms import read_ids, read_new_post
from app.posts import FAILURES, Posts, open_posts


class OrjsonProvider(JSONProvider):
    """What a view's dict is encoded with: to bytes, without a detour through `str`."""

    _encode = staticmethod(partial(orjson.dumps, default=str))  # asyncpg's UUID

    def dumps(self, object_: Any, **kwargs: Any) -> str:
        return self._encode(object_).decode()

    def loads(self, object_: str | bytes, **kwargs: Any) -> Any:
        return orjson.loads(object_)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        body = self._encode(self._prepare_response_obj(args, kwargs))
        return self._app.response_class(body, mimetype="application/json")


app = Quart(__name__, static_folder=None)
app.json = OrjsonProvider(app)
app.config["MAX_CONTENT_LENGTH"] = 65_536
app.url_map.merge_slashes = False  # `//noop` is no path of the contract: 404, not a redirect


def posts() -> Posts:
    return cast(Posts, app.extensions["posts"])


@app.while_serving
async def open_pool() -> AsyncIterator[None]:
    """Open the pool before the server listens, so no request pays for a connection."""
    async with open_posts() as opened:
        app.extensions["posts"] = opened
        yield


@app.get("/health")
async def health() -> dict[str, Any]:
    return {"status": "ok"}


@app.get("/noop")
async def noop() -> dict[str, Any]:
    return {}


@app.get("/cpu")
async def cpu() -> dict[str, Any]:
    """Compute on the event loop, as the published experiment does: nothing else runs meanwhile."""
    ct = 0
    for i in range(settings.CPU_ITERATIONS):
        ct += i * i
    return {"ct": orjson.Fragment(str(ct))}  # orjson refuses more than 64 bits


@app.post("/io_create")
async def io_create() -> dict[str, Any]:
    return await posts().create(**await read_new_post(request))


@app.get("/io_read")
async def io_read() -> dict[str, Any]:
    count, first = await posts().read()
    return {"ct": count, "posts": first}


@app.get("/io_fanout")
async def io_fanout() -> dict[str, Any]:
    return {"posts": await posts().read_each(read_ids(request))}


@app.get("/io_wait")
async def io_wait() -> dict[str, Any]:
    await asyncio.sleep(settings.WAIT_MS / 1000)
    return {"waited_ms": settings.WAIT_MS}


@app.errorhandler(HTTPException)
async def answer_http_exception(error: HTTPException) -> ResponseReturnValue:
    """Quart logs an unexpected exception, and wraps it as a 500, which arrives here too."""
    return {"error": error.description}, error.code


@app.errorhandler(MethodNotAllowed)
async def answer_method_not_allowed(error: MethodNotAllowed) -> ResponseReturnValue:
    return {"error": error.description}, error.code, {"Allow": ", ".join(error.valid_methods or ())}


async def answer_database_failure(error: Exception) -> ResponseReturnValue:
    app.logger.warning("%s: the database failed: %r", request.path, error)
    return {"error": "the database cannot serve this request"}, 503


for failure in FAILURES:
    app.register_error_handler(failure, answer_database_failure)

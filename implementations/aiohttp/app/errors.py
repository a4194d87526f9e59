"""Every error as `{"error": "<one sentence>"}`."""

import logging
from http import HTTPStatus

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from .forms import MAX_BODY
from .posts import DatabaseUnavailable
from .responses import json_response

logger = logging.getLogger(__name__)

# What aiohttp itself raises; the HTTPBadRequests of this application bring their own sentence.
SENTENCES = {
    HTTPStatus.NOT_FOUND: "there is nothing at this path",
    HTTPStatus.METHOD_NOT_ALLOWED: "this path does not allow this method",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: f"the body must have at most {MAX_BODY:,} bytes",
}


@web.middleware
async def json_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer exceptions in JSON; without a middleware aiohttp answers them in plain text."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        return _from_http_exception(error)
    except DatabaseUnavailable as error:
        logger.warning("%s %s: %r", request.method, request.path, error.__cause__)
        return _error(HTTPStatus.SERVICE_UNAVAILABLE, "the database cannot serve this request")
    except Exception:
        logger.exception("%s %s failed", request.method, request.path)
        return _error(HTTPStatus.INTERNAL_SERVER_ERROR, "the server failed")


def _from_http_exception(error: web.HTTPException) -> web.Response:
    allow = error.headers.get(hdrs.ALLOW)
    return _error(
        error.status,
        SENTENCES.get(error.status) or error.text or error.reason,
        headers={hdrs.ALLOW: allow} if allow else None,
    )


def _error(status: int, sentence: str, *, headers: dict[str, str] | None = None) -> web.Response:
    return json_response({"error": sentence}, status=status, headers=headers)

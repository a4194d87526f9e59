"""JSON by orjson, and every error in the one shape of the contract."""

import logging
from http import HTTPStatus
from typing import Any
from uuid import UUID

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from app.posts import DatabaseUnavailableError

logger = logging.getLogger(__name__)


class OrjsonResponse(Response):
    """A response whose content is encoded by orjson."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content, default=_encode)


def big_integer(number: int) -> orjson.Fragment:
    """An integer of any size: orjson itself refuses those over 64 bits, and `cpu` answers one."""
    return orjson.Fragment(str(number))


def _encode(value: object) -> str:
    """Encode asyncpg's UUID: orjson knows `uuid.UUID` itself, but no subclass of it."""
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


async def http_error(request: Request, error: HTTPException) -> Response:
    """4xx: the detail that was raised, or what the router meant."""
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            sentence = "there is nothing at this path"
        case HTTPStatus.METHOD_NOT_ALLOWED:
            sentence = f"this path does not answer {request.method}"
        case _:
            sentence = error.detail
    return OrjsonResponse({"error": sentence}, error.status_code, error.headers)


async def database_error(request: Request, error: DatabaseUnavailableError) -> Response:
    """503: the cause is for the log, not for the client."""
    logger.warning("%s: the database is unavailable: %s", request.url.path, error)
    return OrjsonResponse({"error": "the database is unavailable"}, 503)


async def client_error(request: Request, error: ClientDisconnect) -> Response:
    """The client left in the middle of its body: nobody reads this, and nothing went wrong here."""
    return OrjsonResponse({"error": "the body is incomplete"}, 400)


async def server_error(request: Request, error: Exception) -> Response:
    """500: Starlette raises the exception again afterwards, so the server logs its traceback."""
    return OrjsonResponse({"error": "the server failed to answer"}, 500)


EXCEPTION_HANDLERS = {
    HTTPException: http_error,
    DatabaseUnavailableError: database_error,
    ClientDisconnect: client_error,
    Exception: server_error,
}

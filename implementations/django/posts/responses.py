"""Every answer as JSON bytes, and the errors among them."""

from typing import Any
from uuid import UUID

import orjson
from django.http import HttpRequest, HttpResponse


class JSONResponse(HttpResponse):
    """`django.http.JsonResponse` with orjson, and with a Content-Length.

    Django leaves Content-Length to CommonMiddleware; without one the server would send chunks.
    """

    def __init__(self, data: Any, status: int = 200) -> None:
        body = orjson.dumps(data, default=_encode)
        super().__init__(
            body,
            status=status,
            headers={"Content-Type": "application/json", "Content-Length": str(len(body))},
        )


def _encode(value: object) -> str:
    """Encode asyncpg's UUID: orjson knows `uuid.UUID` itself, but no subclass of it."""
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def big_integer(number: int) -> orjson.Fragment:
    """An integer of any size: orjson itself refuses those over 64 bits, and `cpu` answers one."""
    return orjson.Fragment(str(number))


def error(status: int, sentence: str) -> JSONResponse:
    return JSONResponse({"error": sentence}, status=status)


def method_not_allowed(allowed: str) -> JSONResponse:
    response = error(405, f"only {allowed} is allowed here")
    response.headers["Allow"] = allowed
    return response


def bad_request(request: HttpRequest, exception: Exception) -> JSONResponse:
    return error(400, "the request is malformed")


def forbidden(request: HttpRequest, exception: Exception) -> JSONResponse:
    return error(403, "the request is forbidden")


def not_found(request: HttpRequest, exception: Exception) -> JSONResponse:
    return error(404, "there is nothing at this path")


def server_error(request: HttpRequest) -> JSONResponse:
    return error(500, "the server failed to serve the request")

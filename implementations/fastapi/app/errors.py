"""Every error in the one shape of the contract."""

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

logger = logging.getLogger(__name__)


class DatabaseUnavailableError(Exception):
    """The database could not serve the request."""


async def http_error(request: Request, error: HTTPException) -> Response:
    """4xx: the detail that was raised, or what the router meant."""
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            sentence = "there is nothing at this path"
        case HTTPStatus.METHOD_NOT_ALLOWED:
            sentence = f"this path does not answer {request.method}"
        case _:
            sentence = error.detail
    return JSONResponse({"error": sentence}, error.status_code, error.headers)


async def validation_error(request: Request, error: RequestValidationError) -> Response:
    """400, where FastAPI would answer 422, with one sentence about the first bad field."""
    return JSONResponse({"error": _sentence(error.errors()[0])}, 400)


def _sentence(error: dict[str, Any]) -> str:
    field = error["loc"][-1]
    match error["type"]:
        case "missing":
            return f"{field} is required"
        case "string_too_long":
            return f"{field} must have at most {error['ctx']['max_length']} characters"
        case "blank" | "nul":
            return f"{field} {error['msg']}"
        case _:
            return f"{field} must be text"


async def database_error(request: Request, error: DatabaseUnavailableError) -> Response:
    """503: the cause is for the log, not for the client."""
    logger.warning("%s: the database is unavailable: %s", request.url.path, error)
    return JSONResponse({"error": "the database is unavailable"}, 503)


async def client_error(request: Request, error: ClientDisconnect) -> Response:
    """The client left in the middle of its body: nobody reads this, and nothing went wrong here."""
    return JSONResponse({"error": "the body is incomplete"}, 400)


async def server_error(request: Request, error: Exception) -> Response:
    """500: Starlette raises the exception again afterwards, so the server logs its traceback."""
    return JSONResponse({"error": "the server failed to answer"}, 500)


def add_error_handlers(app: FastAPI) -> None:
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(RequestValidationError, validation_error)
    app.add_exception_handler(DatabaseUnavailableError, database_error)
    app.add_exception_handler(ClientDisconnect, client_error)
    app.add_exception_handler(Exception, server_error)

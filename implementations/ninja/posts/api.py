"""The API without its operations: how it reads a form, writes JSON, and words errors."""

import logging
from typing import Any

import orjson
from django.core.exceptions import BadRequest, RequestDataTooBig
from django.db import Error as DatabaseFailure
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.parser import Parser
from ninja.renderers import BaseRenderer

from posts.forms import parse_form

FORM = "application/x-www-form-urlencoded"
logger = logging.getLogger(__name__)


class FormParser(Parser):
    """Reads the body as a form: `Form` reads `request.POST`, which repairs what is no UTF-8."""

    def parse_body(self, request: HttpRequest) -> dict[str, str]:
        charset = request.content_params.get("charset", "utf-8").lower()
        if (request.content_type, charset) != (FORM, "utf-8"):
            raise BadRequest(f"the body must be a form in UTF-8, sent as {FORM}")
        return parse_form(request.body).dict()


class ORJSONRenderer(BaseRenderer):
    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:
        return orjson.dumps(data)


api = NinjaAPI(parser=FormParser(), renderer=ORJSONRenderer(), openapi_url=None, docs_url=None)


def error(request: HttpRequest, status: int, sentence: str) -> HttpResponse:
    return api.create_response(request, {"error": sentence}, status=status)


@api.exception_handler(ValidationError)
def invalid(request: HttpRequest, exc: ValidationError) -> HttpResponse:
    first = exc.errors[0]
    return error(request, 400, f"{first['loc'][-1]}: {first['msg']}")


@api.exception_handler(HttpError)
def unreadable(request: HttpRequest, exc: HttpError) -> HttpResponse:
    return error(request, exc.status_code, str(exc.__cause__ or exc))


@api.exception_handler(RequestDataTooBig)
def too_large(request: HttpRequest, exc: Exception) -> HttpResponse:
    return error(request, 413, "the body must have at most 65536 bytes")


@api.exception_handler(DatabaseFailure)
def database_failure(request: HttpRequest, exc: Exception) -> HttpResponse:
    logger.warning("The database failed: %s", exc)
    return error(request, 503, "the database cannot serve the request")


@api.exception_handler(UnreadablePostError)
def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error(request, 400, "the request is malformed")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error(request, 404, "there is nothing at this path")


def server_error(request: HttpRequest) -> HttpResponse:
    return error(request, 500, "the server failed to serve the request")

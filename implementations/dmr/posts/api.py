"""The base of the controllers, which has every error as `{"error": "<one sentence>"}`."""

import logging
from http import HTTPStatus
from typing import Any, TypedDict
from uuid import UUID

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import Error as DatabaseFailure
from django.http import HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from dmr import Controller
from dmr.endpoint import Endpoint
from dmr.errors import format_error, global_error_handler
from dmr.exceptions import RequestSerializationError
from dmr.plugins.msgspec import MsgspecSerializer

from posts.schemas import Ids

logger = logging.getLogger(__name__)


class Error(TypedDict):
    error: str


class Api(Controller[MsgspecSerializer]):
    error_model = Error

    def format_error(self, error: str | Exception, **kwargs: Any) -> Error:
        first = format_error(error, **kwargs)["detail"][0]
        return {"error": ": ".join([*map(str, first.get("loc", ())), first["msg"]])}


def answer_error(endpoint: Endpoint, controller: Api, exc: Exception) -> HttpResponse:
    """What Django or the database raises; the framework answers what it raises itself."""
    match exc:
        case RequestDataTooBig():
            status, sentence = 413, "The body must have at most 65536 bytes."
        case SuspiciousOperation() | UnreadablePostError():
            status, sentence = 400, "The body could not be read as a form."
        case DatabaseFailure():
            logger.warning("The database failed: %s", exc)
            status, sentence = 503, "The database cannot serve the request."
        case _:
            return global_error_handler(endpoint, controller, exc)
    return controller.to_error({"error": sentence}, status_code=HTTPStatus(status))


def read_ids(query: Ids) -> list[UUID]:
    """Five UUIDs in one parameter, separated by commas, in every spelling that Python reads."""
    try:
        ids = [UUID(text) for text in query.ids.split(",")]
    except ValueError:
        ids = []
    if len(ids) != 5:
        raise RequestSerializationError("ids must be five UUIDs, separated by commas.")
    return ids


def bad_request(request: HttpRequest, exception: Exception) -> JsonResponse:
    return JsonResponse({"error": "The request is malformed."}, status=400)


def not_found(request: HttpRequest, exception: Exception) -> JsonResponse:
    return JsonResponse({"error": "There is nothing at this path."}, status=404)


def server_error(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"error": "The server failed to serve the request."}, status=500)

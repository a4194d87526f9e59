"""Every error as `{"error": "<one sentence>"}`."""

import logging
from typing import Any

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import Error as DatabaseFailure
from django.http import HttpRequest, JsonResponse, UnreadablePostError
from rest_framework.response import Response
from rest_framework.views import exception_handler as default_handler

logger = logging.getLogger(__name__)


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    match exc:
        case RequestDataTooBig():
            return Response({"error": "The body must have at most 65536 bytes."}, 413)
        case SuspiciousOperation() | UnreadablePostError():
            return Response({"error": "The body could not be read as a form."}, 400)
        case DatabaseFailure():
            logger.warning("The database failed: %s", exc)
            return Response({"error": "The database cannot serve the request."}, 503)
    response = default_handler(exc, context)
    if response is not None:
        response.data = {"error": sentence(exc.detail)}
    return response


def sentence(detail: Any) -> str:
    """The first of REST framework's sentences, behind the names of the fields that it is about."""
    match detail:
        case dict():
            name, problem = next(iter(detail.items()))
            return f"{name}: {sentence(problem)}"
        case list():
            return sentence(detail[0])
    return str(detail)


def not_found(request: HttpRequest, exception: Exception) -> JsonResponse:
    return JsonResponse({"error": "There is nothing at this path."}, status=404)

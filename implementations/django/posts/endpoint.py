"""The decorator of every view: one method, and errors as the contract words them.

It stands in for middleware, which would cost an async request a hop to a thread and back, and for
Django's error handlers, which run in a thread under ASGI. What it does not name, a bug, goes on to
Django and becomes a 500.
"""

import logging
from collections.abc import Callable
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any

from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.db import Error as DatabaseFailure
from django.http import HttpRequest, HttpResponse, UnreadablePostError

from posts.responses import error, method_not_allowed

logger = logging.getLogger(__name__)

EXPECTED = (BadRequest, SuspiciousOperation, UnreadablePostError, DatabaseFailure)


def endpoint(method: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Serve this method only, and HEAD beside GET, with the expected failures answered.

    The server leaves the body of an answer to HEAD out.
    """
    served = {"GET", "HEAD"} if method == "GET" else {method}

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        if iscoroutinefunction(view):

            @wraps(view)
            async def guarded(request: HttpRequest) -> HttpResponse:
                if request.method not in served:
                    return method_not_allowed(method)
                try:
                    return await view(request)
                except EXPECTED as exc:
                    return _answer(exc)
        else:

            @wraps(view)
            def guarded(request: HttpRequest) -> HttpResponse:
                if request.method not in served:
                    return method_not_allowed(method)
                try:
                    return view(request)
                except EXPECTED as exc:
                    return _answer(exc)

        # As `csrf_exempt` would set it: no session stands behind a request, so there is no token to
        # send. Read only where the middleware is installed.
        guarded.csrf_exempt = True
        return guarded

    return decorate


def _answer(exc: Exception) -> HttpResponse:
    match exc:
        case RequestDataTooBig():
            return error(413, "the body must have at most 65536 bytes")
        case BadRequest():
            return error(400, str(exc))
        case DatabaseFailure():
            # Any error of the database: by now the input is known to be good. psycopg's
            # PoolTimeout arrives as Django's OperationalError.
            logger.warning("The database failed: %s", exc)
            return error(503, "the database cannot serve the request")
        case _:
            return error(400, "the body could not be read as a form")

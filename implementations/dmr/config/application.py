"""The WSGI or ASGI application, with a pool that is open before the first request."""

import os
from io import BytesIO
from typing import Any

import django
from django.conf import settings
from django.core.exceptions import BadRequest
from django.core.handlers import asgi, wsgi
from django.db import connection
from django.http import HttpRequest, HttpResponse


class AnyContentType(HttpRequest):
    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        """Take a Content-Type that cannot be parsed for none: Django's handlers would fail."""
        try:
            super()._set_content_type_params(meta)
        except BadRequest:
            self.content_type, self.content_params = "", {}


class WSGIRequest(AnyContentType, wsgi.WSGIRequest):
    """Reads a body in chunks, too, which Django's takes for none."""

    def __init__(self, environ: dict[str, Any]) -> None:
        if "HTTP_TRANSFER_ENCODING" in environ:
            try:
                body = environ["wsgi.input"].read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
            except Exception:  # of the server's own, for a malformed chunk
                body = b""
            environ |= {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        super().__init__(environ)


class WSGIHandler(wsgi.WSGIHandler):
    request_class = WSGIRequest

    def get_response(self, request: HttpRequest) -> HttpResponse:
        return complete(super().get_response(request))


class ASGIRequest(AnyContentType, asgi.ASGIRequest):
    pass


class ASGIHandler(asgi.ASGIHandler):
    request_class = ASGIRequest

    async def get_response_async(self, request: HttpRequest) -> HttpResponse:
        return complete(await super().get_response_async(request))


def complete(response: HttpResponse) -> HttpResponse:
    """Add a Content-Length, as CommonMiddleware does."""
    response.headers.setdefault("Content-Length", str(len(response.content)))
    return response


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup(set_prefix=False)
connection.pool.open(wait=True, timeout=settings.POOL_TIMEOUT)
application = ASGIHandler() if settings.VIEWS == "async" else WSGIHandler()

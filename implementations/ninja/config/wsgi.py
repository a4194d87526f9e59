"""The WSGI application, with a pool that is open before the first request."""

import os
from io import BytesIO
from typing import Any

import django
from django.conf import settings
from django.core.exceptions import BadRequest
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.db import connection
from django.http import HttpRequest, HttpResponse

from config.responses import complete


class Request(WSGIRequest):
    """Django's, which takes a body in chunks for none, and fails at a malformed Content-Type."""

    def __init__(self, environ: dict[str, Any]) -> None:
        if "HTTP_TRANSFER_ENCODING" in environ:
            try:
                body = environ["wsgi.input"].read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
            except Exception:  # of the server's own, for a malformed chunk
                body = b""
            environ |= {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        try:
            super().__init__(environ)
        except BadRequest:
            super().__init__(environ | {"CONTENT_TYPE": ""})


class Handler(WSGIHandler):
    request_class = Request

    def get_response(self, request: HttpRequest) -> HttpResponse:
        return complete(super().get_response(request))


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup(set_prefix=False)
connection.pool.open(wait=True)
application = Handler()

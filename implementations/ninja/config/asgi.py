"""The ASGI application, with a pool that is open before the first request."""

import os
from typing import Any

import django
from django.core.exceptions import BadRequest
from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.db import connection
from django.http import HttpRequest, HttpResponse

from config.responses import complete


class Request(ASGIRequest):
    """Django's, which fails at a malformed Content-Type."""

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        try:
            super()._set_content_type_params(meta)
        except BadRequest:
            self.content_type, self.content_params = "", {}


class Handler(ASGIHandler):
    request_class = Request

    async def get_response_async(self, request: HttpRequest) -> HttpResponse:
        return complete(await super().get_response_async(request))


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup(set_prefix=False)
connection.pool.open(wait=True)
application = Handler()

"""Django's handlers, with what a request and a response lack where there is no middleware."""

from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest
from django.core.handlers import asgi, wsgi
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed


class ContentType(HttpRequest):
    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        """Take a Content-Type that cannot be parsed for none; Django raises outside its handlers."""
        try:
            super()._set_content_type_params(meta)
        except BadRequest:
            self.content_type, self.content_params = "", {}


class WSGIRequest(ContentType, wsgi.WSGIRequest):
    """Django's, which takes a body in chunks for none."""

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


class ASGIRequest(ContentType, asgi.ASGIRequest):
    pass


class ASGIHandler(asgi.ASGIHandler):
    request_class = ASGIRequest

    async def get_response_async(self, request: HttpRequest) -> HttpResponse:
        return complete(await super().get_response_async(request))


def complete(response: HttpResponse) -> HttpResponse:
    """Add a Content-Length, as CommonMiddleware does, and make JSON of ninja's 405."""
    if isinstance(response, HttpResponseNotAllowed):
        response.content = b'{"error":"this method is not allowed here"}'
        response.headers["Content-Type"] = "application/json"
    response.headers.setdefault("Content-Length", str(len(response.content)))
    return response

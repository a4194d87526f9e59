"""Django's own handlers, with two gaps in how they read a request closed.

The life cycle is Django's, untouched. Only the request classes differ:

* `WSGIRequest` takes a body without Content-Length for an empty one. A server that promises
  `wsgi.input_terminated` has decoded the chunks, so the body can be read to its end.
* A Content-Type that cannot be parsed makes the request's constructor raise `BadRequest`, which
  neither handler catches: the server would answer 500 with a page of its own.
"""

from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest
from django.core.handlers import asgi, wsgi
from django.http import HttpRequest, UnreadablePostError


class LenientContentType(HttpRequest):
    """A request whose unreadable Content-Type counts as none, for the view to refuse."""

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        try:
            super()._set_content_type_params(meta)
        except BadRequest:
            self.content_type, self.content_params = "", {}


class WSGIRequest(LenientContentType, wsgi.WSGIRequest):
    @property
    def body(self) -> bytes:
        if not hasattr(self, "_body") and self._is_chunked():
            # A stream that can seek, as under ASGI: Django then measures it against its limit.
            self._stream = BytesIO(self._read_chunks(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1))
        return super().body

    def _is_chunked(self) -> bool:
        return "HTTP_TRANSFER_ENCODING" in self.environ and bool(
            self.environ.get("wsgi.input_terminated")
        )

    def _read_chunks(self, most: int) -> bytes:
        try:
            return self.environ["wsgi.input"].read(most)
        except Exception as exc:  # WSGI does not say what a server raises for a malformed chunk
            raise UnreadablePostError(*exc.args) from exc


class WSGIHandler(wsgi.WSGIHandler):
    request_class = WSGIRequest


class ASGIRequest(LenientContentType, asgi.ASGIRequest):
    pass


class ASGIHandler(asgi.ASGIHandler):
    request_class = ASGIRequest

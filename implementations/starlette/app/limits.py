"""A limit on the size of a request's body."""

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class BodyLimit:
    """Refuse a body of more than `most` bytes, by its Content-Length or, without one, as it comes.

    Starlette's own `max_body_size` does the same, but answers a Content-Length that is too great
    with its own text/plain body, in place of whatever the exception handlers have made. This one
    raises HTTPException in both cases, so a 413 looks like every other error.
    """

    def __init__(self, app: ASGIApp, most: int) -> None:
        self.app = app
        self.most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # The server has already refused a Content-Length that is not a number.
        if int(Headers(scope=scope).get("content-length", 0)) > self.most:
            raise self._too_large()
        received = 0

        async def limited_receive() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.most:
                raise self._too_large()
            return message

        await self.app(scope, limited_receive, send)

    def _too_large(self) -> HTTPException:
        return HTTPException(413, f"the body must have at most {self.most} bytes")

"""A limit on the size of a request's body."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute
from starlette.types import Message, Receive

MAX_BODY_BYTES = 65_536


class LimitedBodyRoute(APIRoute):
    """A route that refuses a body of more than MAX_BODY_BYTES, before it looks what is in it.

    FastAPI's own `max_body_size` does not serve here, for two reasons: it answers a Content-Length
    that is too great with Starlette's text/plain body, in place of whatever the exception handlers
    have made; and it measures no more than is read, while a body that is not a form is not read.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()
        if self.body_field is None:
            return handler

        async def limited_handler(request: Request) -> Response:
            # The server has already refused a Content-Length that is not a number.
            if int(request.headers.get("content-length", 0)) > MAX_BODY_BYTES:
                raise _too_large()
            limited = Request(request.scope, _limited(request.receive))
            await limited.body()
            return await handler(limited)

        return limited_handler


def _limited(receive: Receive) -> Receive:
    received = 0

    async def limited_receive() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > MAX_BODY_BYTES:
            raise _too_large()
        return message

    return limited_receive


def _too_large() -> HTTPException:
    return HTTPException(413, f"the body must have at most {MAX_BODY_BYTES} bytes")

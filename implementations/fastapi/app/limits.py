"""What every route adds to FastAPI's own: HEAD beside GET, and a limit on a form's size."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute
from starlette.types import Message, Receive

from app.forms import check_form

MAX_BODY_BYTES = 65_536


class ContractRoute(APIRoute):
    """A route that answers HEAD as it answers GET, and looks at a form before it is parsed.

    A body of more than MAX_BODY_BYTES is refused first, whatever is in it. FastAPI's own
    `max_body_size` does not serve here, for two reasons: it answers a Content-Length that is too
    great with Starlette's text/plain body, in place of whatever the exception handlers
    have made; and it measures no more than is read, while a body that is not a form is not read.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "GET" in self.methods:
            self.methods.add("HEAD")  # as a route of Starlette's does

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()
        if self.body_field is None:
            return handler

        async def limited_handler(request: Request) -> Response:
            # The server has already refused a Content-Length that is not a number.
            if int(request.headers.get("content-length", 0)) > MAX_BODY_BYTES:
                raise _too_large()
            limited = Request(request.scope, _limited(request.receive))
            check_form(limited.headers.get("content-type"), await limited.body())
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

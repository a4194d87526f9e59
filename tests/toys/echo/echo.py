"""Tells what a server has made of a request: an application for ASGI, and one for WSGI."""

import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

HEALTHY = {"status": "ok"}
Message = dict[str, Any]


async def asgi(
    scope: Message,
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    """Answer `/health` as the contract has it, and anything else with what came."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    length, more = 0, True
    while more:
        message = await receive()
        length += len(message.get("body", b""))
        more = message.get("more_body", False)
    told = {"client": scope["client"][0], "scheme": scope["scheme"], "length": length}
    body = json.dumps(HEALTHY if scope["path"] == "/health" else told).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def wsgi(environ: Message, start_response: Callable[..., Any]) -> Iterable[bytes]:
    """The same."""
    stream = environ["wsgi.input"]
    if environ.get("wsgi.input_terminated"):
        length = len(stream.read())
    else:
        length = len(stream.read(int(environ.get("CONTENT_LENGTH") or 0)))
    told = {"client": environ["REMOTE_ADDR"], "scheme": environ["wsgi.url_scheme"]}
    told["length"] = length
    body = json.dumps(HEALTHY if environ["PATH_INFO"] == "/health" else told).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    start_response("200 OK", headers)
    return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]

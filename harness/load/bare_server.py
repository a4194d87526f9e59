"""A server that does as little work as possible, to find out how fast the generator is.

Every complete GET gets the same small correct HTTP/1.1 response; anything else ends the connection.
Run as `python -m harness.load.bare_server HOST`: it takes a free port and sends its number as a
message of `base.channel`.
"""

import asyncio
import sys
from typing import cast

import uvloop

from harness.base import channel

BODY = b'{"status":"ok"}'
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
    len(BODY),
    BODY,
)
_HEAD_END = b"\r\n\r\n"


class BareProtocol(asyncio.Protocol):
    """One connection. A GET has no body here, so a request is complete with its head."""

    def __init__(self) -> None:
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own is no subclass

    def data_received(self, data: bytes) -> None:
        """Called by the loop; the hot path."""
        assert self._transport is not None
        *heads, self._rest = (self._rest + data).split(_HEAD_END)
        for head in heads:
            if not head.startswith(b"GET "):
                self._transport.abort()
                return
            self._transport.write(RESPONSE)


async def _serve(host: str) -> None:
    server = await asyncio.get_running_loop().create_server(BareProtocol, host, 0, backlog=4096)
    channel.send(sys.stdout.buffer, server.sockets[0].getsockname()[1])
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(sys.argv[1]))

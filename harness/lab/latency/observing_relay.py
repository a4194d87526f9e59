"""A relay in user space: passes on what a client and a server say, and shows it to an observer."""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any, Literal, Self

from harness.lab.network import HOST

Observer = Callable[[Literal["out", "in"], bytes], None]
"""Is shown every piece that passes: `out` from the client to the server, `in` back."""

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with no time to linger: closing then resets the connection (socket(7))."""


class Relay:
    """Listens on loopback, and connects onward for each client. Use as a context manager.

    It runs in a thread of the harness, which is why it is for counting and not for measuring.

    Args:
        host, port: where to connect to.
        observe: makes an observer for a connection, as it is accepted.
    """

    def __init__(self, host: str, port: int, observe: Callable[[], Observer]) -> None:
        self.port = 0
        self._target = host, port
        self._observe = observe
        self._accepted: list[_Near] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="relay", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self) -> asyncio.Server:
        return await asyncio.get_running_loop().create_server(self._accept, HOST, 0)

    def _accept(self) -> "_Near":
        near = _Near(self._target, self._observe())
        self._accepted.append(near)
        return near

    async def _close(self) -> None:
        self._server.close()
        connecting = [near.connecting for near in self._accepted if near.connecting is not None]
        for task in connecting:
            task.cancel()
        await asyncio.gather(*connecting, return_exceptions=True)
        for near in self._accepted:
            for side in (near, near.other):
                if side is not None and side.transport is not None:
                    side.transport.abort()
        await self._server.wait_closed()
        await asyncio.sleep(0)  # sockets are closed in the next turn of the loop


class _Side(asyncio.Protocol):
    """One end of a relayed connection: what it hears, the other end says."""

    direction: Literal["out", "in"]

    def __init__(self, observer: Observer) -> None:
        self.transport: asyncio.Transport | None = None
        self.other: _Side | None = None
        self.ended = False
        self._observer = observer

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._observer(self.direction, data)
        assert self.other is not None
        if self.other.transport is not None:
            self.other.transport.write(data)

    def eof_received(self) -> bool:
        """The other direction goes on, until it ends too."""
        self.ended = True
        if self.other is None or self.other.transport is None:
            return False
        self.other.transport.write_eof()
        return not self.other.ended

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        if self.other is None or self.other.transport is None:
            return
        if exc is not None:  # a reset is passed on as one
            connected = self.other.transport.get_extra_info("socket")
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self.other.transport.abort()
        else:
            self.other.transport.close()


class _Far(_Side):
    """The end towards the server."""

    direction = "in"


class _Near(_Side):
    """The end towards the client; it hears nothing until the far end stands."""

    direction = "out"

    def __init__(self, target: tuple[str, int], observer: Observer) -> None:
        super().__init__(observer)
        self._target = target
        self.connecting: asyncio.Task[None] | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        transport.pause_reading()
        self.connecting = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        far = _Far(self._observer)
        far.other = self
        try:
            await asyncio.get_running_loop().create_connection(lambda: far, *self._target)
        except OSError:
            if self.transport is not None:
                self.transport.abort()
            return
        self.other = far
        if self.transport is None:  # the client has gone meanwhile
            assert far.transport is not None
            far.transport.close()
        else:
            self.transport.resume_reading()

"""One TCP connection with at most one request under way.

This code runs between a response and the next request, so it takes few steps. Times come from the
monotonic clock in nanoseconds. A latency ends when the response is complete. It begins when the
request is handed to the socket; where the server closes after each answer, when its connection is
begun; in an open loop, when the request was due.
"""

import asyncio
from time import monotonic_ns
from typing import Protocol, cast

from harness.load.worker.http1 import Head, ProtocolError, Response, ResponseParser
from harness.load.worker.meter import Meter

_RETRY_S = 0.05
"""Pause of a connection whose connect was refused: long enough not to spin on a dead server."""


class Places(Protocol):
    """The target of a connection, with its N places."""

    host: str
    port: int
    keep_alive: bool
    heads: dict[bytes, Head]

    def renew(self, place: int) -> "Connection":
        """Put a new connection, not yet open, in the place of one that has ended."""


class Loop(Protocol):
    """Decides what follows an answer: closed loop or open loop."""

    meter: Meter

    def answered(self, place: int, now: int) -> None:
        """Note that the request of a place has ended, answered or failed."""


class Connection(asyncio.Protocol):
    """One of the target's connections; when it ends, a new one takes its place."""

    def __init__(self, target: Places, place: int) -> None:
        self._target = target
        self._place = place
        self._parser = ResponseParser(target.heads)
        self._transport: asyncio.Transport | None = None
        self._ended = False
        self._loop: Loop | None = None  # None: nothing to do
        self._request = 0
        self._connecting: asyncio.Task[None] | None = None
        self.sent_ns = 0  # 0: no request under way

    @property
    def connected(self) -> bool:
        """Whether a request can be sent at once."""
        return self._transport is not None

    async def connect(self) -> None:
        """Open the connection.

        Raises:
            OSError: the server does not take it.
        """
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self, self._target.host, self._target.port)

    def send(self, loop: Loop, due_ns: int = 0) -> None:
        """Send the next request, on a new connection if this one has ended.

        due_ns: the start of its latency; 0 for now.
        """
        transport = self._transport
        if transport is None:
            self._send_on_another(loop, due_ns)
            return
        meter = loop.meter
        self._loop = loop
        self._request = index = meter.take()
        self.sent_ns = due_ns or monotonic_ns()
        transport.write(meter.payloads[index])

    def end(self) -> None:
        """Drop the connection and the request under way on it."""
        self._ended = True
        self._loop = None
        if self._connecting is not None:
            self._connecting.cancel()
        if self._transport is not None:
            transport, self._transport = self._transport, None
            transport.abort()

    def time_out(self) -> None:
        """Give up the request under way."""
        self._fail("timeout", "")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own is no subclass

    def data_received(self, data: bytes) -> None:
        """Called by the loop; the hot path."""
        try:
            response = self._parser.feed(data)
        except ProtocolError as error:
            self._fail("protocol", str(error))
            return
        if response is None:
            return
        if not self.sent_ns:
            self._fail("protocol", "a response without a request")
            return
        self._answered(response)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop when the server, or the network, ended the connection."""
        if self._ended:
            return  # `end` was called
        try:
            response = self._parser.feed_eof()
        except ProtocolError:
            response = None
        if response is not None and self.sent_ns:
            self._answered(response)
        else:
            self._fail("closed", str(exc or "the server closed the connection unanswered"))

    def _answered(self, response: Response) -> None:
        now = monotonic_ns()
        loop = self._loop
        assert loop is not None
        meter = loop.meter
        if response.status != meter.status:
            meter.failed(f"status {response.status}", self.sent_ns, _text(response.body))
        elif meter.check(response.body, self._request):
            meter.answered(now, self.sent_ns)
        else:
            meter.failed("body", self.sent_ns, _text(response.body))
        self.sent_ns = 0
        if response.close:
            self.end()
        loop.answered(self._place, now)

    def _fail(self, kind: str, seen: str) -> None:
        """End the connection, and count the request under way, if any, as failed."""
        loop, under_way, self.sent_ns = self._loop, self.sent_ns, 0
        self.end()
        if loop is not None and under_way:
            loop.meter.failed(kind, under_way, seen)
            loop.answered(self._place, monotonic_ns())

    def _send_on_another(self, loop: Loop, due_ns: int) -> None:
        """Connect first, because the connection is not open; the latency includes that."""
        meter = loop.meter
        if self._target.keep_alive:
            meter.reconnects += 1
        other = self._target.renew(self._place) if self._ended else self
        other._loop = loop
        other._request = meter.take()
        other.sent_ns = due_ns or monotonic_ns()
        other._connecting = asyncio.ensure_future(other._connect_and_send(loop))

    async def _connect_and_send(self, loop: Loop) -> None:
        try:
            await self.connect()
        except OSError as error:
            sent, self.sent_ns = self.sent_ns, 0
            loop.meter.failed("connect", sent, str(error))
            await asyncio.sleep(_RETRY_S)
            loop.answered(self._place, monotonic_ns())
            return
        self._connecting = None
        if self._transport is not None:  # it began in time, so it is completed
            self._transport.write(loop.meter.payloads[self._request])


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace")

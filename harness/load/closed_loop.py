"""The closed loop: N connections, each with one request under way, the next sent on its answer.

Everything here runs between a response's arrival and the next request, so it is written for few
steps. Times come from the monotonic clock in nanoseconds. A latency is the time from the moment a
request is handed to the socket (or its connection begun, where the server closes after each
answer) to the moment its response is complete.
"""

import asyncio
import contextlib
from time import monotonic_ns
from typing import cast

from harness.load.http1 import Head, ProtocolError, Response, ResponseParser
from harness.load.messages import Edge, Exchange, Open, Tally
from harness.load.meter import Meter

_RETRY_S = 0.05
"""Pause of a connection whose connect was refused: long enough not to spin on a dead server."""
_CONNECT_S = 5.0
"""How long opening connections beforehand may take: a full backlog drops them silently."""
_SWEEP_S = 0.25
"""How often requests under way are compared with their time limit."""


class Connection(asyncio.Protocol):
    """One TCP connection in one of the target's N places; once ended, another takes its place."""

    def __init__(self, target: "Target", place: int) -> None:
        self._target = target
        self._place = place
        self._parser = ResponseParser(target.heads)
        self._transport: asyncio.Transport | None = None
        self._ended = False
        self._meter: Meter | None = None  # None: nothing to do
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

    def begin(self, meter: Meter) -> None:
        """Take part in a slice or window from now on."""
        meter.pending += 1
        self._send(meter)

    def end(self) -> None:
        """Drop the connection and whatever is under way on it."""
        self._ended = True
        self._meter = None
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
            self._fail("protocol", "a response that nobody asked for")
            return
        self._answered(response)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop when the server, or the network, ended the connection."""
        if self._ended:
            return  # our own doing
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
        meter = self._meter
        assert meter is not None
        if response.status != 200:
            meter.failed(f"status {response.status}", now, self.sent_ns, _text(response.body))
        elif meter.check(response.body, self._request):
            meter.answered(now, self.sent_ns)
        else:
            meter.failed("body", now, self.sent_ns, _text(response.body))
        self.sent_ns = 0
        if response.close:
            self.end()
        self._next(meter, now)

    def _fail(self, kind: str, seen: str) -> None:
        """End the connection; what was under way on it, if anything, has failed."""
        meter, under_way, self.sent_ns = self._meter, self.sent_ns, 0
        self.end()
        if meter is not None and under_way:
            now = monotonic_ns()
            meter.failed(kind, now, under_way, seen)
            self._next(meter, now)

    def _next(self, meter: Meter, now: int) -> None:
        if now < meter.deadline_ns:
            self._send(meter)
            return
        self._meter = None
        meter.last_ns = now
        meter.pending -= 1
        if meter.pending == 0:
            self._target.drained.set()

    def _send(self, meter: Meter) -> None:
        transport = self._transport
        if transport is None:
            self._send_on_another(meter)
            return
        self._meter = meter
        self._request = index = meter.take()
        self.sent_ns = monotonic_ns()
        transport.write(meter.payloads[index])

    def _send_on_another(self, meter: Meter) -> None:
        """The connection is not open: connect first; the latency includes it."""
        if self._target.keep_alive:
            meter.reconnects += 1
        other = self._target.renew(self._place) if self._ended else self
        other._meter = meter
        other._request = meter.take()
        other.sent_ns = monotonic_ns()
        other._connecting = asyncio.ensure_future(other._connect_and_send(meter))

    async def _connect_and_send(self, meter: Meter) -> None:
        try:
            await self.connect()
        except OSError as error:
            sent, self.sent_ns = self.sent_ns, 0
            meter.failed("connect", monotonic_ns(), sent, str(error))
            await asyncio.sleep(_RETRY_S)
            self._next(meter, monotonic_ns())
            return
        self._connecting = None
        if self._transport is not None:  # begun in time, so completed, even if it is late by now
            self._transport.write(meter.payloads[self._request])


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace")


class Target:
    """A server under load, with its N connections."""

    def __init__(self, command: Open) -> None:
        self.host = command.host
        self.port = command.port
        self.keep_alive = command.keep_alive
        self.heads: dict[bytes, Head] = {}
        self.drained = asyncio.Event()
        self.connections = [Connection(self, place) for place in range(command.connections)]

    def renew(self, place: int) -> Connection:
        """Put a new connection, not yet open, in the place of one that has ended."""
        fresh = self.connections[place] = Connection(self, place)
        return fresh

    async def ready(self) -> int:
        """Have all kept-alive connections open; return how many were opened for it."""
        await asyncio.sleep(0)  # let the loop notice what the server closed meanwhile
        await asyncio.sleep(0)
        if not self.keep_alive:
            return 0
        missing = [place for place, c in enumerate(self.connections) if not c.connected]
        fresh = [self.renew(place) for place in missing]
        with contextlib.suppress(TimeoutError):  # what is not open by then, its first request opens
            async with asyncio.timeout(_CONNECT_S):
                await asyncio.gather(*(c.connect() for c in fresh), return_exceptions=True)
        return sum(c.connected for c in fresh)

    async def slice(self, exchange: Exchange, seconds: float, timeout_s: float) -> Tally:
        """Load for `seconds`, then drain; see `messages.Slice`."""
        reopened = await self.ready()
        meter = Meter(exchange)
        start = monotonic_ns()
        meter.deadline_ns = start + round(seconds * 1e9)
        await self._drive(meter, timeout_s)
        meter.reconnects += reopened
        return meter.tally(start, meter.last_ns)

    async def window(
        self, exchange: Exchange, warmup_s: float, seconds: float, timeout_s: float
    ) -> "tuple[asyncio.Task[Tally], asyncio.Future[Edge], asyncio.Future[Edge]]":
        """Start a gap-free window; return its tally-to-be and its two edges."""
        reopened = await self.ready()
        loop = asyncio.get_running_loop()
        meter = Meter(exchange)
        meter.opens_ns = monotonic_ns() + round(warmup_s * 1e9)
        meter.deadline_ns = meter.opens_ns + round(seconds * 1e9)
        opened, closed = loop.create_future(), loop.create_future()
        loop.call_later(warmup_s, lambda: opened.set_result(Edge(True, monotonic_ns())))
        loop.call_later(warmup_s + seconds, lambda: closed.set_result(Edge(False, monotonic_ns())))

        async def run() -> Tally:
            await self._drive(meter, timeout_s)
            meter.reconnects += reopened
            return meter.tally(meter.opens_ns, meter.deadline_ns)

        return asyncio.ensure_future(run()), opened, closed

    def close(self) -> None:
        """Close every connection."""
        for connection in self.connections:
            connection.end()

    async def _drive(self, meter: Meter, timeout_s: float) -> None:
        self.drained.clear()
        for connection in list(self.connections):
            connection.begin(meter)
        sweeper = asyncio.ensure_future(self._sweep(round(timeout_s * 1e9)))
        try:
            await self.drained.wait()
        finally:
            sweeper.cancel()

    async def _sweep(self, timeout_ns: int) -> None:
        while True:
            await asyncio.sleep(_SWEEP_S)
            oldest = monotonic_ns() - timeout_ns
            for connection in list(self.connections):
                if 0 < connection.sent_ns < oldest:
                    connection.time_out()

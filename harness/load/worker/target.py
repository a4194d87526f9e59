"""A server under load and its N connections."""

import asyncio
import contextlib
import errno
from time import monotonic_ns
from typing import NamedTuple

from harness.load.protocol import Open, Opened, Slice, Tally, Window
from harness.load.worker.closed_loop import ClosedLoop
from harness.load.worker.connection import Connection
from harness.load.worker.http1 import Head
from harness.load.worker.meter import Meter
from harness.load.worker.open_loop import OpenLoop
from harness.load.worker.pace import paced
from harness.load.worker.schedule import due_times

_CONNECT_S = 5.0
"""Time limit for opening connections beforehand: a full backlog drops them silently."""
_SLOW_S = 0.9
"""A connect that takes longer was tried again: the kernel waits a second for an answer first
(RFC 6298, section 2.1), and one on loopback takes a thousandth of that."""
_SCARCE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL})
"""What this process or this machine ran out of; the server has nothing to do with it."""
_SWEEP_S = 0.25
"""How often requests under way are compared with their time limit."""


class _Attempt(NamedTuple):
    """How long a connect took, and why it failed; None if it did not."""

    took_ns: int
    error: OSError | None


async def _attempt(connection: Connection) -> _Attempt:
    start = monotonic_ns()
    try:
        await connection.connect()
    except OSError as error:
        return _Attempt(monotonic_ns() - start, error)
    return _Attempt(monotonic_ns() - start, None)


class Target:
    """Its connections live as long as it does, over any number of slices and windows."""

    def __init__(self, command: Open) -> None:
        self.host = command.host
        self.port = command.port
        self.keep_alive = command.keep_alive
        self.heads: dict[bytes, Head] = {}
        self._beat_ns = 0
        self.paused_ns = 0  # in the last slice or window: the longest pause of the event loop
        self.connections = [Connection(self, place) for place in range(command.connections)]

    def renew(self, place: int) -> Connection:
        """Put a new connection, not yet open, in the place of one that has ended."""
        fresh = self.connections[place] = Connection(self, place)
        return fresh

    async def open(self, per_s: float) -> Opened:
        """Open all connections, so many per second; none where the server does not keep them.

        Raises:
            OSError: this machine has no file or no port for another connection.
        """
        if not self.keep_alive:
            return Opened()
        start = monotonic_ns()
        attempts: list[asyncio.Task[_Attempt]] = []
        async for place in paced(len(self.connections), 1e9 / per_s):
            attempts.append(asyncio.ensure_future(_attempt(self.connections[place])))
        _, hung = await asyncio.wait(attempts, timeout=_CONNECT_S)
        for attempt in hung:  # later ones open at their first request
            attempt.cancel()
        ended = [attempt.result() for attempt in attempts if attempt not in hung]
        errors = [each.error for each in ended if each.error is not None]
        if scarce := next((error for error in errors if error.errno in _SCARCE), None):
            raise scarce
        refused = sum(isinstance(error, ConnectionRefusedError) for error in errors)
        return Opened(
            opened=len(ended) - len(errors),
            slow=sum(each.error is None and each.took_ns >= _SLOW_S * 1e9 for each in ended),
            refused=refused,
            unanswered=len(hung),
            failed=len(errors) - refused,
            longest_ns=max((each.took_ns for each in ended), default=0),
            elapsed_ns=monotonic_ns() - start,
        )

    async def ready(self, seconds: float | None = None) -> int:
        """Have all kept-alive connections open; return how many were opened for it.

        seconds: time limit; `_CONNECT_S` if None.
        """
        await asyncio.sleep(0)  # let the loop notice connections that the server has closed
        await asyncio.sleep(0)
        if not self.keep_alive:
            return 0
        missing = [place for place, c in enumerate(self.connections) if not c.connected]
        fresh = [self.renew(place) for place in missing]
        with contextlib.suppress(TimeoutError):  # later ones open at their first request
            async with asyncio.timeout(_CONNECT_S if seconds is None else seconds):
                await asyncio.gather(*(c.connect() for c in fresh), return_exceptions=True)
        return sum(c.connected for c in fresh)

    async def slice(self, command: Slice) -> Tally:
        """See `protocol.Slice`."""
        reopened = await self.ready()
        meter = Meter(command.exchange)
        start = monotonic_ns()
        loop = ClosedLoop(self.connections, meter, start + round(command.seconds * 1e9))
        await self._drive(loop, command.timeout_s)
        meter.reconnects += reopened
        return meter.tally(start, loop.last_ns, self.paused_ns)

    async def window(self, command: Window) -> Tally:
        """See `protocol.Window`."""
        # The load begins well before the window opens, whatever the server takes.
        left_s = (command.opens_ns - monotonic_ns()) / 1e9
        reopened = await self.ready(min(_CONNECT_S, max(0.0, left_s / 2)))
        meter = Meter(command.exchange, command.opens_ns, command.closes_ns)
        loop: ClosedLoop | OpenLoop
        if command.arrivals is None:
            loop = ClosedLoop(self.connections, meter, command.closes_ns, command.spread_ns)
        else:
            due = due_times(command.arrivals, monotonic_ns(), command.closes_ns)
            loop = OpenLoop(self.connections, meter, due)
        await self._drive(loop, command.timeout_s)
        drain_ns = max(0, monotonic_ns() - command.closes_ns)
        meter.reconnects += reopened
        while (left_ns := command.closes_ns - monotonic_ns()) > 0:
            await asyncio.sleep(left_ns / 1e9)  # the open loop's last request was due earlier
        return meter.tally(command.opens_ns, command.closes_ns, self.paused_ns, drain_ns)

    def close(self) -> None:
        """Close every connection."""
        for connection in self.connections:
            connection.end()

    async def _drive(self, loop: ClosedLoop | OpenLoop, timeout_s: float) -> None:
        self.paused_ns, self._beat_ns = 0, monotonic_ns()
        sweeper = asyncio.ensure_future(self._sweep(round(timeout_s * 1e9)))
        try:
            await loop.run()
        finally:
            self._beat()  # a pause at the end: answers are read before the timer rings
            sweeper.cancel()

    def _beat(self) -> None:
        """Note by how much the sweeper comes later than its timer: the loop did not run then."""
        now = monotonic_ns()
        self.paused_ns = max(self.paused_ns, now - self._beat_ns - round(_SWEEP_S * 1e9))
        self._beat_ns = now

    async def _sweep(self, timeout_ns: int) -> None:
        while True:
            await asyncio.sleep(_SWEEP_S)
            self._beat()
            oldest = monotonic_ns() - timeout_ns
            for connection in list(self.connections):
                if 0 < connection.sent_ns < oldest:
                    connection.time_out()

"""A TCP relay in user space, for any event loop: it connects onward for each client and copies.

Two programs use it. `relay_process` adds latency to a leg of a measurement; `observing_relay` shows
the bytes of an audited server to an observer.
"""

import asyncio
import heapq
import itertools
import os
import socket
import struct
import time
from collections.abc import Callable
from functools import partial
from time import monotonic_ns
from typing import Any, Literal

from harness.lab.network import HOST

Observer = Callable[[Literal["out", "in"], bytes], None]
"""Is shown all bytes of one connection: `out` from the client to the server, `in` back."""
Target = tuple[str, int] | str
"""Host and port, or the path of a Unix socket."""
Deliver = Callable[[bytes | None], None]
"""Takes a piece that has arrived; None is the end of one direction."""

HELD_BYTES = 1 << 20
"""Bytes of one direction under way, above which its sender is no longer read. Enough for a
connection of 100 ms round trip at 20 MB/s."""
_BACKLOG = 2_048
_LOOK = 2
"""Turns of the loop, until it has accepted all connections that are there."""
_TURNS = 3
"""Of the loop, until a connection that has been accepted has its transport."""
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of zero seconds: closing then resets the connection (socket(7))."""


class Line:
    """The way between the two sides of connections, which takes time: one leg, both directions.

    All connections of a leg share a queue, ordered by due time, and one timer for its head.
    Connections do not wait for each other: the pieces of one that is being opened are due later
    than pieces that others send after them. libuv's timers count in whole milliseconds, so the
    timer is a timerfd (timerfd_create(2)), which counts in nanoseconds.

    one_way_ns: how long a piece is under way; half of the round trip. It may change at any time:
        pieces under way keep their due time.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.one_way_ns = 0
        self._queue: list[tuple[int, int, Deliver, bytes | None]] = []
        self._numbers = itertools.count()
        self._timer: int | None = os.timerfd_create(time.CLOCK_MONOTONIC, flags=os.TFD_NONBLOCK)
        self._loop = loop
        loop.add_reader(self._timer, self._wake)

    @property
    def empty(self) -> bool:
        """Whether nothing is under way."""
        return not self._queue

    def send(
        self, deliver: Deliver, piece: bytes | None, not_before_ns: int = 0, after_ns: int = 0
    ) -> int:
        """Put a piece on its way.

        Args:
            deliver: is called with the piece when it is due.
            piece: the bytes, or None for the end of the direction.
            not_before_ns: the earliest start, on the monotonic clock.
            after_ns: when the previous piece of the same connection is due; this one is never due
                earlier.

        Returns:
            When it is due.
        """
        due = max(after_ns, max(monotonic_ns(), not_before_ns) + self.one_way_ns)
        number = next(self._numbers)
        heapq.heappush(self._queue, (due, number, deliver, piece))
        if self._queue[0][1] == number:
            self._set_timer(due)
        return due

    def close(self) -> None:
        """Drop all pieces under way, and those that are sent later."""
        self._queue.clear()
        if self._timer is not None:
            self._loop.remove_reader(self._timer)
            os.close(self._timer)
            self._timer = None

    def _set_timer(self, due_ns: int) -> None:
        if self._timer is not None:
            # A time in the past rings at once; 0 would disarm the timer.
            os.timerfd_settime_ns(self._timer, flags=os.TFD_TIMER_ABSTIME, initial=max(1, due_ns))

    def _wake(self) -> None:
        assert self._timer is not None
        try:
            os.read(self._timer, 8)
        except BlockingIOError:
            return  # it was set again after it rang
        queue = self._queue
        try:
            while queue and queue[0][0] <= monotonic_ns():
                _, _, deliver, piece = heapq.heappop(queue)
                deliver(piece)
        finally:  # a piece that fails does not hold up the others
            if queue:
                self._set_timer(queue[0][0])


class Side(asyncio.Protocol):
    """One end of a relayed connection: it sends on the line what it reads from its socket.

    Data, ends and resets take the same time, so their order is kept.
    """

    def __init__(self, line: Line, observe: Callable[[bytes], None] | None = None) -> None:
        self.transport: asyncio.Transport | None = None
        self.other: Side | None = None
        self._line = line
        self._observe = observe
        self._not_before_ns = 0
        self._due_ns = 0
        self._held = 0
        self._paused = False
        self._blocked = False
        self._end_delivered = False

    def connection_made(self, transport: Any) -> None:
        """Switch off Nagle's algorithm: small pieces must not wait for others."""
        self.transport = transport
        connected = transport.get_extra_info("socket")
        if connected.family != socket.AF_UNIX:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        """Pass the bytes on; without a delay, and with none before them, at once."""
        if self._observe is not None:
            self._observe(data)
        if self.other is None or self._held or self._not_before_ns or self._line.one_way_ns:
            self._hold(data)
        else:
            self.other.write(data)

    def _hold(self, data: bytes) -> None:
        """Send bytes by the line, and stop to read while too many are under way."""
        if self._not_before_ns and self._not_before_ns <= monotonic_ns():
            self._not_before_ns = 0
        self._held += len(data)
        self._send(self._arrived, data)
        if self._held > HELD_BYTES:
            self._read(False)

    def _send(self, deliver: Deliver, piece: bytes | None) -> None:
        self._due_ns = self._line.send(deliver, piece, self._not_before_ns, self._due_ns)

    def _arrived(self, piece: bytes | None) -> None:
        if piece is None:
            self._end_arrived()
            return
        self._held -= len(piece)
        if self.other is not None:
            self.other.write(piece)
        if self._paused and self._held <= HELD_BYTES // 2:
            self._read(True)

    def write(self, data: bytes) -> None:
        """Write to this end's socket, unless it is closed meanwhile."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def eof_received(self) -> bool:
        """Pass the end of this direction on; the other direction stays open."""
        self._send(self._arrived, None)
        return True

    def _end_arrived(self) -> None:
        self._end_delivered = True
        other = self.other
        if other is None or other.transport is None or other.transport.is_closing():
            return
        # Close only when the other direction's end has arrived too: its data may be under way.
        if other._end_delivered or self.transport is None:
            other.transport.close()
            if self.transport is not None:
                self.transport.close()
        else:
            other.transport.write_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass the end or the reset on, by the line like everything else."""
        self.transport = None
        self._send(self._arrived if exc is None else self._reset_arrived, None)

    def _reset_arrived(self, _: bytes | None) -> None:
        if self.other is not None and self.other.transport is not None:
            connected = self.other.transport.get_extra_info("socket")
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.other.transport.abort()

    def pause_writing(self) -> None:
        """Apply back-pressure: this end's peer does not read, so the other end is not read."""
        self._blocked = True
        if self.other is not None:
            self.other._read(False)

    def resume_writing(self) -> None:
        """Read the other end again: this end's peer reads."""
        self._blocked = False
        if self.other is not None and self.other._held <= HELD_BYTES:
            self.other._read(True)

    def _read(self, wanted: bool) -> None:
        """Start or stop to read this end's socket."""
        if self.transport is None or self.transport.is_closing() or self._paused is not wanted:
            return
        if wanted and self.other is not None and self.other._blocked:
            return
        self._paused = not wanted
        if wanted:
            self.transport.resume_reading()
        else:
            self.transport.pause_reading()


class Near(Side):
    """The end towards the client. It opens the far end when a real handshake would be over there.

    The kernel has answered the client's SYN at once. On a long line the client's connect would have
    taken a round trip, and the ACK that ends the handshake half of one more. So the client's first
    bytes start a round trip after they came, and the server accepts just before they arrive.
    """

    def __init__(self, line: Line, target: Target, observer: Observer | None = None) -> None:
        super().__init__(line, None if observer is None else partial(observer, "out"))
        self._target = target
        self._observer = observer
        self._connecting: asyncio.Task[None] | None = None
        self._early: list[bytes | None] | None = []
        self._reset = False

    def connection_made(self, transport: Any) -> None:
        """Connect onward, at once or when the line's handshake is over."""
        super().connection_made(transport)
        if self._line.one_way_ns:
            self._not_before_ns = monotonic_ns() + 2 * self._line.one_way_ns
            self._send(self._handshake_over, None)
        else:
            self._handshake_over(None)

    def close(self) -> None:
        """Abort both ends."""
        if self._connecting is not None:
            self._connecting.cancel()
        for side in (self, self.other):
            if side is not None and side.transport is not None:
                side.transport.abort()

    def _handshake_over(self, _: bytes | None) -> None:
        # Kept in a field, because the loop has only a weak reference to a task.
        self._connecting = asyncio.get_running_loop().create_task(self._connect())

    def _arrived(self, piece: bytes | None) -> None:
        """Keep pieces until the far end is connected; they count as under way."""
        if self._early is None:
            super()._arrived(piece)
        else:
            self._early.append(piece)

    def _reset_arrived(self, _: bytes | None) -> None:
        self._reset = True
        super()._reset_arrived(None)

    async def _connect(self) -> None:
        far = Side(self._line, None if self._observer is None else partial(self._observer, "in"))
        far.other = self
        loop = asyncio.get_running_loop()
        try:
            if isinstance(self._target, str):
                await loop.create_unix_connection(lambda: far, self._target)
            else:
                await loop.create_connection(lambda: far, *self._target)
        except OSError:
            if self.transport is not None:
                self.transport.abort()
            return
        self.other = far
        early, self._early = self._early or [], None
        if self._reset:  # the client has reset the connection: drop its bytes
            super()._reset_arrived(None)
            return
        for piece in early:
            self._arrived(piece)


class Relay:
    """Listening ports on loopback and their connections. All methods belong to one event loop."""

    def __init__(self) -> None:
        self._near: set[Near] = set()
        self._servers: list[asyncio.Server] = []

    async def listen(
        self,
        line: Line,
        target: Target,
        observe: Callable[[], Observer] | None = None,
        place: socket.socket | None = None,
        host: str = HOST,
    ) -> int:
        """Relay a new port.

        Args:
            line: the leg that the connections take.
            target: where to connect to.
            observe: makes an observer for each connection, when it is accepted.
            place: a bound socket, to listen there; a free port if None.
            host: the address of the free port.

        Returns:
            The port; 0 where it listens at a path.

        Raises:
            OSError: no port is free.
        """

        def accept() -> Near:
            near = Near(line, target, None if observe is None else observe())
            self._near.add(near)
            if len(self._near) % _BACKLOG == 0:
                self._near = {known for known in self._near if known.transport or known is near}
            return near

        loop = asyncio.get_running_loop()
        if place is None:
            server = await loop.create_server(accept, host, 0, backlog=_BACKLOG)
        else:
            server = await loop.create_server(accept, sock=place, backlog=_BACKLOG)
        self._servers.append(server)
        name: tuple[str, int] | str = server.sockets[0].getsockname()
        return 0 if isinstance(name, str) else name[1]

    def connections(self) -> int:
        """How many connections are open."""
        self._near = {near for near in self._near if near.transport is not None}
        return len(self._near)

    async def refuse(self) -> None:
        """Stop to listen; connections that are open live on."""
        loop = asyncio.get_running_loop()
        for _ in range(_LOOK):
            await asyncio.sleep(0)
        for server in self._servers:
            for listening in server.sockets:
                loop.remove_reader(listening)
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        self._stop_listening()

    def _stop_listening(self) -> None:
        for server in self._servers:
            server.close()
        self._servers.clear()

    def close(self) -> None:
        """Stop to listen and abort every connection; sockets close in the loop's next turn."""
        self._stop_listening()
        for near in self._near:
            near.close()

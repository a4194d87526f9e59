"""The two ends of a relayed connection: what one hears, the other says half a round trip later."""

import asyncio
import socket
import struct
from time import monotonic_ns
from typing import Any

from harness.lab.latency.line import Deliver, Line

HELD_BYTES = 1 << 20
"""Of one side's pieces that are under way: above this it is not listened to. Enough for a
connection of 100 ms round trip at 20 MB/s."""

_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with no time to linger: closing then resets the connection (socket(7))."""


class Side(asyncio.Protocol):
    """One end. Data, ends and resets all take the same time, so their order is kept."""

    def __init__(self, line: Line) -> None:
        self.transport: asyncio.Transport | None = None
        self.other: Side | None = None
        self.not_before_ns = 0
        self._due_ns = 0
        self._line = line
        self._held = 0
        self._deaf = False
        self._choked = False
        self._end_told = False

    def connection_made(self, transport: Any) -> None:
        """It stands: small pieces must not wait for others (Nagle's algorithm)."""
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        """Send it on its way; without a delay, and with nothing before it, it is there."""
        if self.other is None or self._held or self.not_before_ns or self._line.one_way_ns:
            self._send(data)
        else:
            self.other.say(data)

    def _send(self, data: bytes) -> None:
        """What takes its time."""
        if self.not_before_ns and self.not_before_ns <= monotonic_ns():
            self.not_before_ns = 0
        self._held += len(data)
        self._travel(self._arrived, data)
        if self._held > HELD_BYTES:
            self._listen(False)

    def _travel(self, deliver: Deliver, piece: bytes | None) -> None:
        self._due_ns = self._line.send(deliver, piece, self.not_before_ns, self._due_ns)

    def _arrived(self, piece: bytes | None) -> None:
        if piece is None:
            self._end_arrived()
            return
        self._held -= len(piece)
        if self.other is not None:
            self.other.say(piece)
        if self._deaf and self._held <= HELD_BYTES // 2:
            self._listen(True)

    def say(self, data: bytes) -> None:
        """To whoever is at this end; nobody, if they have gone meanwhile."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def eof_received(self) -> bool:
        """They have said their last, and may go on listening."""
        self._travel(self._arrived, None)
        return True

    def _end_arrived(self) -> None:
        self._end_told = True
        other = self.other
        if other is None or other.transport is None or other.transport.is_closing():
            return
        # Not before the other's end has arrived here: what it said before may still be under way.
        if other._end_told or self.transport is None:
            other.transport.close()
            if self.transport is not None:
                self.transport.close()
        else:
            other.transport.write_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        """A reset travels like everything else."""
        self.transport = None
        if exc is None:
            self._travel(self._arrived, None)
        else:
            self._travel(self._reset_arrived, None)

    def _reset_arrived(self, _: bytes | None) -> None:
        if self.other is not None and self.other.transport is not None:
            connected = self.other.transport.get_extra_info("socket")
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.other.transport.abort()

    def pause_writing(self) -> None:
        """Who is at this end does not read; so the other end is not listened to."""
        self._choked = True
        if self.other is not None:
            self.other._listen(False)

    def resume_writing(self) -> None:
        """They read again."""
        self._choked = False
        if self.other is not None and self.other._held <= HELD_BYTES:
            self.other._listen(True)

    def _listen(self, wanted: bool) -> None:
        if self.transport is None or self.transport.is_closing() or self._deaf is not wanted:
            return
        if wanted and self.other is not None and self.other._choked:
            return
        self._deaf = not wanted
        if wanted:
            self.transport.resume_reading()
        else:
            self.transport.pause_reading()


class Near(Side):
    """The end towards the client. The far end is opened when the handshake would be over there.

    The kernel has answered the client's SYN at once; on a long line its connect would have taken a
    round trip, and the ACK that ends the handshake half of one more. So whatever the client says
    first sets out a round trip after it came, and the server accepts just before it hears that.
    """

    def __init__(self, line: Line, target: tuple[str, int]) -> None:
        super().__init__(line)
        self._target = target
        self._tasks: set[asyncio.Task[None]] = set()
        self._early: list[bytes | None] | None = []
        self._reset = False

    def connection_made(self, transport: Any) -> None:
        """Connect onward, in time."""
        super().connection_made(transport)
        if self._line.one_way_ns:
            self.not_before_ns = monotonic_ns() + 2 * self._line.one_way_ns
            self._travel(self._handshaken, None)
        else:
            self._handshaken(None)

    def _handshaken(self, _: bytes | None) -> None:
        task = asyncio.get_running_loop().create_task(self._connect())
        self._tasks.add(task)  # the loop itself keeps only a weak reference
        task.add_done_callback(self._tasks.discard)

    def _arrived(self, piece: bytes | None) -> None:
        """What comes before the far end stands is kept for it; it counts as under way."""
        if self._early is None:
            super()._arrived(piece)
        else:
            self._early.append(piece)

    def _reset_arrived(self, _: bytes | None) -> None:
        self._reset = True
        super()._reset_arrived(None)

    async def _connect(self) -> None:
        far = Side(self._line)
        far.other = self
        try:
            await asyncio.get_running_loop().create_connection(lambda: far, *self._target)
        except OSError:
            if self.transport is not None:
                self.transport.abort()
            return
        self.other = far
        early, self._early = self._early or [], None
        if self._reset:  # the client is gone, and nothing of it counts
            super()._reset_arrived(None)
            return
        for piece in early:
            self._arrived(piece)

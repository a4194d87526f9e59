"""Typed messages between the harness and a process that it started, over that process's pipes.

A message is a msgspec record as MessagePack after its length in four bytes. The harness writes
requests to the process's standard input and reads answers from its standard output, one answer for
each request. The load generator, the relay and the bare server speak this way.

The speed probe does not: it sends a stream of fixed 16-byte readings that are never asked for, and
encoding them would cost time on the core that is measured.
"""

import asyncio
import os
import select
import struct
import time
from collections.abc import Callable, Sequence
from typing import IO

import msgspec

PATIENCE_S = 30.0
"""For an answer that takes milliseconds: halted for a few seconds, a process still goes on."""
POLL_S = 0.25
"""How often a wait looks at other things than the answer."""
_LENGTH = struct.Struct(">I")
_encoder = msgspec.msgpack.Encoder()


def send(stream: IO[bytes], message: object) -> None:
    """Write one message and flush it.

    Raises:
        OSError: the other end is gone.
    """
    body = _encoder.encode(message)
    stream.write(_LENGTH.pack(len(body)) + body)
    stream.flush()


def receive[Message](
    stream: IO[bytes], decoder: "msgspec.msgpack.Decoder[Message]"
) -> Message | None:
    """Read the next message; None when the stream ends, even in the middle of a message."""
    prefix = stream.read(_LENGTH.size)
    if len(prefix) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(prefix)
    body = stream.read(length)
    return decoder.decode(body) if len(body) == length else None


async def receive_async[Message](
    stream: asyncio.StreamReader, decoder: "msgspec.msgpack.Decoder[Message]"
) -> Message | None:
    """Read like `receive`, for a process whose event loop goes on meanwhile."""
    try:
        (length,) = _LENGTH.unpack(await stream.readexactly(_LENGTH.size))
        return decoder.decode(await stream.readexactly(length))
    except asyncio.IncompleteReadError:
        return None


def polling(reading: Sequence[IO[bytes]], writing: Sequence[IO[bytes]] = ()) -> select.poll:
    """What waits until one of the streams is ready; select(2) knows no descriptor above 1023.

    Raises:
        OSError, ValueError: a stream was closed.
    """
    poll = select.poll()
    for stream in reading:
        poll.register(stream.fileno(), select.POLLIN)
    for stream in writing:
        poll.register(stream.fileno(), select.POLLOUT)
    return poll


class Channel[Answer]:
    """The harness's end of the pipes to a process.

    With `silent` it never blocks for good: a process that is halted, or hangs, is given up.

    Args:
        requests: the process's standard input.
        answers: its standard output. Nothing is read ahead, so it can be polled.
        decoder: of its answers.
        died: makes the error to raise when the process is gone; it may quote the process's last
            words.
        silent: makes the error to raise when it takes longer than so many seconds; None to wait
            for as long as the process lives.
    """

    def __init__(
        self,
        requests: IO[bytes] | None,
        answers: IO[bytes] | None,
        decoder: "msgspec.msgpack.Decoder[Answer]",
        died: Callable[[], Exception],
        silent: Callable[[float], Exception] | None = None,
    ) -> None:
        assert requests is not None
        assert answers is not None
        self.answers = answers
        self._requests = requests
        self._decoder = decoder
        self._died = died
        self._silent = silent
        os.set_blocking(requests.fileno(), False)

    def tell(self, request: object) -> None:
        """Send a request without waiting for its answer.

        Raises:
            Exception: an error that `died` or `silent` makes.
        """
        body = _encoder.encode(request)
        rest = memoryview(_LENGTH.pack(len(body)) + body)
        end = time.monotonic() + PATIENCE_S
        while rest:
            try:
                rest = rest[os.write(self._requests.fileno(), rest) :]
            except BlockingIOError:  # the pipe is full, and the process does not read
                self._wait((), [self._requests], end, PATIENCE_S, _go_on)
            except (OSError, ValueError):  # ValueError: the stream was closed
                raise self._died() from None

    def answer(
        self, patience_s: float = PATIENCE_S, meanwhile: Callable[[], None] | None = None
    ) -> Answer:
        """Wait for the next answer.

        Args:
            patience_s: for how long.
            meanwhile: is called a few times a second; what it raises ends the waiting.

        Raises:
            Exception: an error that `died` or `silent` makes.
        """
        end = time.monotonic() + patience_s
        prefix = self._read(_LENGTH.size, end, patience_s, meanwhile or _go_on)
        (length,) = _LENGTH.unpack(prefix)
        return self._decoder.decode(self._read(length, end, patience_s, meanwhile or _go_on))

    def ask(self, request: object, patience_s: float = PATIENCE_S) -> Answer:
        """Send a request and wait for its answer.

        Raises:
            Exception: an error that `died` or `silent` makes.
        """
        self.tell(request)
        return self.answer(patience_s)

    def _read(
        self, size: int, end: float, patience_s: float, meanwhile: Callable[[], None]
    ) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            self._wait([self.answers], (), end, patience_s, meanwhile)
            try:
                part = os.read(self.answers.fileno(), size - len(parts))
            except OSError:
                part = b""
            if not part:
                raise self._died()
            parts += part
        return bytes(parts)

    def _wait(
        self,
        reading: Sequence[IO[bytes]],
        writing: Sequence[IO[bytes]],
        end: float,
        patience_s: float,
        meanwhile: Callable[[], None],
    ) -> None:
        """Until one of the streams is ready."""
        try:
            poll = polling(reading, writing)
        except (OSError, ValueError):  # the stream was closed
            raise self._died() from None
        while True:
            if poll.poll(POLL_S * 1000):
                return
            meanwhile()
            if self._silent is not None and time.monotonic() > end:
                raise self._silent(patience_s)


def _go_on() -> None:
    """Let a process take its time."""

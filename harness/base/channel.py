"""Typed messages between the harness and a process that it started, over that process's pipes.

A message is a msgspec record as MessagePack after its length in four bytes. The harness writes
requests to the process's standard input and reads answers from its standard output, one answer for
each request. The load generator, the relay and the bare server speak this way.

The speed probe does not: it sends a stream of fixed 16-byte readings that are never asked for, and
encoding them would cost time on the core that is measured.
"""

import asyncio
import struct
from collections.abc import Callable
from typing import IO

import msgspec

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


class Channel[Answer]:
    """The harness's end of the pipes to a process.

    Args:
        requests: the process's standard input.
        answers: its standard output. Nothing stays in its buffer between two answers, so it can
            be polled.
        decoder: of its answers.
        died: makes the error to raise when the process is gone; it may quote the process's last
            words.
    """

    def __init__(
        self,
        requests: IO[bytes] | None,
        answers: IO[bytes] | None,
        decoder: "msgspec.msgpack.Decoder[Answer]",
        died: Callable[[], Exception],
    ) -> None:
        assert requests is not None
        assert answers is not None
        self.answers = answers
        self._requests = requests
        self._decoder = decoder
        self._died = died

    def tell(self, request: object) -> None:
        """Send a request without waiting for its answer.

        Raises:
            Exception: the error that `died` makes.
        """
        try:
            send(self._requests, request)
        except OSError:
            raise self._died() from None

    def answer(self) -> Answer:
        """Wait for the next answer.

        Raises:
            Exception: the error that `died` makes.
        """
        try:
            answer = receive(self.answers, self._decoder)
        except OSError:
            answer = None
        if answer is None:
            raise self._died()
        return answer

    def ask(self, request: object) -> Answer:
        """Send a request and wait for its answer.

        Raises:
            Exception: the error that `died` makes.
        """
        self.tell(request)
        return self.answer()

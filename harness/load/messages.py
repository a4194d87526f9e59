"""What harness and generator say to each other, as length-prefixed MessagePack."""

import struct
from typing import IO

import msgspec

_LENGTH = struct.Struct(">I")


class Exchange(msgspec.Struct, frozen=True, tag=True):
    """One kind of request and what a correct answer is.

    requests: complete HTTP requests, sent in turn; more than one where bodies should differ.
    body: the one correct body, where it is known beforehand.
    posts: for `/io_create`, the (title, content) with which each of `requests` must come back.
    """

    requests: list[bytes]
    body: bytes | None = None
    posts: list[tuple[str, str]] | None = None


class Open(msgspec.Struct, frozen=True, tag=True):
    """Prepare `connections` connections to a server, under a name. Answered by `Done`."""

    target: str
    host: str
    port: int
    connections: int
    keep_alive: bool


class Slice(msgspec.Struct, frozen=True, tag=True):
    """Closed loop: every connection sends at once, for `seconds`, then drains. Gives a `Tally`."""

    target: str
    exchange: Exchange
    seconds: float
    timeout_s: float


class Window(msgspec.Struct, frozen=True, tag=True):
    """Closed loop without a gap: `warmup_s`, then `seconds` that count.

    Gives `Edge(open=True)`, `Edge(open=False)` as they pass, then, after the drain, a `Tally`.
    """

    target: str
    exchange: Exchange
    warmup_s: float
    seconds: float
    timeout_s: float


class Close(msgspec.Struct, frozen=True, tag=True):
    """Close a target's connections. Answered by `Done`."""

    target: str


class Done(msgspec.Struct, frozen=True, tag=True):
    """The command was carried out."""


class Edge(msgspec.Struct, frozen=True, tag=True):
    """A window opens or closes now, at `at_ns` on the monotonic clock."""

    open: bool
    at_ns: int


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The command could not be carried out."""

    reason: str


class Tally(msgspec.Struct, frozen=True, tag=True):
    """What a slice or a window yielded.

    correct: complete, checked responses that count.
    errors: failed requests by kind: connect, closed, timeout, protocol, body, `status <code>`.
    samples: for some errors, what was seen.
    reconnects: connections that had to be made anew although the server keeps them alive.
    start_ns, end_ns: monotonic clock. Slice: first send and last response. Window: its edges.
    latencies: service times in nanoseconds of the correct responses in order of completion, as
        the bytes of an int64 array in the machine's byte order.
    before, in_flight: window only. Responses to requests sent before it opened, and requests that
        were still unanswered when it closed; neither count as correct.
    """

    correct: int
    errors: dict[str, int]
    samples: list[str]
    reconnects: int
    start_ns: int
    end_ns: int
    latencies: bytes
    before: int = 0
    in_flight: int = 0


Command = Open | Slice | Window | Close
Answer = Done | Edge | Failed | Tally

_encoder = msgspec.msgpack.Encoder()
_commands = msgspec.msgpack.Decoder(Command)
_answers = msgspec.msgpack.Decoder(Answer)


def write(stream: IO[bytes], message: Command | Answer) -> None:
    """Send one message, at once."""
    body = _encoder.encode(message)
    stream.write(_LENGTH.pack(len(body)) + body)
    stream.flush()


def read_command(stream: IO[bytes]) -> Command | None:
    """The next command, or None when the harness has closed the stream."""
    body = _read(stream)
    return None if body is None else _commands.decode(body)


def read_answer(stream: IO[bytes]) -> Answer | None:
    """The next answer, or None when the generator has ended."""
    body = _read(stream)
    return None if body is None else _answers.decode(body)


def _read(stream: IO[bytes]) -> bytes | None:
    prefix = stream.read(_LENGTH.size)
    if len(prefix) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(prefix)
    body = stream.read(length)
    return body if len(body) == length else None

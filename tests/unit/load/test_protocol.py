"""The messages, as they pass through a channel."""

import io
from array import array
from typing import get_args

import msgspec

from harness.base import channel
from harness.load.protocol import (
    ANSWERS,
    COMMANDS,
    Answer,
    Arrivals,
    Close,
    Command,
    Done,
    Exchange,
    Failed,
    Open,
    Opened,
    Slice,
    Tally,
    Window,
)

EXCHANGE = Exchange(
    requests=[b"GET / HTTP/1.1\r\n\r\n", b"\x00\xff"], body=b"{}", posts=[("t", "c")]
)
SENT_COMMANDS: list[Command] = [
    Open("a", "127.0.0.1", 80, 8, True),
    Slice("a", EXCHANGE, 0.15, 30.0),
    Window("a", EXCHANGE, 2**62, 2**62 + 1, 30.0, Arrivals("poisson", 10.5, (7, 1), 0.25)),
    Close("a"),
]
SENT_ANSWERS: list[Answer] = [
    Done(),
    Opened(8, 1, 2, 3, 4, 5, 6),
    Failed("why"),
    Tally(1, {"body": 2}, ["body: x"], 3, 4, 5, b"\x00" * 8, b"s", b"l", 6, 7, 8),
]


def passed[Message](message: object, decoder: msgspec.msgpack.Decoder[Message]) -> Message | None:
    """A message at the other end of a channel."""
    stream = io.BytesIO()
    channel.send(stream, message)
    stream.seek(0)
    return channel.receive(stream, decoder)


def test_the_samples_above_are_all_there_are() -> None:
    assert {type(c) for c in SENT_COMMANDS} == set(get_args(Command))
    assert {type(a) for a in SENT_ANSWERS} == set(get_args(Answer))


def test_messages_arrive_as_they_were_sent() -> None:
    assert [passed(command, COMMANDS) for command in SENT_COMMANDS] == SENT_COMMANDS
    assert [passed(answer, ANSWERS) for answer in SENT_ANSWERS] == SENT_ANSWERS


def test_a_tally_gives_its_times_as_arrays() -> None:
    def raw(*values: int) -> bytes:
        return array("q", values).tobytes()

    tally = Tally(2, {}, [], 0, 0, 9, raw(5, 7), raw(1, 2), raw(3), ends_before=raw(4, 4))
    assert tally.latencies_ns.tolist() == [5, 7]
    assert tally.starts_ns.tolist() == [1, 2]
    assert tally.lags_ns.tolist() == [3]
    assert tally.ends_before_ns.tolist() == [4, 4]

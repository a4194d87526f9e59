import io
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import pytest

from harness.load import protocol
from harness.load.protocol import (
    Answer,
    Arrivals,
    Close,
    Command,
    Done,
    Exchange,
    Failed,
    Open,
    Slice,
    Tally,
    Window,
)

EXCHANGE = Exchange(
    requests=[b"GET / HTTP/1.1\r\n\r\n", b"\x00\xff"], body=b"{}", posts=[("t", "c")]
)
COMMANDS: list[Command] = [
    Open("a", "127.0.0.1", 80, 8, True),
    Slice("a", EXCHANGE, 0.15, 30.0),
    Window("a", EXCHANGE, 2**62, 2**62 + 1, 30.0, Arrivals("poisson", 10.5, 7, 0.25)),
    Close("a"),
]
ANSWERS: list[Answer] = [
    Done(),
    Failed("why"),
    Tally(1, {"body": 2}, ["body: x"], 3, 4, 5, b"\x00" * 8, b"s", b"l", 6, 7, 8),
]


def stream_of(written: Sequence[Command | Answer]) -> io.BytesIO:
    stream = io.BytesIO()
    for message in written:
        protocol.write(stream, message)
    stream.seek(0)
    return stream


def test_the_samples_below_are_all_there_are() -> None:
    assert {type(c) for c in COMMANDS} == set(get_args(Command))
    assert {type(a) for a in ANSWERS} == set(get_args(Answer))


def test_commands_arrive_as_they_were_sent_and_then_the_end() -> None:
    stream = stream_of(COMMANDS)
    assert [protocol.read_command(stream) for _ in COMMANDS] == COMMANDS
    assert protocol.read_command(stream) is None


def test_answers_arrive_as_they_were_sent_and_then_the_end() -> None:
    stream = stream_of(ANSWERS)
    assert [protocol.read_answer(stream) for _ in ANSWERS] == ANSWERS
    assert protocol.read_answer(stream) is None


@pytest.mark.parametrize("left", range(1, 12))
def test_a_message_cut_anywhere_is_the_end_and_not_a_message(left: int) -> None:
    """The other process was killed while it wrote."""
    whole = stream_of([Failed("a reason")]).getvalue()
    assert left < len(whole)
    assert protocol.read_answer(io.BytesIO(whole[:left])) is None
    assert protocol.read_answer(io.BytesIO(whole[:-left])) is None


def test_a_message_is_on_its_way_at_once(tmp_path: Path) -> None:
    """Through a buffered stream, as a pipe's is: a tally that waits would stall the harness."""
    path = tmp_path / "stream"
    with path.open("wb") as writing, path.open("rb") as reading:
        protocol.write(writing, Done())
        assert protocol.read_answer(reading) == Done()


def test_a_tally_gives_its_times_as_arrays() -> None:
    def raw(*values: int) -> bytes:
        return array("q", values).tobytes()

    tally = Tally(2, {}, [], 0, 0, 9, raw(5, 7), raw(1, 2), raw(3), ends_before=raw(4, 4))
    assert tally.latencies_ns.tolist() == [5, 7]
    assert tally.starts_ns.tolist() == [1, 2]
    assert tally.lags_ns.tolist() == [3]
    assert tally.ends_before_ns.tolist() == [4, 4]

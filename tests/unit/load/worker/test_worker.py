"""The worker's commands and answers, in this process, over streams in memory."""

import asyncio
import io
import time
from collections.abc import Iterator

import pytest
import uvloop

from harness.base import channel
from harness.lab.process import wait_until
from harness.load.protocol import (
    ANSWERS,
    Answer,
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
from harness.load.worker.http1 import request_bytes
from harness.load.worker.worker import LoadWorker
from tests.toys.http import HOST, OK, OK_BODY, Toy, respond
from tests.waiting import PATIENCE_S

EXCHANGE = Exchange(requests=[request_bytes("GET", "/health", "toy")], body=OK_BODY)


@pytest.fixture
def toy() -> Iterator[Toy]:
    with Toy(respond(OK)) as running:
        yield running


def serve(*commands: Command) -> list[Answer]:
    """What a worker answers to these commands before their stream ends."""
    asked, answered = io.BytesIO(), io.BytesIO()
    for command in commands:
        channel.send(asked, command)
    asked.seek(0)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        LoadWorker(runner.get_loop(), answered).serve(asked)
    answered.seek(0)
    return list(iter(lambda: channel.receive(answered, ANSWERS), None))


def test_carries_out_commands_in_turn_until_the_stream_ends(toy: Toy) -> None:
    opened, tally, closed = serve(
        Open("a", HOST, toy.port, 2, True), Slice("a", EXCHANGE, 0.02, 5.0), Close("a")
    )
    assert isinstance(opened, Opened)
    assert (opened.opened, opened.refused) == (2, 0)
    assert closed == Done()
    assert isinstance(tally, Tally)
    assert tally.correct == toy.requests > 0
    assert toy.connections == 2


def test_a_window_is_answered_by_its_tally(toy: Toy) -> None:
    opens = time.monotonic_ns() + 200_000_000
    closes = opens + 2_300_000_000  # wide enough to be met while others use the cores
    _, tally = serve(Open("a", HOST, toy.port, 2, True), Window("a", EXCHANGE, opens, closes, 5.0))
    assert isinstance(tally, Tally)
    assert (tally.start_ns, tally.end_ns) == (opens, closes)
    sent = tally.correct + tally.before + tally.in_flight
    assert sent > 0
    assert wait_until(lambda: toy.requests >= sent, PATIENCE_S)  # those in flight arrive late


@pytest.mark.parametrize(
    "command", [Slice("b", EXCHANGE, 0.02, 5.0), Window("b", EXCHANGE, 0, 1, 5.0), Close("b")]
)
def test_a_target_that_was_never_opened_is_refused_and_the_worker_goes_on(
    toy: Toy, command: Command
) -> None:
    refused, opened = serve(command, Open("a", HOST, toy.port, 1, True))
    assert refused == Failed("no target 'b'")
    assert isinstance(opened, Opened)


@pytest.mark.parametrize(
    ("response", "status", "errors"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nxyz", 404, set()),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, set()),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", 200, set()),
        (OK, 404, {"status 200"}),
    ],
    ids=["an error that is expected", "no body", "chunks", "another status"],
)
def test_a_complete_answer_with_the_expected_status_is_correct(
    response: bytes, status: int, errors: set[str]
) -> None:
    exchange = Exchange([request_bytes("GET", "/", "toy")], any_body=True, status=status)
    with Toy(respond(response)) as toy:
        _, tally = serve(Open("a", HOST, toy.port, 2, True), Slice("a", exchange, 0.02, 5.0))
        assert isinstance(tally, Tally)
        assert tally.errors.keys() == errors
        assert bool(tally.correct) is not bool(errors)
        assert tally.reconnects == 0


def test_targets_are_apart(toy: Toy) -> None:
    with Toy(respond(OK)) as other:
        serve(
            Open("a", HOST, toy.port, 1, True),
            Open("b", HOST, other.port, 3, True),
            Slice("b", EXCHANGE, 0.02, 5.0),
        )
        assert wait_until(lambda: toy.connections == 1, PATIENCE_S)  # it is accepted, though unused
        assert toy.requests == 0
        assert other.connections == 3
        assert other.requests > 0

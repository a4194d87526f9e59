import asyncio
from time import monotonic_ns

import pytest

from harness.lab.latency import relay
from harness.lab.latency.relay import Line
from tests.waiting import PATIENCE_S

MS = 1_000_000


async def until_empty(line: Line) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not line.empty:
            await asyncio.sleep(0.001)


def test_a_piece_arrives_when_its_time_is_over_and_not_before() -> None:
    async def go() -> int:
        line = Line(asyncio.get_running_loop())
        line.one_way_ns = 20 * MS
        arrived: list[int] = []
        began = monotonic_ns()
        line.send(lambda _: arrived.append(monotonic_ns()), b"x")
        await until_empty(line)
        line.close()
        return arrived[0] - began

    assert asyncio.run(go()) >= 20 * MS


def test_what_comes_after_never_overtakes_when_the_delay_shrinks() -> None:
    async def go() -> list[bytes | None]:
        line = Line(asyncio.get_running_loop())
        arrived: list[bytes | None] = []
        due = 0
        for delay, piece in ((30, b"slow"), (0, b"fast"), (5, None)):
            line.one_way_ns = delay * MS
            due = line.send(arrived.append, piece, after_ns=due)
        await until_empty(line)
        line.close()
        return arrived

    assert asyncio.run(go()) == [b"slow", b"fast", None]


def test_nobody_waits_for_a_piece_of_another_connection_that_is_due_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def go() -> list[bytes | None]:
        line = Line(asyncio.get_running_loop())
        line.one_way_ns = 10 * MS
        arrived: list[bytes | None] = []
        now = monotonic_ns()
        with monkeypatch.context() as at_once:
            at_once.setattr(relay, "monotonic_ns", lambda: now)
            line.send(arrived.append, b"opening", now + 20 * MS)
            line.send(arrived.append, b"open")
        await until_empty(line)
        line.close()
        return arrived

    assert asyncio.run(go()) == [b"open", b"opening"]


def test_a_piece_does_not_set_out_before_it_may() -> None:
    async def go() -> int:
        line = Line(asyncio.get_running_loop())
        line.one_way_ns = 5 * MS
        arrived: list[int] = []
        began = monotonic_ns()
        line.send(lambda _: arrived.append(monotonic_ns()), b"x", began + 20 * MS)
        await until_empty(line)
        line.close()
        return arrived[0] - began

    assert asyncio.run(go()) >= 25 * MS


def test_a_piece_that_cannot_be_delivered_holds_up_no_other() -> None:
    def broken(_: bytes | None) -> None:
        raise OSError("nobody is there")

    async def go() -> tuple[list[bytes | None], list[str]]:
        loop = asyncio.get_running_loop()
        complaints: list[str] = []
        loop.set_exception_handler(lambda _, told: complaints.append(str(told["exception"])))
        line = Line(loop)
        line.one_way_ns = 5 * MS
        arrived: list[bytes | None] = []
        line.send(broken, b"lost")
        line.send(arrived.append, b"x")
        await until_empty(line)
        line.close()
        return arrived, complaints

    assert asyncio.run(go()) == ([b"x"], ["nobody is there"])


def test_without_a_delay_a_piece_is_due_at_once() -> None:
    async def go() -> list[bytes | None]:
        line = Line(asyncio.get_running_loop())
        arrived: list[bytes | None] = []
        line.send(arrived.append, b"x")
        await until_empty(line)
        line.close()
        return arrived

    assert asyncio.run(go()) == [b"x"]


def test_a_line_that_is_closed_drops_what_comes_later() -> None:
    """Connections that are aborted still report their end."""

    async def go() -> list[bytes | None]:
        line = Line(asyncio.get_running_loop())
        arrived: list[bytes | None] = []
        line.close()
        line.close()
        line.send(arrived.append, None)
        await asyncio.sleep(0.01)
        return arrived

    assert asyncio.run(go()) == []

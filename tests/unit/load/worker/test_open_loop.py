"""The open loop against real servers: what is due is sent when it is due, and nothing is hidden."""

import time
from array import array
from collections.abc import Iterator
from typing import Literal

import numpy as np
import pytest

from harness.load.generator import Edge, ProcessGenerator
from harness.load.protocol import Arrivals, Exchange, Tally
from harness.load.worker.http1 import request_bytes
from tests.toys.http import HOST, OK, OK_BODY, Behaviour, Toy, Visit, respond, respond_once

EXCHANGE = Exchange(requests=[request_bytes("GET", "/health", "toy")], body=OK_BODY)


ALL = 256
"""Connections enough for all that arrive, however long a busy machine holds each of them up."""


def values(raw: bytes) -> list[int]:
    found = array("q")
    found.frombytes(raw)
    return list(found)


def load(
    generator: ProcessGenerator,
    behaviour: Behaviour,
    rate: float,
    *,
    kind: Literal["poisson", "constant"] = "constant",
    connections: int = 16,
    seconds: float = 0.5,
    keep_alive: bool = True,
) -> tuple[Tally, Toy]:
    with Toy(behaviour) as toy:
        name = str(toy.port)
        generator.open(name, HOST, toy.port, connections=connections, keep_alive=keep_alive)
        # The server accepts later than the kernel, and some connections may never be used.
        assert toy.until_open(connections if keep_alive else 0)
        tally = generator.window(
            name, EXCHANGE, warmup_s=0.1, seconds=seconds, timeout_s=5.0,
            arrivals=Arrivals(kind, rate, (5,)),
        )  # fmt: skip
        generator.close(name)
    return tally, toy


@pytest.fixture(scope="module")
def several() -> Iterator[ProcessGenerator]:
    """Three processes that share the load."""
    with ProcessGenerator([0], processes=3) as running:
        yield running


def test_what_is_due_is_sent_and_answered(generator: ProcessGenerator) -> None:
    tally, toy = load(generator, respond(OK), 400, connections=ALL)
    assert tally.errors == {}
    assert tally.correct + tally.in_flight == 200
    assert tally.dropped == 0
    assert toy.connections == ALL
    assert len(values(tally.lags)) == 200
    assert min(values(tally.lags)) >= 0
    assert np.diff(sorted(values(tally.starts))).tolist() == [2_500_000] * (
        tally.correct + tally.in_flight - 1
    )


def test_a_stall_is_charged_to_all_who_would_have_come_meanwhile(
    generator: ProcessGenerator,
) -> None:
    """The server stops for a second: a closed loop would see one slow request per connection.

    What is slow is slower than a busy machine makes it.
    """
    stalled: list[float] = []

    def stall(visit: Visit) -> None:
        while visit.request() is not None:
            if visit.toy.requests >= 60 and not stalled:
                stalled.append(time.monotonic())
            if stalled:
                time.sleep(max(0.0, stalled[0] + 1.0 - time.monotonic()))
            visit.send(OK)

    tally, _ = load(generator, stall, 200, connections=300, seconds=1.5)
    slow = sorted(latency / 1e6 for latency in values(tally.latencies) if latency > 200e6)
    assert tally.dropped == 0
    assert 140 <= len(slow) <= 200  # 0.8 s at 200 per second, from 1 s down to 200 ms
    assert slow[-1] == pytest.approx(1_000, abs=200)
    assert slow[len(slow) // 2] == pytest.approx(600, abs=150)


def test_arrivals_that_find_no_connection_are_dropped_and_counted(
    generator: ProcessGenerator,
) -> None:
    """Two connections, 100 ms each: 20 requests per second of the 200 that come."""

    def slowly(visit: Visit) -> None:
        while visit.request() is not None:
            time.sleep(0.1)
            visit.send(OK)

    tally, toy = load(generator, slowly, 200, connections=2)
    assert tally.errors == {}
    assert 4 <= tally.correct + tally.in_flight <= 12
    assert tally.dropped + tally.correct + tally.in_flight == 100
    assert toy.connections == 2


def test_without_keep_alive_each_arrival_opens_a_connection(generator: ProcessGenerator) -> None:
    tally, toy = load(
        generator,
        respond_once(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)),
        100,
        connections=ALL,
        keep_alive=False,
    )
    assert tally.errors == {}
    assert tally.reconnects == 0
    assert tally.correct + tally.in_flight == 50
    assert toy.connections == toy.requests >= 50


def test_poisson_arrivals_come_at_the_rate_asked_for(generator: ProcessGenerator) -> None:
    tally, _ = load(generator, respond(OK), 500, kind="poisson", seconds=1.0, connections=64)
    due = tally.correct + tally.in_flight + tally.dropped
    assert due == pytest.approx(500, abs=4.5 * 500**0.5)


def test_errors_are_counted_and_the_load_goes_on(generator: ProcessGenerator) -> None:
    bad = b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"
    tally, _ = load(generator, respond(OK, bad), 200)
    assert set(tally.errors) == {"status 500"}
    due = tally.errors["status 500"] + tally.correct + tally.in_flight + tally.dropped
    assert due == 100


@pytest.mark.parametrize("kind", ["poisson", "constant"])
def test_several_generators_share_rate_and_connections(
    several: ProcessGenerator, kind: Literal["poisson", "constant"]
) -> None:
    tally, toy = load(several, respond(OK), 300, kind=kind, connections=7)
    due = tally.correct + tally.in_flight + tally.dropped
    assert due == pytest.approx(150, abs=0 if kind == "constant" else 60)
    assert toy.connections == 7
    if kind == "constant":
        gaps = np.diff(sorted(values(tally.starts)))
        assert np.median(gaps) == pytest.approx(1e9 / 300, rel=0.9)


def test_several_generators_share_a_closed_loop(several: ProcessGenerator) -> None:
    with Toy(respond(OK)) as toy:
        several.open("shared", HOST, toy.port, connections=8)
        tally = several.slice("shared", EXCHANGE, 0.1)
        several.close("shared")
        assert toy.connections == 8
        assert tally.correct == toy.requests == len(values(tally.latencies))
        ends = [s + d for s, d in zip(values(tally.starts), values(tally.latencies), strict=True)]
        assert ends == sorted(ends)


def test_a_window_in_which_nothing_is_due_ends(generator: ProcessGenerator) -> None:
    edges: list[Edge] = []
    with Toy(respond(OK)) as toy:
        generator.open("rare", HOST, toy.port, connections=1)
        tally = generator.window(
            "rare", EXCHANGE, warmup_s=0.0, seconds=0.05, at_edge=edges.append,
            arrivals=Arrivals("constant", 1.0, (0,), offset_s=5.0),
        )  # fmt: skip
        generator.close("rare")
    assert (tally.correct, toy.requests) == (0, 0)
    assert [edge.open for edge in edges] == [True, False]

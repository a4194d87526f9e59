"""The open loop against real servers: what is due is sent when it is due, and nothing is hidden."""

import itertools
import threading
import time
from array import array
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Literal

import numpy as np
import pytest

from harness.load import generator as loads
from harness.load.generator import Edge, ProcessGenerator
from harness.load.protocol import Arrivals, Command, Exchange, Tally, Window
from harness.load.worker.http1 import request_bytes
from tests.toys.http import HOST, OK, OK_BODY, Behaviour, Toy, Visit, respond, respond_once
from tests.toys.looks import until_quiet
from tests.waiting import PATIENCE_S

EXCHANGE = Exchange(requests=[request_bytes("GET", "/health", "toy")], body=OK_BODY)
WARMUP_S = 0.3
ALL = 340
"""Connections enough for all that arrive, however long a busy machine holds each of them up."""


def values(raw: bytes) -> list[int]:
    found = array("q")
    found.frombytes(raw)
    return list(found)


def once(
    generator: ProcessGenerator,
    behaviour: Behaviour,
    rate: float,
    *,
    kind: Literal["poisson", "constant"] = "constant",
    connections: int = 16,
    seconds: float = 0.5,
    keep_alive: bool = True,
    at_edge: Callable[[Edge], None] = lambda _: None,
) -> tuple[Tally, Toy]:
    """One window, which a busy machine may begin to load late."""
    with Toy(behaviour) as toy:
        name = str(toy.port)
        generator.open(name, HOST, toy.port, connections=connections, keep_alive=keep_alive)
        # The server accepts later than the kernel, and some connections may never be used.
        assert toy.until_open(connections if keep_alive else 0)
        tally = generator.window(
            name, EXCHANGE, warmup_s=WARMUP_S, seconds=seconds, timeout_s=PATIENCE_S,
            arrivals=Arrivals(kind, rate, (5,)), at_edge=at_edge,
        )  # fmt: skip
        generator.close(name)
    return tally, toy


def due(tally: Tally) -> int:
    """Arrivals that were due in the window."""
    return tally.correct + tally.in_flight + tally.dropped + sum(tally.errors.values())


def load(
    generator: ProcessGenerator,
    behaviour: Behaviour,
    rate: float,
    *,
    kind: Literal["poisson", "constant"] = "constant",
    seconds: float = 0.5,
    **more: Any,
) -> tuple[Tally, Toy]:
    """A window whose load had begun before it opened: else the first arrivals are missing.

    more: as `once` has it.
    """
    most = rate * seconds
    least = most if kind == "constant" else most - 4.5 * most**0.5
    return until_quiet(
        partial(once, generator, behaviour, rate, kind=kind, seconds=seconds, **more),
        lambda seen: due(seen[0]) >= least,
    )


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
    """The server stops till the window closes: a closed loop sees one request per connection."""

    def look() -> tuple[Tally, Toy]:
        closed = threading.Event()

        def stall(visit: Visit) -> None:
            while visit.request() is not None:
                if visit.toy.requests > 5:
                    closed.wait(PATIENCE_S)
                visit.send(OK)

        def at_edge(edge: Edge) -> None:
            if not edge.open:
                closed.set()

        return once(generator, stall, 200, connections=400, seconds=1.5, at_edge=at_edge)

    tally, _ = until_quiet(look, lambda seen: due(seen[0]) >= 300)
    assert (tally.errors, tally.dropped) == ({}, 0)
    assert due(tally) == 300
    assert tally.in_flight >= 295
    latencies = values(tally.latencies)
    waited = [tally.end_ns - start for start in values(tally.starts)]
    assert sum(took >= left for took, left in zip(latencies, waited, strict=True)) >= 295
    assert sum(took >= 0.75e9 for took in latencies) >= 145  # half of them come in the first half


def test_arrivals_that_find_no_connection_are_dropped_and_counted(
    generator: ProcessGenerator,
) -> None:
    """Two connections, 100 ms each: 20 requests per second of the 200 that come."""

    def slowly(visit: Visit) -> None:
        while visit.request() is not None:
            time.sleep(0.1)
            visit.send(OK)

    tally, toy = until_quiet(
        lambda: load(generator, slowly, 200, connections=2),
        lambda seen: seen[0].correct + seen[0].in_flight >= 4,
    )
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
    assert due(tally) == pytest.approx(500, abs=4.5 * 500**0.5)


def test_errors_are_counted_and_the_load_goes_on(generator: ProcessGenerator) -> None:
    bad = b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"
    numbers = itertools.count()  # its next() is atomic

    def every_other_is_bad(visit: Visit) -> None:
        while visit.request() is not None:
            visit.send(bad if next(numbers) % 2 else OK)

    tally, _ = load(generator, every_other_is_bad, 200, connections=ALL)
    assert set(tally.errors) == {"status 500"}
    assert tally.correct + tally.in_flight > 0
    assert due(tally) == 100


@pytest.mark.parametrize("kind", ["poisson", "constant"])
def test_several_generators_share_rate_and_connections(
    several: ProcessGenerator,
    kind: Literal["poisson", "constant"],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[Arrivals | None] = []
    tell = loads._Worker.tell

    def noting(self: loads._Worker, command: Command) -> None:
        if isinstance(command, Window):
            told.append(command.arrivals)
        tell(self, command)

    monkeypatch.setattr(loads._Worker, "tell", noting)
    tally, toy = load(several, respond(OK), 300, kind=kind, connections=7)
    assert due(tally) == pytest.approx(150, abs=0 if kind == "constant" else 60)
    assert toy.connections == 7
    # When each process begins is up to the machine; that their arrivals interleave is asked for.
    assert told[-3:] == [Arrivals(kind, 100.0, (5, n), offset_s=n / 300) for n in range(3)]


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

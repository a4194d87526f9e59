"""Connections that are opened before a load: at which rate, and what became of each."""

import asyncio
import socket
import time
from collections.abc import Callable, Coroutine

import pytest
import uvloop

from harness.lab.network import backlog_overflows, free_port
from harness.load.generator import ProcessGenerator, all_opened
from harness.load.protocol import Exchange, Open, Opened
from harness.load.worker import target as targets
from harness.load.worker.connection import Connection
from harness.load.worker.http1 import request_bytes
from harness.load.worker.pace import paced
from harness.load.worker.target import Target
from tests.toys.http import HOST, OK, OK_BODY, Toy, Visit, respond, stay_silent
from tests.waiting import PATIENCE_S

EXCHANGE = Exchange(requests=[request_bytes("GET", "/health", "toy")], body=OK_BODY)
N = 6


def run[T](scenario: Callable[[], Coroutine[None, None, T]]) -> T:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(asyncio.wait_for(scenario(), PATIENCE_S))


def opened(port: int, per_s: float = 1e6, *, keep_alive: bool = True) -> Opened:
    async def scenario() -> Opened:
        target = Target(Open("any", HOST, port, N, keep_alive))
        try:
            return await target.open(per_s)
        finally:
            target.close()

    return run(scenario)


def test_all_stand_at_a_server_that_takes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "_SLOW_S", 15.0)  # this process may be held up for a second
    monkeypatch.setattr(targets, "_CONNECT_S", PATIENCE_S)
    with Toy(respond(OK)) as toy:
        told = opened(toy.port)
    assert (told.opened, told.slow, told.refused, told.unanswered, told.failed) == (N, 0, 0, 0, 0)
    assert 0 < told.longest_ns <= told.elapsed_ns


def test_they_are_begun_at_the_rate_that_is_asked_for() -> None:
    """The last one is due after (N - 1) gaps, however fast the server takes them."""
    with Toy(respond(OK)) as toy:
        assert opened(toy.port, per_s=50).elapsed_ns >= (N - 1) / 50 * 1e9


def test_connections_to_a_port_without_a_server_are_refused() -> None:
    told = opened(free_port())
    assert (told.opened, told.refused, told.unanswered, told.failed) == (0, N, 0, 0)


def test_a_full_backlog_leaves_connections_unanswered_and_is_counted_by_the_kernel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(targets, "_CONNECT_S", 0.2)
    with socket.create_server((HOST, 0), backlog=0) as listener, socket.socket() as first:
        port = listener.getsockname()[1]
        first.connect((HOST, port))  # the one that a backlog of 0 holds
        before = backlog_overflows()
        told = opened(port)
        after = backlog_overflows()
    assert (told.opened, told.refused, told.unanswered, told.failed) == (0, 0, N, 0)
    assert before is None or (after is not None and after - before >= N)


def test_a_connection_that_the_kernel_had_to_try_again_is_slow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The limit is lowered in place of waiting for a second."""
    monkeypatch.setattr(targets, "_SLOW_S", 0.0)
    with Toy(respond(OK)) as toy:
        assert opened(toy.port).slow == N


def test_none_is_opened_where_the_server_does_not_keep_them() -> None:
    with Toy(respond(OK)) as toy:
        assert opened(toy.port, keep_alive=False) == Opened()
        assert toy.connections == 0


def test_a_machine_without_ports_or_files_is_no_fault_of_the_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def refuse(_: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(Connection, "connect", refuse)
    with pytest.raises(OSError, match="Too many open files"):
        opened(1)


def test_shares_of_several_processes_are_added() -> None:
    whole = all_opened([Opened(3, 1, 0, 2, 0, 50, 90), Opened(4, 0, 1, 0, 1, 70, 80)])
    assert whole == Opened(7, 1, 1, 2, 1, 70, 90)


def test_several_processes_open_the_connections_of_one_target() -> None:
    with Toy(respond(OK)) as toy, ProcessGenerator([0], processes=3) as three:
        told = three.open("shared", HOST, toy.port, connections=7)
        assert told.opened == 7
        assert toy.until_open(7)


def test_what_is_paced_is_due_one_gap_after_the_other() -> None:
    async def scenario() -> list[tuple[int, float]]:
        began = time.monotonic()
        return [(number, time.monotonic() - began) async for number in paced(4, 20e6)]

    told = run(scenario)
    assert [number for number, _ in told] == [0, 1, 2, 3]
    assert all(at >= number * 0.02 for number, at in told)


def test_without_a_gap_nothing_is_waited_for() -> None:
    async def scenario() -> list[int]:
        return [number async for number in paced(1_000, 0.0)]

    assert run(scenario) == list(range(1_000))


def test_a_windows_first_requests_are_spread_over_its_warm_up(
    generator: ProcessGenerator,
) -> None:
    """So no wave of them comes back again and again. Each has its time, and none comes earlier."""
    seen: list[int] = []

    def note(visit: Visit) -> None:
        while visit.request() is not None:
            seen.append(time.monotonic_ns())
            time.sleep(1.5)  # longer than the warm-up, so that nobody sends a second one within it
            visit.send(OK)

    with Toy(note) as toy:
        generator.open("spread", HOST, toy.port, connections=N)
        began = time.monotonic_ns()
        generator.window("spread", EXCHANGE, warmup_s=1.5, seconds=0.1, timeout_s=30.0)
        generator.close("spread")
    assert len(seen) >= N
    first = sorted(seen)[:N]
    assert all(at - began >= number / N * 1.0e9 for number, at in enumerate(first))


def test_requests_of_the_warm_up_that_fail_are_kept_apart_and_the_drain_is_timed(
    generator: ProcessGenerator,
) -> None:
    with Toy(stay_silent) as toy:
        generator.open("mute", HOST, toy.port, connections=1)
        # It has sent long before the window opens, and has not given up by then.
        tally = generator.window("mute", EXCHANGE, warmup_s=3.0, seconds=0.1, timeout_s=3.5)
        generator.close("mute")
    assert tally.errors == {}
    assert tally.errors_early == {"timeout": 1}
    assert 0.4e9 <= tally.drain_ns <= 30e9

"""Several applications under load in turns, on a clock and servers that a test knows all about."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import cast

import pytest

from harness.base.errors import ServerFailed
from harness.lab.network import HOST
from harness.load.generator import Generator
from harness.load.protocol import Exchange, Opened, Tally
from harness.runner.gauges import Gauges, Reading
from harness.runner.receipt.load import (
    Effort,
    Loadable,
    LoadResult,
    LoadSide,
    LoadTools,
    load_sides,
)
from tests.toys.fakes import FakeClock

US = 1_000
PORT = 8_000


class Site:
    """A server whose every URL costs a known time of CPU.

    costs_us: by URL. left_us: that each answer leaves behind, to be done later. wrong: of every
    URL named here, how many of ten answers have another status. idle: share of a core without any
    request. dies_after: turns.
    """

    def __init__(
        self,
        clock: FakeClock,
        costs_us: Mapping[str, float],
        *,
        left_us: float = 0.0,
        wrong: Mapping[str, int] | None = None,
        idle: float = 0.0,
        dies_after: int | None = None,
    ) -> None:
        self.clock = self
        self.port = PORT
        self.costs_us = costs_us
        self.left_us = left_us
        self.wrong = wrong or {}
        self.idle = idle
        self.dies_after = dies_after
        self.starts = self.turns = 0
        self._time = clock
        self._last_ns = clock.ns
        self._used_ns = self._owed_ns = 0.0

    @property
    def running(self) -> bool:
        return self.dies_after is None or self.turns < self.dies_after

    def last_words(self) -> str:
        return "MemoryError"

    def read_ns(self) -> int:
        passed = self._time.ns - self._last_ns
        self._last_ns = self._time.ns
        done = min(self._owed_ns, passed)
        self._owed_ns -= done
        self._used_ns += done + self.idle * passed
        return round(self._used_ns)

    def serve(self, url: str, count: int) -> None:
        self.turns += 1
        self._used_ns += self.costs_us[url] * US * count
        self._owed_ns += self.left_us * US * count

    @contextmanager
    def start(self) -> Iterator[Loadable]:
        self.starts += 1
        yield cast(Loadable, self)

    def exchanges(self, live: Loadable) -> dict[str, Exchange]:
        assert live.port == self.port
        return {url: Exchange([url.encode()], any_body=True) for url in self.costs_us}


class Load:
    """A generator that sends as much as the server's CPU allows, and notes whose turn it was."""

    pids: tuple[int, ...] = ()

    def __init__(self, clock: FakeClock, sites: Mapping[str, Site]) -> None:
        self.clock = clock
        self.sites = sites
        self.open_targets: dict[str, int] = {}
        self.turns: list[tuple[str, str]] = []
        self.sent: Counter[str] = Counter()

    def open(
        self, target: str, host: str, port: int, *, connections: int, keep_alive: bool = True
    ) -> Opened:
        assert (host, port, keep_alive) == (HOST, PORT, True)
        assert target not in self.open_targets
        self.open_targets[target] = connections
        return Opened(opened=connections)

    def close(self, target: str) -> None:
        del self.open_targets[target]

    def slice(
        self, target: str, exchange: Exchange, seconds: float, timeout_s: float = 30.0
    ) -> Tally:
        assert timeout_s > 1
        url = exchange.requests[0].decode()
        site = self.sites[target.partition("@")[0]]
        sent = max(self.open_targets[target], int(seconds * 1e6 / site.costs_us[url]))
        began = self.clock.ns
        self.sent[url] += sent
        self.clock.ns += round(sent * site.costs_us[url] * US)
        site.serve(url, sent)
        if seconds == 0.1:
            self.turns.append((target, url))
        wrong = sent * site.wrong.get(url, 0) // 10
        errors = {"status 500": wrong} if wrong else {}
        return Tally(sent - wrong, errors, [], 0, began, self.clock.ns, b"", sent=sent)


class Clocks:
    """Gauges whose processors others use too, as much as a test says."""

    def __init__(self, clock: FakeClock, foreign: float, steal: float) -> None:
        self.clock, self.foreign, self.steal = clock, foreign, steal

    def read(self, server: Site) -> Reading:
        used = server.read_ns()
        return Reading(
            at_ns=self.clock.ns, server_ns=used, database_ns=None, generator_ns=0, harness_ns=0,
            machine_busy_ns=used + round(self.clock.ns * self.foreign),
            steal_ns=round(self.clock.ns * self.steal), run_delay_ns=None, relay_ns=0,
        )  # fmt: skip


class Bench:
    """Everything around the load of some sites."""

    def __init__(self, *, foreign: float = 0.0, steal: float = 0.0) -> None:
        self.clock = FakeClock()
        self.sites: dict[str, Site] = {}
        self.load = Load(self.clock, self.sites)
        self.gauges = cast(Gauges, Clocks(self.clock, foreign, steal))
        self.optional: set[str] = set()

    def site(self, name: str, costs_us: Mapping[str, float], **more: object) -> Site:
        made = self.sites[name] = Site(self.clock, costs_us, **more)  # type: ignore[arg-type]
        return made

    def run(self, *, connections: int = 8, blocks: int = 3, seconds: float = 12.0) -> LoadResult:
        sides = [
            LoadSide(
                name, site.start, site.exchanges, needed=name not in self.optional,
                first=next(iter(site.costs_us)),
            )
            for name, site in self.sites.items()
        ]  # fmt: skip
        tools = LoadTools(cast(Generator, self.load), self.gauges, clock=self.clock)
        return load_sides(sides, tools, Effort(connections, blocks, seconds))


def test_each_block_has_a_start_of_its_own_and_tells_what_a_request_costs() -> None:
    bench = Bench()
    site = bench.site("yours", {"GET /": 500.0, "GET /api": 2_000.0})
    blocks = bench.run().sides["yours"].blocks
    assert site.starts == 3
    assert [block.block for block in blocks["GET /"]] == [0, 1, 2]
    assert {b.cpu_ns / b.correct for b in blocks["GET /"]} == {500 * US}
    assert {b.cpu_ns / b.correct for b in blocks["GET /api"]} == {2_000 * US}
    assert not bench.load.open_targets


def test_every_request_that_is_sent_is_told() -> None:
    bench = Bench()
    bench.site("one", {"/a": 200.0, "/b": 400.0})
    blocks = bench.run().sides["one"].blocks
    for name, extra in (("/a", 1), ("/b", 0)):  # each start asks for the first one
        told = sum(block.sent for block in blocks[name])
        assert told == bench.load.sent[name] + extra * len(blocks[name])


def test_what_a_server_does_after_its_answers_is_in_their_cost() -> None:
    bench = Bench()
    bench.site("yours", {"GET /": 500.0}, left_us=100.0)
    (blocks,) = bench.run().sides["yours"].blocks.values()
    assert {round(b.cpu_ns / b.correct / US, 1) for b in blocks} == {600.0}


def test_all_take_turns_in_an_order_that_is_drawn_anew() -> None:
    bench = Bench()
    bench.site("yours", {"GET /": 500.0, "GET /api": 500.0})
    bench.site("ladder", {"/1": 500.0, "/2": 500.0})
    bench.run(blocks=1)
    turns = bench.load.turns
    rounds = [turns[at : at + 4] for at in range(0, len(turns), 4)]
    assert len(rounds) > 10
    assert all(len(set(each)) == 4 for each in rounds)
    assert len({tuple(each) for each in rounds}) > 5
    counted = Counter(turns)
    assert max(counted.values()) == min(counted.values())


def test_wrong_answers_are_counted_by_kind_and_not_left_out() -> None:
    bench = Bench()
    bench.site("yours", {"GET /": 500.0}, wrong={"GET /": 2})
    (blocks,) = bench.run().sides["yours"].blocks.values()
    for block in blocks:
        assert block.errors == {"status 500": block.failed}
        assert block.failed / (block.failed + block.correct) == pytest.approx(0.2, abs=0.01)


def test_a_dear_request_has_fewer_connections_so_that_a_turn_ends() -> None:
    bench = Bench()
    bench.site("yours", {"GET /": 500.0, "GET /report": 250_000.0})
    blocks = bench.run(seconds=30.0).sides["yours"].blocks
    assert {block.connections for block in blocks["GET /"]} == {8}
    assert {block.connections for block in blocks["GET /report"]} == {2}


def test_it_takes_the_time_that_it_is_given() -> None:
    bench = Bench()
    bench.site("yours", {"GET /": 500.0, "GET /api": 500.0})
    began = bench.clock.ns
    bench.run(blocks=4, seconds=12.0)
    assert (bench.clock.ns - began) / 1e9 == pytest.approx(12.0, abs=0.5)


def test_a_request_that_takes_too_long_ends_the_blocks_early() -> None:
    bench = Bench()
    site = bench.site("yours", {"GET /": 2_000_000.0})
    (blocks,) = bench.run(blocks=8, seconds=10.0).sides["yours"].blocks.values()
    assert 2 <= len(blocks) < 4
    assert site.starts == len(blocks)
    assert {block.connections for block in blocks} == {1}


def test_a_ladder_that_does_not_start_is_left_out_and_told() -> None:
    bench = Bench()
    bench.site("yours", {"GET /": 500.0})
    ladder = bench.site("ladder", {"/1": 500.0})
    bench.optional.add("ladder")

    @contextmanager
    def fails() -> Iterator[Loadable]:
        raise ServerFailed("The server of `ladder` ended.")
        yield cast(Loadable, ladder)

    ladder.start = fails  # type: ignore[method-assign]
    sides = bench.run().sides
    assert sides["ladder"].blocks == {}
    assert sides["ladder"].trouble == "The server of `ladder` ended."
    assert len(sides["yours"].blocks["GET /"]) == 3


def test_a_ladder_that_dies_takes_its_figures_along() -> None:
    bench = Bench()
    bench.site("yours", {"GET /": 500.0})
    bench.site("ladder", {"/1": 500.0}, dies_after=20)
    bench.optional.add("ladder")
    sides = bench.run().sides
    assert sides["ladder"].blocks == {}
    assert sides["ladder"].trouble is not None
    assert "ladder died" in sides["ladder"].trouble
    assert len(sides["yours"].blocks["GET /"]) == 3


def test_an_application_that_dies_under_load_is_an_error_with_its_last_words() -> None:
    bench = Bench()
    bench.site("yours", {"GET /": 500.0}, dies_after=20)
    with pytest.raises(ServerFailed, match="yours") as failed:
        bench.run()
    assert "MemoryError" in str(failed.value)


@pytest.mark.parametrize(
    ("others", "told"),
    [({}, ()), ({"foreign": 0.2}, ("20%",)), ({"steal": 0.1}, ("10%",))],
    ids=["alone", "other processes", "other machines"],
)
def test_what_others_take_of_the_core_is_told(
    others: dict[str, float], told: tuple[str, ...]
) -> None:
    bench = Bench(**others)
    bench.site("yours", {"GET /": 500.0})
    notes = bench.run().notes
    assert len(notes) == len(told)
    assert all(share in note for share, note in zip(told, notes, strict=True))


def test_a_server_that_works_without_requests_is_told() -> None:
    bench = Bench()
    bench.site("yours", {"GET /": 500.0}, idle=0.2)
    (note,) = bench.run().notes
    assert "20%" in note
    assert "yours" in note


def test_a_server_that_works_once_without_requests_is_not_told() -> None:
    bench = Bench()
    site = bench.site("yours", {"GET /": 500.0})
    start = site.start

    @contextmanager
    def busy_at_first() -> Iterator[Loadable]:
        site.idle = 0.2 if site.starts == 0 else 0.0
        with start() as live:
            yield live

    site.start = busy_at_first  # type: ignore[method-assign]
    assert bench.run().notes == ()

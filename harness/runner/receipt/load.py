"""Measures the server's CPU per request of applications that are not ours, side by side.

It measures as a run does (docs/measurement.md): all servers are alive, load goes round between
their URLs in short slices in random order, and every clock is read once the server rests. Servers
are started anew in each block, because a start is itself a draw.

A complete answer with the expected status is correct. Its body is not looked at: nobody has said
what it should be, and it may tell the time.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

import msgspec

from harness.analysis.labels.rules import FOREIGN_SHARE, STEAL_SHARE
from harness.base.errors import ServerFailed
from harness.lab.clocks import TreeClock
from harness.lab.machine import pinned
from harness.lab.network import HOST
from harness.load.generator import Generator, ProcessGenerator
from harness.load.protocol import Exchange
from harness.records.observation import LoadedBlock
from harness.records.run import Cores
from harness.runner.clock import MonotonicClock, SystemClock
from harness.runner.gauges import Gauges, Reading
from harness.runner.watch import await_rest

_WARMUP_S = 0.1
"""Of each URL before the slices of a block: pools open, and caches fill."""
_LONGEST_SLICE_S = 0.5
"""Of CPU that all connections together may ask for at once; a slice ends with the last answer."""
_TIMEOUT_S = 20.0
_IDLE_LOOK_S = 0.1
_IDLE_SHARE = 0.05
"""Of a core: a server that uses more without a request spoils its figures."""


class Loadable(Protocol):
    """A running server that takes load."""

    @property
    def port(self) -> int:
        """On loopback."""

    @property
    def clock(self) -> TreeClock:
        """Of all its processes."""

    @property
    def running(self) -> bool:
        """Whether its main process lives."""

    def last_words(self) -> str:
        """The end of its log."""


class LoadSide(msgspec.Struct, frozen=True):
    """An application under load.

    name: for messages and for the generator. start: a fresh server, ready, within the block.
    exchanges: by the server, what is sent to it, by name; asked for in each block.
    keep_alive: whether its server keeps connections open between requests.
    needed: whether it is an error that it cannot be started or dies; else it is left out.
    first: the exchange that each start has sent once; None if it has sent none.
    """

    name: str
    start: Callable[[], AbstractContextManager[Loadable]]
    exchanges: Callable[[Loadable], Mapping[str, Exchange]]
    keep_alive: bool = True
    needed: bool = True
    first: str | None = None


class Effort(msgspec.Struct, frozen=True):
    """How long and how hard.

    connections: of the closed loop. blocks: of fresh servers. seconds: for all of them, starts
    included; a round that has begun is ended. slice_s: of load. seed: of the order.
    """

    connections: int
    blocks: int = 4
    seconds: float = 40.0
    slice_s: float = 0.1
    seed: int = 1


class LoadTools(msgspec.Struct, frozen=True):
    """generator: loads. gauges: read the clocks; their processors are the servers'.

    alone: whether the servers have these processors without generator and harness.
    """

    generator: Generator
    gauges: Gauges
    alone: bool = True
    clock: MonotonicClock = SystemClock()


class SideLoaded(msgspec.Struct, frozen=True):
    """blocks: by the name of the exchange. trouble: why it was left out; None if it was not."""

    blocks: dict[str, tuple[LoadedBlock, ...]]
    trouble: str | None = None


class LoadResult(msgspec.Struct, frozen=True):
    """By the name of the side; notes: what disturbed it, each as one sentence."""

    sides: dict[str, SideLoaded]
    notes: tuple[str, ...]


@contextmanager
def open_tools(cores: Cores, logs: Path) -> Iterator[LoadTools]:
    """A generator on its own core, within the block; the harness stays off the servers' cores."""
    with (
        pinned({*cores.load, *cores.database}),
        ProcessGenerator(cores.load, logs / "generator.log") as generator,
    ):
        gauges = Gauges(None, generator.pids, frozenset(cores.application))
        alone = not {*cores.application} & {*cores.load, *cores.database}
        yield LoadTools(generator, gauges, alone)


def load_sides(
    sides: Sequence[LoadSide],
    tools: LoadTools,
    effort: Effort,
    told: Callable[[float], None] = lambda _: None,
) -> LoadResult:
    """Load all of them, one at a time, in turns.

    Args:
        sides: the applications; names are unique.
        tools: generator and clocks.
        effort: how long.
        told: hears what share of the time is over.

    Raises:
        ServerFailed: a server that is needed did not start, or died.
    """
    loading = _Loading(sides, tools, effort, told)
    for block in range(effort.blocks):
        if block >= 2 and loading.over(block):
            break
        loading.block(block)
    return loading.result()


class _Turns:
    """What one URL has done in its slices of one block."""

    def __init__(self, side: LoadSide, live: Loadable, name: str, exchange: Exchange) -> None:
        self.side, self.live = side, live
        self.name, self.exchange = name, exchange
        self.connections = 1
        self.cpu_ns = self.correct = self.load_ns = 0
        self.errors: Counter[str] = Counter()
        self.uncounted = int(name == side.first)

    @property
    def target(self) -> str:
        return f"{self.side.name}@{self.connections}"

    def loaded(self, block: int) -> LoadedBlock:
        return LoadedBlock(
            block=block,
            cpu_ns=self.cpu_ns,
            correct=self.correct,
            failed=self.errors.total(),
            load_ns=self.load_ns,
            errors=dict(self.errors),
            connections=self.connections,
            uncounted=self.uncounted,
        )


class _Loading:
    """All blocks, as they are measured."""

    def __init__(
        self,
        sides: Sequence[LoadSide],
        tools: LoadTools,
        effort: Effort,
        told: Callable[[float], None],
    ) -> None:
        self._sides = list(sides)
        self._tools = tools
        self._effort = effort
        self._told = told
        self._begun_ns = tools.clock.now_ns()
        self._blocks: dict[tuple[str, str], list[LoadedBlock]] = {}
        self._connections: dict[tuple[str, str], int] = {}
        self._opened: set[str] = set()
        self._trouble: dict[str, str] = {}
        self._foreign_ns = self._steal_ns = self._watched_ns = 0
        self._restless: dict[str, float] = {}

    def over(self, block: int) -> bool:
        """Whether there is no time for one more block that takes as long as those before."""
        now_ns = self._tools.clock.now_ns()
        each_ns = (now_ns - self._begun_ns) / block
        return now_ns + each_ns > self._begun_ns + 1.15 * self._effort.seconds * 1e9

    def block(self, number: int) -> None:
        """Start every server, load them in turns until the block's time is over, stop them."""
        end_ns = self._begun_ns + round(
            self._effort.seconds * 1e9 * (number + 1) / self._effort.blocks
        )
        with ExitStack() as stack:
            turns = [turn for side in list(self._sides) for turn in self._started(side, stack)]
            self._rounds(number, turns, end_ns)
            for target in sorted(self._opened):
                self._close(target)
        for turn in turns:
            if turn.side.name not in self._trouble:
                key = turn.side.name, turn.name
                self._blocks.setdefault(key, []).append(turn.loaded(number))

    def result(self) -> LoadResult:
        """What all blocks have given."""
        sides: dict[str, SideLoaded] = {}
        for (side, name), blocks in self._blocks.items():
            of_side = sides.setdefault(side, SideLoaded({}, self._trouble.get(side)))
            of_side.blocks[name] = tuple(blocks)
        for side, trouble in self._trouble.items():
            sides[side] = SideLoaded({}, trouble)
        return LoadResult(sides, tuple(self._notes()))

    def _started(self, side: LoadSide, stack: ExitStack) -> list[_Turns]:
        """The turns of one server, which is ready and warm."""
        try:
            live = stack.enter_context(side.start())
            turns = [_Turns(side, live, *item) for item in side.exchanges(live).items()]
        except ServerFailed as error:
            self._lose(side, str(error))
            return []
        for turn in turns:
            self._warm(turn)
            if side.name in self._trouble:
                return []
        return turns

    def _warm(self, turn: _Turns) -> None:
        """Open its connections and send some requests; the first of all tell how dear one is."""
        key = turn.side.name, turn.name
        if key not in self._connections:
            turn.connections = 1
            self._open(turn)
            self._slice(turn, 0.0)  # the first request of all is dearer than the others
            used_ns = self._slice(turn, 0.0)
            self._close(turn.target)
            allowed = max(1, round(_LONGEST_SLICE_S * 1e9 / max(1, used_ns)))
            self._connections[key] = min(self._effort.connections, allowed)
        turn.connections = self._connections[key]
        self._open(turn)
        self._slice(turn, _WARMUP_S)

    def _open(self, turn: _Turns) -> None:
        """Open its connections, unless another URL of the same side has opened as many."""
        if turn.target not in self._opened:
            self._tools.generator.open(
                turn.target, HOST, turn.live.port,
                connections=turn.connections, keep_alive=turn.side.keep_alive,
            )  # fmt: skip
            self._opened.add(turn.target)

    def _close(self, target: str) -> None:
        self._tools.generator.close(target)
        self._opened.discard(target)

    def _rounds(self, number: int, turns: Sequence[_Turns], end_ns: int) -> None:
        clock, order = self._tools.clock, random.Random(self._effort.seed + number)
        for turn in {turn.side.name: turn for turn in turns}.values():
            self._look_for_unrest(turn)
        while True:
            began_ns = clock.now_ns()
            for turn in order.sample(turns, len(turns)):
                if turn.side.name in self._trouble:
                    continue
                self._measure(turn)
            self._told(min(1.0, (clock.now_ns() - self._begun_ns) / (self._effort.seconds * 1e9)))
            if clock.now_ns() + (clock.now_ns() - began_ns) / 2 > end_ns:
                return

    def _measure(self, turn: _Turns) -> None:
        gauges, server = self._tools.gauges, turn.live.clock
        before = gauges.read(server)
        tally = self._tools.generator.slice(
            turn.target, turn.exchange, self._effort.slice_s, _TIMEOUT_S
        )
        await_rest(server.read_ns, self._tools.clock)
        used = gauges.read(server) - before
        turn.cpu_ns += used.server_ns
        turn.correct += tally.correct
        turn.load_ns += tally.end_ns - tally.start_ns
        turn.errors.update(tally.errors)
        self._note(used)
        if not turn.live.running:
            self._died(turn)

    def _slice(self, turn: _Turns, seconds: float) -> int:
        """Load that does not count; the server's CPU time per answer, of whatever kind."""
        server = turn.live.clock
        before_ns = server.read_ns()
        tally = self._tools.generator.slice(turn.target, turn.exchange, seconds, _TIMEOUT_S)
        turn.uncounted += tally.sent
        await_rest(server.read_ns, self._tools.clock)
        if not turn.live.running:
            self._died(turn)
        return (server.read_ns() - before_ns) // max(1, tally.sent)

    def _look_for_unrest(self, turn: _Turns) -> None:
        """Keep the least of all blocks: a pool that fills once is none of it."""
        server, clock = turn.live.clock, self._tools.clock
        before_ns, began_ns = server.read_ns(), clock.now_ns()
        clock.sleep(_IDLE_LOOK_S)
        share = (server.read_ns() - before_ns) / (clock.now_ns() - began_ns)
        self._restless[turn.side.name] = min(share, self._restless.get(turn.side.name, share))

    def _note(self, used: Reading) -> None:
        """Add up what others have taken of the servers' processors."""
        self._watched_ns += used.at_ns
        self._steal_ns += used.steal_ns
        self._foreign_ns += used.machine_busy_ns - used.server_ns

    def _died(self, turn: _Turns) -> None:
        why = f"The server of {turn.side.name} died under load, at {turn.name}."
        self._lose(turn.side, why, turn.live.last_words())

    def _lose(self, side: LoadSide, why: str, words: str = "") -> None:
        """Go on without a side, unless it is needed."""
        if side.needed:
            said = f" It said:\n{words}" if words else ""
            raise ServerFailed(why + said)
        self._trouble[side.name] = why
        self._sides = [other for other in self._sides if other.name != side.name]

    def _notes(self) -> Iterator[str]:
        watched = max(1, self._watched_ns)
        if self._steal_ns / watched > STEAL_SHARE:
            yield (
                f"Other virtual machines took {self._steal_ns / watched:.0%} of the server's core "
                "while it was measured."
            )
        if self._tools.alone and self._foreign_ns / watched > FOREIGN_SHARE:
            yield (
                f"Other processes used {self._foreign_ns / watched:.0%} of the server's core while "
                "it was measured; a database on this machine is one of them."
            )
        for name, share in self._restless.items():
            if share > _IDLE_SHARE:
                yield (
                    f"The server of {name} used {share:.0%} of a core without any request, which "
                    "is in its figures."
                )

"""Everything around a phase, faked: a clock, a generator, servers, a database, without processes.

Time passes only when the fake generator loads or the phase sleeps, so a block takes milliseconds
and every figure in its trials is known beforehand. Single requests are real: each fake server
answers them over HTTP on loopback.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import cast

import msgspec
import numpy as np

from harness.base.errors import DatabaseFailed
from harness.inputs.contract import PAGE_SIZE, SAMPLE, Contract, cpu_sum, row_id
from harness.inputs.settings import ApplicationSettings
from harness.inputs.study import Condition, Latency, Study
from harness.lab.clocks import Offsets, Usage
from harness.lab.crew import CrewChange
from harness.lab.footprint import Footprint
from harness.lab.network import Address
from harness.lab.postgres.database import Counted, Database
from harness.lab.postgres.waits import Samples, WaitSampler
from harness.lab.quota import CpuQuota
from harness.lab.sentinel import Pause, Sentinel
from harness.lab.servers import LiveServer, ServerGroup, await_ready
from harness.lab.workers import WorkerState
from harness.load.generator import Edge
from harness.load.protocol import Arrivals, Exchange, Opened, Tally
from harness.records.plan import Entry
from harness.records.run import Run
from harness.records.store import Store
from harness.records.trial import Resource
from harness.runner.gauges import Gauges, Reading
from harness.runner.instruments import Instruments
from harness.runner.legs import Legs
from harness.runner.lookout import Lookout
from harness.runner.servers import Launcher, LiveEntry
from harness.runner.session import Session
from harness.runner.watch import WatchHere
from tests.toys.http import HOST, Toy, Visit
from tests.toys.laboratory import Recorder
from tests.toys.runs import make_run

SECOND = 1_000_000_000
_ITERATIONS = 1
NOOP = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
HEALTH = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n"
    b'{"status":"ok"}'
)


class FakeClock:
    """Stands still until it is advanced."""

    def __init__(self) -> None:
        self.ns = 5 * SECOND

    def now_ns(self) -> int:
        return self.ns

    def sleep(self, seconds: float) -> None:
        self.ns += round(seconds * SECOND)


class FakeCrew:
    """Serving processes that change when a test says so. changes: of the next looks."""

    def __init__(self) -> None:
        self.changes: list[CrewChange | None] = []

    def gather(self) -> None:
        """All are there."""

    def look(self) -> CrewChange | None:
        return self.changes.pop(0) if self.changes else None


class FakeSentinel:
    """Sees the pauses that a test plants; each of them once."""

    def __init__(self) -> None:
        self.stopped: tuple[Pause, ...] = ()
        self.late: Pause | None = None

    def watch(self, roles: Mapping[str, Iterable[int]]) -> None:
        assert "the server" in roles

    def pauses(self) -> tuple[tuple[Pause, ...], Pause | None]:
        seen, self.stopped, self.late = (self.stopped, self.late), (), None
        return seen


class FakeMachine:
    """Clocks, a CPU quota and PostgreSQL's checkpointer, which change when a test says so."""

    def __init__(self) -> None:
        self.offsets = Offsets(real_ns=10**18, asleep_ns=0)
        self.throttled: int | None = 0
        self.checkpointer: int | None = 77

    def read(self) -> Offsets:
        return self.offsets

    def throttled_ns(self) -> int | None:
        return self.throttled


class FakeServer:
    """A server that needs a known time of CPU for each request, one request after the other.

    cpu_us: per request. dies_after: turns of load; never if None. deviation: how its processes
    differ from what they were given. answer: to every single
    request, if it is another than `NOOP`. answers: the right ones, by target. exhausted: what the
    system refused to it.
    """

    def __init__(self, name: str, *, cpu_us: float = 500.0, dies_after: int | None = None) -> None:
        self.name = name
        self.cpu_us = cpu_us
        self.dies_after = dies_after
        self.crew = FakeCrew()
        self.answer = NOOP
        self.answers: Callable[[str], bytes] = lambda _: NOOP
        self.cpu_ns = 0
        self.turns = 0
        self.asked_to_stop = False
        self.deviation: str | None = None
        self.exhausted: tuple[Resource, ...] = ()

    @property
    def running(self) -> bool:
        return self.dies_after is None or self.turns < self.dies_after

    def visit(self, visit: Visit) -> None:
        """Answer single requests, until the client goes."""
        while (request := visit.request()) is not None:
            target = request.split(b" ", 2)[1].decode()
            if target == "/health":
                visit.send(HEALTH)
            else:
                visit.send(self.answers(target) if self.answer == NOOP else self.answer)


class _Process:
    """What a phase sees of a server's process."""

    def __init__(
        self, server: FakeServer, port: int, stopped: Callable[[], None], workers: int = 1
    ) -> None:
        self.server = server
        self.port = port
        self.clock = self
        self.crew = server.crew
        self.process = self
        self._stopped = stopped
        self.pids = frozenset({os.getpid()})
        self.variant = server
        self.name = server.name
        self.workers = workers
        self.distant = False
        self.stopped = False

    @property
    def address(self) -> Address:
        return Address(HOST, self.port)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def await_ready(self) -> None:
        await_ready(cast(LiveServer, self))

    def cpu_ns(self) -> int:
        return self.read_ns()

    def usage(self) -> Usage:
        return Usage.of(self.pids)

    @property
    def running(self) -> bool:
        return self.server.running and not self.server.asked_to_stop

    def read_ns(self) -> int:
        return self.server.cpu_ns

    def listens(self) -> bool:
        return True

    def footprint(self) -> Footprint:
        return Footprint(frozenset(range(self.workers)), ())

    def read_workers(self) -> dict[int, WorkerState]:
        """The first does three quarters of the work, or all of it."""
        shares = [1.0] if self.workers == 1 else [0.75, *[0.25 / (self.workers - 1)] * 3]
        used = zip(range(self.workers), shares, strict=False)
        return {
            pid: WorkerState(round(self.server.cpu_ns * share), 2048, 1 + pid)
            for pid, share in used
        }

    def deviation(self) -> str | None:
        return self.server.deviation

    def log_size(self) -> int:
        return 0

    def exhausted(self, since: int) -> tuple[Resource, ...]:
        assert since == 0
        return self.server.exhausted

    def ending(self) -> str:
        return "ended with status 1"

    def last_words(self) -> str:
        return f"{self.server.name}: that was too much"

    def ask_to_stop(self, _: Mapping[int, int]) -> None:
        self.server.asked_to_stop = True

    def stop(self) -> None:
        self.stopped = self.server.asked_to_stop = True

    def stop_soon(self) -> None:
        self.stop()
        self._stopped()

    def kill(self) -> None:
        """Nothing runs."""

    def reap(self) -> None:
        self._stopped()


class FakeGenerator:
    """Loads fake servers: as many requests as their CPU time allows, one latency for all.

    turns: names of targets, in the order in which they were loaded.
    opened: targets with their connections, likewise. most_open: targets at a time.
    arrivals: of each open-loop window.
    failing: by name, errors in place of correct responses. late: by name, how many requests of a
        turn are answered by none, beside the others' correct answers.
    before_turn: is called with the number of the turn, from 0.
    befalls: by name, what happens in its next turns, one call for each.
    stalls_s: for how long the last answer of the next turns is late, one for each.
    paused_ns: of its own event loop in the next turn.
    """

    pids: tuple[int, ...] = ()

    def __init__(self, clock: FakeClock, servers: Mapping[str, FakeServer]) -> None:
        self.clock = clock
        self.servers = servers
        self.turns: list[str] = []
        self.arrivals: list[tuple[str, Arrivals]] = []
        self.open_targets: dict[str, int] = {}
        self.opened: list[tuple[str, int]] = []
        self.most_open = 0
        self.failing: dict[str, str] = {}
        self.befalls: dict[str, list[Callable[[], None]]] = {}
        self.stalls_s: list[float] = []
        self.paused_ns = 0
        self.late: dict[str, int] = {}
        self.before_turn: Callable[[int], None] = lambda _: None

    def open(
        self, target: str, host: str, port: int, *, connections: int, keep_alive: bool = True
    ) -> Opened:
        assert host == HOST
        assert port
        assert keep_alive
        self.open_targets[target] = connections
        self.opened.append((target, connections))
        self.most_open = max(self.most_open, len(self.open_targets))
        return Opened(opened=connections)

    def close(self, target: str) -> None:
        del self.open_targets[target]

    def slice(
        self, target: str, exchange: Exchange, seconds: float, timeout_s: float = 30.0
    ) -> Tally:
        assert exchange.requests
        assert timeout_s > 0
        return self._load(target, seconds)

    def window(
        self,
        target: str,
        exchange: Exchange,
        *,
        warmup_s: float,
        seconds: float,
        timeout_s: float = 30.0,
        arrivals: Arrivals | None = None,
        at_edge: Callable[[Edge], None] = lambda _: None,
    ) -> Tally:
        assert exchange.requests
        assert timeout_s > 0
        if arrivals is not None:
            self.arrivals.append((target, arrivals))
        self._burn(self.servers[target], warmup_s, None)
        at_edge(Edge(True, self.clock.ns))
        tally = self._load(target, seconds, arrivals)
        at_edge(Edge(False, self.clock.ns))
        return tally

    def _load(self, target: str, seconds: float, arrivals: Arrivals | None = None) -> Tally:
        self.before_turn(len(self.turns))
        server = self.servers[target]
        start = self.clock.ns
        rate = None if arrivals is None else arrivals.rate_per_s
        count = self._burn(server, seconds, rate)
        self.turns.append(target)
        server.turns += 1
        if happenings := self.befalls.get(target):
            happenings.pop(0)()
        failure = self.failing.get(target)
        latencies = np.full(0 if failure else count, 8 * round(server.cpu_us * 1e3), np.int64)
        starts = start + np.arange(latencies.size, dtype=np.int64)
        if self.stalls_s:
            stall_s = self.stalls_s.pop(0)
            latencies[-1] += round(stall_s * SECOND)
            self.clock.sleep(stall_s)
        paused_ns, self.paused_ns = self.paused_ns, 0
        offered = 0 if rate is None else round(rate * seconds)
        errors = {failure: count} if failure else {}
        if target in self.late:
            errors["timeout"] = self.late[target]
        return Tally(
            correct=latencies.size,
            errors=errors,
            samples=[f"{failure}: sample"] if failure else [],
            reconnects=0,
            start_ns=start,
            end_ns=self.clock.ns,
            latencies=latencies.tobytes(),
            starts=starts.tobytes(),
            lags=np.zeros(min(offered, count), np.int64).tobytes(),
            dropped=max(0, offered - count),
            sent=count + self.late.get(target, 0),
            paused_ns=paused_ns,
        )

    def _burn(self, server: FakeServer, seconds: float, rate_per_s: float | None) -> int:
        """Let time pass; returns how many requests were answered meanwhile."""
        capacity = seconds * 1e6 / server.cpu_us
        wanted = capacity if rate_per_s is None else min(capacity, rate_per_s * seconds)
        count = round(wanted)
        server.cpu_ns += round(count * server.cpu_us * 1e3)
        self.clock.sleep(seconds)
        return count


def _post(number: int) -> dict[str, str]:
    at = "2026-01-01T00:00:00Z"
    return {
        "id": str(row_id(number)), "title": "t", "content": "c", "created_at": at, "updated_at": at,
    }  # fmt: skip


def _json(body: object) -> bytes:
    text = msgspec.json.encode(body)
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(text)}"
    return head.encode() + b"\r\n\r\n" + text


class FakeDatabase:
    """Counts what is asked of it.

    log: resets and the like, in order. gone: why it does not answer any more.
    held: connections by entry.
    """

    url = "postgresql://nobody@127.0.0.1:1/none"
    postmaster_pid = None

    def __init__(self) -> None:
        self.log: list[str] = []
        self.gone: str | None = None
        self.held: dict[str, int] = {}
        self.filled = 0

    def check_answers(self) -> None:
        if self.gone is not None:
            raise DatabaseFailed(self.gone)

    def reset(self, rows: int) -> None:
        self.log.append(f"reset {rows}")
        self.filled = rows

    def answer(self, target: str) -> bytes:
        """What a server answers to a GET, over the rows that there are."""
        endpoint = target.partition("?")[0].removeprefix("/")
        posts = [_post(number) for number in range(1, min(self.filled, PAGE_SIZE) + 1)]
        asked = [_post(n) if n <= self.filled else None for n in SAMPLE]
        bodies: dict[str, object] = {
            "cpu": {"ct": cpu_sum(_ITERATIONS)},
            "io_read": {"ct": self.filled, "posts": posts},
            "io_fanout": {"posts": asked},
            "io_wait": {"waited_ms": 0},
        }
        return _json(bodies.get(endpoint, {}))

    def forget_statements(self) -> None:
        self.log.append("forget")

    def statements(self, name: str) -> list[Counted]:
        self.check_answers()
        return [Counted(query=f"SELECT '{name}' FROM post", calls=7, rows=1)]

    def counters(self) -> dict[str, int]:
        return {"commits": len(self.log)}

    def role(self, name: str) -> str:
        return f"role of {name}"

    def connections(self) -> dict[str, int]:
        return dict(self.held)

    def login(self, name: str) -> str:
        return f"postgresql://{name}@127.0.0.1:1/none"


class FakeSampler:
    """Sees one busy connection whenever a role was watched."""

    def __init__(self) -> None:
        self.watched: list[str] = []

    def watch(self, role: str | None) -> None:
        if role is not None:
            self.watched.append(role)

    def take(self, role: str) -> Samples | None:
        seen = self.watched.count(role)
        self.watched = [other for other in self.watched if other != role]
        return Samples([1] * seen, Counter({"active": seen}), [1] * seen) if seen else None


class FakeGauges:
    """Clocks of all roles, from the fake clock. steal: share of the time taken by others."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.steal = 0.0

    def read(self, server: _Process) -> Reading:
        now = self.clock.ns
        return Reading(
            at_ns=now, server_ns=server.read_ns(), database_ns=now // 5, generator_ns=now // 10,
            harness_ns=0, machine_busy_ns=now * 13 // 10, steal_ns=round(now * self.steal),
            run_delay_ns=None, relay_ns=0,
        )  # fmt: skip


class FakeLegs(Legs):
    """Direct ways that remember how long they were made."""

    def __init__(self) -> None:
        super().__init__(None)
        self.log: list[Latency] = []

    def lengthen(self, latency: Latency) -> None:
        self.log.append(latency)


class FakeLauncher:
    """Starts the fake servers. launched: names, in order. workers: of each.

    stopped: names likewise, with the block.
    """

    def __init__(self, servers: Mapping[str, FakeServer], ports: Mapping[str, int]) -> None:
        self._servers = servers
        self._ports = ports
        self.launched: list[str] = []
        self.workers: list[int] = []
        self.stopped: list[tuple[int, str]] = []

    def launch(
        self,
        block: int,
        entry: Entry,
        database: Database,
        legs: Legs,
        group: ServerGroup,
        condition: Condition | None = None,
    ) -> LiveEntry:
        self.launched.append(entry.name)
        workers = (None if condition is None else condition.workers) or 1
        self.workers.append(workers)
        server = self._servers[entry.name]
        server.turns, server.asked_to_stop = 0, False
        stopped = partial(self.stopped.append, (block, entry.name))
        process = _Process(server, self._ports[entry.name], stopped, workers)
        group.add(cast(LiveServer, process))
        return LiveEntry(
            entry=entry,
            server=cast(LiveServer, process),
            settings=ApplicationSettings(
                database_url=database.login(entry.name), pool_size=1, pool_timeout_s=1,
                cpu_iterations=_ITERATIONS, wait_ms=0,
            ),
            address=legs.server_address(process.address),
            keep_alive=True,
        )  # fmt: skip


class FakeLab(msgspec.Struct):
    """A session with everything that stands around it."""

    session: Session
    instruments: Instruments
    run: Run
    store: Store
    clock: FakeClock
    generator: FakeGenerator
    background: FakeGenerator
    servers: dict[str, FakeServer]
    database: FakeDatabase
    sampler: FakeSampler
    gauges: FakeGauges
    legs: FakeLegs
    launcher: FakeLauncher
    sentinel: FakeSentinel
    machine: FakeMachine
    listener: Recorder

    @property
    def sets(self) -> "list[FakeSet]":
        """The one set of machines that measures."""
        return [FakeSet(self.instruments)]

    def start(self) -> list[LiveEntry]:
        """The servers of all entries, running."""
        group = ServerGroup()
        return [
            self.session.launcher.launch(1, e, self.session.database, self.legs, group)
            for e in self.run.plan.entries
        ]


class FakeSet:
    """A set of machines with these instruments, and whatever session the run has."""

    name: str | None = None

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments

    def halt(self) -> None:
        raise AssertionError("one set is interrupted itself")

    @contextmanager
    def opened(self, session: Session) -> Iterator[tuple[Session, Instruments]]:
        yield session, self._instruments


@contextmanager
def fake_lab(
    study: Study,
    contract: Contract,
    folder: Path,
    cost_us: Mapping[str, float] | None = None,
    run: Run | None = None,
) -> Iterator[FakeLab]:
    """A lab for a study, whose servers need so much CPU time per request, by variant."""
    run = run or make_run(study)
    clock = FakeClock()
    costs = cost_us or {}
    servers = {
        e.name: FakeServer(e.name, cpu_us=costs.get(e.variant, 500.0)) for e in run.plan.entries
    }
    with ExitStack() as stack:
        toys = {name: stack.enter_context(Toy(s.visit)) for name, s in servers.items()}
        launcher = FakeLauncher(servers, {name: toy.port for name, toy in toys.items()})
        generator, background = (FakeGenerator(clock, servers) for _ in range(2))
        database, sampler, legs = FakeDatabase(), FakeSampler(), FakeLegs()
        for server in servers.values():
            server.answers = database.answer
        gauges, listener = FakeGauges(clock), Recorder()
        store = Store.create(folder, run.id)
        store.write_run(run)
        session = Session(
            run, contract, cast(Database, database), cast(Launcher, launcher), store, listener
        )
        sentinel, machine = FakeSentinel(), FakeMachine()
        lookout = Lookout(
            cast(Sentinel, sentinel), cast(CpuQuota, machine), None,
            backbone=lambda: machine.checkpointer, roles=dict, now_ns=clock.now_ns,
            offsets=machine.read,
        )  # fmt: skip
        instruments = Instruments(
            generator, background, legs, WatchHere(cast(Gauges, gauges), lookout, None, clock),
            cast(WaitSampler, sampler), (database.check_answers,), clock,
        )  # fmt: skip
        yield FakeLab(
            session, instruments, run, store, clock, generator, background, servers, database,
            sampler, gauges, legs, launcher, sentinel, machine, listener,
        )  # fmt: skip

"""A server's turn: a slice or a window of load, with every clock read at both of its edges."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import msgspec

from harness.lab.network import backlog_overflows
from harness.lab.postgres.database import Database
from harness.load.generator import Edge
from harness.load.protocol import Arrivals, Exchange, Opened, Tally
from harness.records.histogram import sample_percentile
from harness.records.plan import Phase
from harness.records.trial import BesideRecord, OpeningRecord, ServerSize
from harness.runner.gauges import Reading
from harness.runner.instruments import Instruments
from harness.runner.servers import LiveEntry
from harness.runner.session import Session
from harness.runner.trial_builder import Measurement, Turn, WindowExtras

_LOOK_S, _LONGEST_QUIET_S, _QUIET_SHARE = 0.05, 2.0, 0.1
"""After a window a server lets go of its connections: it is quiet once it uses less than that share
of a core between two looks. It does not hold the others up for longer than two seconds."""


class LoadTarget(msgspec.Struct, frozen=True):
    """A server under one condition, with its connections open.

    exchange: what is sent, and what a correct answer is. beside: of the second load; None without.
    """

    live: LiveEntry
    exchange: Exchange
    beside: Exchange | None


class Access:
    """Connections to one server, as they stand open.

    opening, at_rest: how they were opened, and the server before that.
    cpu_ns, ns: what opening and closing took, of the server's CPU time and of the time.
    """

    def __init__(self, opening: OpeningRecord, at_rest: ServerSize | None) -> None:
        self.opening = opening
        self.at_rest = at_rest
        self.cpu_ns = 0
        self.ns = 0


class Loader:
    """Loads one target at a time under one condition.

    Args:
        session, instruments: of the run.
        phase: the condition, and the block, which seeds the arrivals.
    """

    def __init__(self, session: Session, instruments: Instruments, phase: Phase) -> None:
        self._instruments = instruments
        self._database: Database = session.database
        self._load = session.run.study.load
        self._condition = phase.condition
        self._seed = session.run.study.seed, phase.block
        # Slices go round, so that all find the growing table alike. Before a window it is brought
        # back, or the last one would be measured on what the others have written.
        operation = session.contract.operations[phase.condition.endpoint]
        self._resets = operation.method == "POST"

    def connect(self, target: LoadTarget) -> OpeningRecord:
        """Open the connections of the condition to a server, at a steady rate."""
        live, condition, tools = target.live, self._condition, self._instruments
        overflows = backlog_overflows()
        opened = tools.generator.open(
            live.name, live.address.host, live.address.port,
            connections=condition.connections, keep_alive=live.keep_alive,
        )  # fmt: skip
        if condition.beside is not None and target.beside is not None:
            assert tools.background is not None
            tools.background.open(
                live.name, live.address.host, live.address.port,
                connections=condition.beside.connections, keep_alive=live.keep_alive,
            )  # fmt: skip
        return _opening_record(opened, overflows, backlog_overflows())

    def disconnect(self, target: LoadTarget) -> None:
        """Close them."""
        self._instruments.generator.close(target.live.name)
        if target.beside is not None and self._instruments.background is not None:
            self._instruments.background.close(target.live.name)

    @contextmanager
    def connected(self, target: LoadTarget) -> Iterator[Access]:
        """The connections to a server, within the block; it is quiet again after that.

        An error ends it at once: the generator may still be loading, and would not listen.
        """
        clock, server = self._instruments.clock, target.live.server
        cpu_ns, now_ns = server.cpu_ns(), clock.now_ns()
        at_rest = _size(target)
        access = Access(self.connect(target), at_rest)
        access.cpu_ns += server.cpu_ns() - cpu_ns
        access.ns += clock.now_ns() - now_ns
        yield access
        cpu_ns, now_ns = server.cpu_ns(), clock.now_ns()
        self.disconnect(target)
        self._await_quiet(target)
        access.cpu_ns += server.cpu_ns() - cpu_ns
        access.ns += clock.now_ns() - now_ns

    def _await_quiet(self, target: LoadTarget) -> None:
        """Wait until a server has let go of its connections, so that it disturbs no other."""
        clock, server = self._instruments.clock, target.live.server
        end_ns = clock.now_ns() + round(_LONGEST_QUIET_S * 1e9)
        used_ns = server.cpu_ns()
        while clock.now_ns() < end_ns:
            clock.sleep(_LOOK_S)
            before_ns, used_ns = used_ns, server.cpu_ns()
            if used_ns - before_ns < _QUIET_SHARE * _LOOK_S * 1e9:
                break

    def load(self, target: LoadTarget, seconds: float) -> Tally:
        """Load with a closed loop for some seconds, and drain; no clock is read."""
        self._watch(target)
        tally = self._instruments.generator.slice(
            target.live.name, target.exchange, seconds, self._load.timeout_s
        )
        self._instruments.sampler.watch(None)
        return tally

    def slice(self, target: LoadTarget, following: LoadTarget | None = None) -> Measurement:
        """A closed loop for as long as the study's slices are, its drain, and what follows.

        following: whose slice comes next, at once; None if that is not known.
        """
        server, watch = target.live.server, self._instruments.watch
        watch.ready()
        before = watch.before(server)
        tally = self.load(target, self._load.slice_s)
        coming = None if following is None else following.live.server
        seen = watch.after(server, tally.paused_ns, following=coming)
        used = seen.reading - before
        return Measurement(
            tally, used, used.server_ns, used.at_ns, seen.probe_ns, events=seen.events
        )

    def window(
        self,
        target: LoadTarget,
        access: Access,
        turn: Turn,
        rate_per_s: float | None,
        draw: int = 0,
    ) -> Measurement:
        """Unbroken load: a closed loop, or an open one at a rate; the warm-up runs into it.

        Args:
            target, access: the server, and the connections to it.
            turn: whose round seeds the arrivals.
            rate_per_s: of an open loop; a closed loop if None.
            draw: of arrivals, where one turn has several windows, so that their patterns differ.
        """
        condition, load, tools = self._condition, self._load, self._instruments
        assert condition.window_s is not None
        if self._resets:
            self._database.reset(condition.rows)
        self._watch(target)
        edges = _Edges(target, tools, self._database)
        tools.watch.ready()
        before = tools.watch.before(target.live.server)
        threads = ThreadPoolExecutor(1)
        try:
            second = threads.submit(self._load_beside, target)
            tally = tools.generator.window(
                target.live.name, target.exchange, warmup_s=load.warmup_s,
                seconds=condition.window_s, timeout_s=load.timeout_s, at_edge=edges.read,
                arrivals=None if rate_per_s is None else self._arrivals(rate_per_s, turn, draw),
            )  # fmt: skip
            beside = second.result()  # its drain is no idle time either
        except Exception:
            threads.shutdown(wait=True)  # the next turn uses the same processes
            raise
        finally:
            # After Ctrl-C the second load is not waited for; its process ends with the others.
            threads.shutdown(wait=False)
        tools.sampler.watch(None)
        seen = tools.watch.after(target.live.server, tally.paused_ns, edges.period)
        whole = seen.reading - before
        return Measurement(
            tally=tally,
            used=edges.used,
            turn_cpu_ns=whole.server_ns,
            turn_ns=whole.at_ns,
            probe_ns=seen.probe_ns,
            window=WindowExtras(
                open_loop=rate_per_s is not None,
                database=edges.counted,
                beside=beside,
                opening=access.opening,
                at_rest=access.at_rest,
                at_close=edges.size,
            ),
            events=seen.events,
        )

    def _load_beside(self, target: LoadTarget) -> BesideRecord | None:
        """The second load, through the same warm-up and window; in a thread of its own."""
        background, condition = self._instruments.background, self._condition
        if background is None or target.beside is None or condition.window_s is None:
            return None
        tally = background.window(
            target.live.name, target.beside, warmup_s=self._load.warmup_s,
            seconds=condition.window_s, timeout_s=self._load.timeout_s,
        )  # fmt: skip
        latencies = tally.latencies_ns
        return BesideRecord(
            correct=tally.completed,
            errors=tally.errors,
            latency_p50_ns=sample_percentile(latencies, 50),
            latency_p99_ns=sample_percentile(latencies, 99),
        )

    def _watch(self, target: LoadTarget) -> None:
        self._instruments.sampler.watch(self._database.role(target.live.name))

    def _arrivals(self, rate_per_s: float, turn: Turn, draw: int) -> Arrivals:
        """The same schedule for every variant of a round, so that luck favours none."""
        seed = *self._seed, turn.round, draw
        return Arrivals(self._condition.arrivals, rate_per_s, seed)


class _Edges:
    """Readings of the clocks, and of the database's counters, at the edges of a window."""

    def __init__(self, target: LoadTarget, instruments: Instruments, database: Database) -> None:
        self._target = target
        self._server = target.live.server
        self._watch = instruments.watch
        self._database = database
        self._distant = instruments.legs.delays_harness
        self._readings: list[Reading] = []
        self._counters: list[dict[str, int]] = []
        self.size: ServerSize | None = None

    def read(self, edge: Edge) -> None:
        """Read everything now.

        Closing, the clocks come first; opening, last: what the reading costs lies outside. Unless
        PostgreSQL is far from the harness too: then its answer is waited for within.
        """
        clocks_first = self._distant or not edge.open
        if clocks_first:
            self._readings.append(self._watch.read(self._server))
        self._counters.append(self._database.counters())
        if not clocks_first:
            self._readings.append(self._watch.read(self._server))
        if not edge.open:
            self.size = _size(self._target)

    @property
    def used(self) -> Reading:
        """CPU time between the edges."""
        opened, closed = self._readings
        return closed - opened

    @property
    def period(self) -> tuple[int, int]:
        """Both edges, on the clock of the readings."""
        opened, closed = self._readings
        return opened.at_ns, closed.at_ns

    @property
    def counted(self) -> dict[str, int]:
        """By how much the counters grew between the edges."""
        opened, closed = self._counters
        return {key: value - opened[key] for key, value in closed.items()}


def _opening_record(opened: Opened, before: int | None, after: int | None) -> OpeningRecord:
    return OpeningRecord(
        opened=opened.opened,
        slow=opened.slow,
        refused=opened.refused,
        unanswered=opened.unanswered,
        failed=opened.failed,
        longest_ns=opened.longest_ns,
        elapsed_ns=opened.elapsed_ns,
        overflows=None if before is None or after is None else max(0, after - before),
    )


def _size(target: LoadTarget) -> ServerSize | None:
    """The server's processes now; its clock has just been read, which finds them.

    None where its machine is lost.
    """
    usage = target.live.server.usage()
    return None if usage is None else ServerSize(rss_kib=usage.rss_kib, threads=usage.threads)

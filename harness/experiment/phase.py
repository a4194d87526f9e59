"""One condition in one block: slices go round the servers, and each slice's CPU is read."""

import http.client
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial

from harness.audit.conformance import Subject
from harness.audit.findings import Violation
from harness.audit.probe import Probe
from harness.contract import Contract
from harness.experiment.exchanges import exchange_for
from harness.experiment.gauges import Gauges
from harness.experiment.latency import Latencies
from harness.experiment.listener import Listener
from harness.lab.database import Database
from harness.lab.network import HOST
from harness.lab.servers import RunningServer
from harness.lab.usage import Usage
from harness.load.generator import Generator
from harness.load.messages import Exchange, Tally
from harness.model import Cores, Settings
from harness.records import SCHEMA, Entry, Phase, Plan, SliceRecord, Trial
from harness.study import Study

_SAMPLES = 5
_SETTLE_S = 0.005
"""Between a slice's last response and the reading of the clocks: what a server does after it has
answered (Django ends the request's thread then) belongs to the request that caused it."""


class Server:
    """An entry's server during a block. `problem` says why it takes no further part, or None."""

    def __init__(
        self, entry: Entry, running: RunningServer, settings: Settings, *, keep_alive: bool
    ) -> None:
        self.entry = entry
        self.running = running
        self.settings = settings
        self.keep_alive = keep_alive
        self.problem: str | None = None


class _Record:
    """What a trial gathers while it runs."""

    def __init__(self, server: Server, connections: int) -> None:
        self.server = server
        self.slices: list[SliceRecord] = []
        self.latencies = Latencies(connections)
        self.samples: list[str] = []
        self.exchange: Exchange | None = None
        self.started_at = datetime.now(UTC)
        self.clock_start_ns = 0
        self.own_ns = 0
        self.rounds_start = 0.0


class PhaseRunner:
    """Carries out one phase on servers that are up."""

    def __init__(
        self,
        phase: Phase,
        plan: Plan,
        study: Study,
        contract: Contract,
        database: Database,
        generator: Generator,
        cores: Cores,
        listener: Listener,
    ) -> None:
        self._phase = phase
        self._plan = plan
        self._study = study
        self._contract = contract
        self._database = database
        self._generator = generator
        self._listener = listener
        self._gauges = Gauges(database.postmaster_pid, generator.pids, cores.all)

    def run(self, run: str, attempt: int, servers: list[Server]) -> Iterator[Trial]:
        """Reset the table, warm every server up, go round, and give a trial for each."""
        condition = self._phase.condition
        self._listener.step(f"block {self._phase.block}: {condition.name}, warming up")
        self._database.reset(condition.rows)
        records = self._records(servers)
        for record in records.values():
            self._guarded(record, self._open)
        for record in records.values():
            self._guarded(record, self._warm_up)
        for record in records.values():
            record.clock_start_ns = record.server.running.clock.read_ns()
            record.rounds_start = time.monotonic()
        self._go_round(records)
        for record in records.values():
            trial = self._trial(run, attempt, record)
            if record.exchange is not None:
                self._generator.close(record.server.entry.name)
            yield trial

    def _records(self, servers: list[Server]) -> dict[str, _Record]:
        """By entry, in the first round's order: nobody always is the first to be warmed up."""
        by_name = {server.entry.name: server for server in servers}
        names = [self._plan.entries[index].name for index in self._phase.orders[0]]
        connections = self._phase.condition.connections
        return {n: _Record(by_name[n], connections) for n in names if n in by_name}

    def _go_round(self, records: dict[str, _Record]) -> None:
        entries = self._plan.entries
        rounds = len(self._phase.orders)
        position_of_phase = self._plan.phases.index(self._phase)
        for number, order in enumerate(self._phase.orders):
            for position, index in enumerate(order):
                record = records.get(entries[index].name)
                if record is None or record.server.problem is not None:
                    continue
                self._guarded(record, partial(self._measure, number, position))
                done = (position_of_phase * rounds + number) * len(entries) + position + 1
                self._tell(record, done)

    def _guarded(self, record: _Record, action: Callable[[_Record], None]) -> None:
        """A server that fails here is out of the block; the others go on."""
        if record.server.problem is not None:
            return
        try:
            action(record)
        except (Violation, OSError, http.client.HTTPException) as error:
            record.server.problem = f"the answer to a single request was wrong: {error}"
        if not record.server.running.running:
            words = record.server.running.last_words()
            record.server.problem = "the server died" + (f"; it said:\n{words}" if words else "")
        if record.server.problem is not None:
            name = record.server.entry.name
            self._listener.problem(f"{name}: {record.server.problem}")

    def _open(self, record: _Record) -> None:
        server, condition = record.server, self._phase.condition
        subject = Subject(
            variant=server.entry.name,
            probe=Probe(server.running.url),
            contract=self._contract,
            database=self._database,
            settings=server.settings,
        )
        record.exchange = exchange_for(subject, server.running.url, condition, self._study.seed)
        self._generator.open(
            server.entry.name,
            HOST,
            server.running.port,
            connections=condition.connections,
            keep_alive=server.keep_alive,
        )

    def _warm_up(self, record: _Record) -> None:
        self._load(record, self._study.load.warmup_s)

    def _measure(self, number: int, position: int, record: _Record) -> None:
        before = self._gauges.read(record.server.running.clock)
        tally = self._load(record, self._study.load.slice_s)
        time.sleep(_SETTLE_S)
        used = self._gauges.read(record.server.running.clock) - before
        record.own_ns += used.server_ns
        kept = record.latencies.add(tally)
        record.samples += tally.samples[: _SAMPLES - len(record.samples)]
        record.slices.append(
            SliceRecord(
                round=number,
                position=position,
                start_ns=tally.start_ns,
                elapsed_ns=tally.end_ns - tally.start_ns,
                window_ns=used.at_ns,
                correct=tally.correct,
                errors=tally.errors,
                reconnects=tally.reconnects,
                server_cpu_ns=used.server_ns,
                database_cpu_ns=used.database_ns,
                generator_cpu_ns=used.generator_ns,
                harness_cpu_ns=used.harness_ns,
                machine_busy_ns=used.machine_busy_ns,
                steal_ns=used.steal_ns,
                latency_p50_ns=kept.p50_ns,
                latency_p99_ns=kept.p99_ns,
            )
        )

    def _load(self, record: _Record, seconds: float) -> Tally:
        assert record.exchange is not None
        return self._generator.slice(
            record.server.entry.name, record.exchange, seconds, self._study.load.timeout_s
        )

    def _tell(self, record: _Record, done: int) -> None:
        if record.slices:
            last = record.slices[-1]
            throughput = last.correct / last.elapsed_ns * 1e9 if last.elapsed_ns else 0.0
            self._listener.progress(self._phase, record.server.entry.name, done, throughput)

    def _trial(self, run: str, attempt: int, record: _Record) -> Trial:
        server = record.server
        clock = server.running.clock
        waited = time.monotonic() - record.rounds_start
        waited -= sum(s.elapsed_ns for s in record.slices) / 1e9
        idle_ns = clock.read_ns() - record.clock_start_ns - record.own_ns
        usage = Usage.of(clock.pids) if server.problem is None else None
        return Trial(
            schema=SCHEMA,
            run=run,
            block=self._phase.block,
            attempt=attempt,
            condition=self._phase.condition,
            entry=server.entry.name,
            variant=server.entry.variant,
            started_at=record.started_at.isoformat(timespec="seconds"),
            slices=tuple(record.slices),
            latency_hdr=record.latencies.encoded(),
            error_samples=tuple(record.samples),
            rss_peak_kib=usage.rss_peak_kib if usage else None,
            threads=usage.threads if usage else None,
            processes=usage.processes if usage else None,
            idle_cpu_share=idle_ns / 1e9 / waited if usage and waited > 0 else None,
            problem=server.problem,
        )

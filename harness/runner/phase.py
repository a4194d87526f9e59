"""One condition in one block: turns go round the servers, and a trial for each comes of them."""

import http.client
from collections.abc import Callable, Iterator
from functools import partial

import msgspec

from harness.analysis.labels.limits import CEILING_SHARE
from harness.audit.http_checks import Violation
from harness.base.errors import DatabaseFailed
from harness.inputs.contract import Contract
from harness.inputs.study import Latency, Study
from harness.lab.postgres.database import Database
from harness.records.plan import Phase, Plan
from harness.records.trial import Statements, Trial
from harness.runner.exchanges import exchange_for
from harness.runner.instruments import Instruments
from harness.runner.legs import Legs, round_trips
from harness.runner.listener import Listener
from harness.runner.plan import CAPACITY_ROUNDS, CAPACITY_SLICE_S
from harness.runner.rate_search import search_for
from harness.runner.slices import Turns
from harness.runner.trial_builder import Gathering, Requests, Server, Turn

_SEEDS_PER_BLOCK = 100_000
"""Every round of every block has arrivals of its own."""
_Action = Callable[[Gathering], None]


class PhaseRunner:
    """Carries out one phase on servers that are up.

    ceiling_per_s: of one process of the generator; no search goes near it.
    """

    def __init__(
        self,
        phase: Phase,
        plan: Plan,
        study: Study,
        contract: Contract,
        database: Database,
        instruments: Instruments,
        listener: Listener,
        ceiling_per_s: float | None = None,
    ) -> None:
        self._phase = phase
        self._plan = plan
        self._study = study
        self._contract = contract
        self._database = database
        self._generator = instruments.generator
        self._background = instruments.background
        self._sampler = instruments.sampler
        self._legs = Legs(instruments.injector)
        self._listener = listener
        self._highest_per_s = (
            None if ceiling_per_s is None else CEILING_SHARE * ceiling_per_s * study.load.generators
        )
        writes = contract.operations[phase.condition.endpoint].method == "POST"
        self._turns = Turns(
            phase.condition, study.load, instruments, database,
            writes=writes, seed=study.seed + _SEEDS_PER_BLOCK * phase.block,
        )  # fmt: skip

    def run(
        self, run: str, attempt: int, servers: list[Server]
    ) -> Iterator[tuple[Trial, Requests | None]]:
        """Reset the table, warm every server up, go round, and give a trial for each.

        With it come its single requests, where the study keeps them.
        """
        condition = self._phase.condition
        self._listener.step(f"block {self._phase.block}: {condition.name}, warming up")
        self._database.reset(condition.rows)
        gatherings = self._gatherings(servers)
        self._legs.lengthen(condition.latency or Latency())
        before = self._round_trips(gatherings)
        self._each(gatherings, self._open)
        self._each(gatherings, self._warm_up)
        if condition.share is not None or condition.objective is not None:
            self._find_capacities(gatherings)
        self._database.forget_statements()
        for gathering in gatherings.values():
            self._sampler.take(self._role(gathering))
            gathering.begin()
        self._go_round(gatherings)
        after = self._round_trips(gatherings)
        self._legs.shorten()
        for gathering in gatherings.values():
            if before is not None and after is not None:
                gathering.round_trips = round_trips(before, after)
            yield self._finish(gathering, run, attempt), gathering.kept

    def _round_trips(self, gatherings: dict[str, Gathering]) -> tuple[float, float] | None:
        """Through the legs, idle, by the first server that is up."""
        for gathering in gatherings.values():
            server = gathering.server
            if server.problem is None:
                # Not as the variant, whose statements are counted.
                url = self._legs.database_url(self._database.url)
                try:
                    return self._legs.measure(url, server.running.port, server.address)
                except DatabaseFailed as error:
                    self._listener.problem(str(error))  # the phase will tell who is gone
                    return None
        return None

    def _gatherings(self, servers: list[Server]) -> dict[str, Gathering]:
        """By entry, in the first round's order: nobody always is the first to be warmed up."""
        by_name = {server.entry.name: server for server in servers}
        names = [self._plan.entries[index].name for index in self._phase.orders[0]]
        keep = self._study.load.keep_requests
        return {
            n: Gathering(by_name[n], self._phase, keep_requests=keep) for n in names if n in by_name
        }

    def _go_round(self, gatherings: dict[str, Gathering]) -> None:
        entries = self._plan.entries
        before = sum(
            phase.turns for phase in self._plan.phases[: self._plan.phases.index(self._phase)]
        )
        for number, order in enumerate(self._phase.orders):
            for position, index in enumerate(order):
                gathering = gatherings.get(entries[index].name)
                if gathering is None or gathering.server.problem is not None:
                    continue
                self._guarded(gathering, partial(self._measure, Turn(number, position)))
                self._tell(gathering, before + number * len(order) + position + 1)

    def _each(self, gatherings: dict[str, Gathering], action: _Action) -> None:
        for gathering in gatherings.values():
            self._guarded(gathering, action)

    def _guarded(self, gathering: Gathering, action: _Action) -> None:
        """A server that fails here is out of the block; the others go on."""
        server = gathering.server
        if server.problem is not None:
            return
        try:
            action(gathering)
        except (Violation, OSError, http.client.HTTPException) as error:
            server.problem = f"the answer to a single request was wrong: {error}"
        if not server.running.running:
            words = server.running.last_words()
            server.problem = "the server died" + (f"; it said:\n{words}" if words else "")
        if server.problem is not None:
            self._listener.problem(f"{server.entry.name}: {server.problem}")

    def _open(self, gathering: Gathering) -> None:
        server, condition = gathering.server, self._phase.condition
        subject = server.subject(self._contract, self._database)
        gathering.exchange = exchange_for(subject, server.running.url, condition, self._study.seed)
        name, address = server.entry.name, server.address
        self._generator.open(
            name, address.host, address.port,
            connections=condition.connections, keep_alive=server.keep_alive,
        )  # fmt: skip
        if condition.beside is not None and self._background is not None:
            other = msgspec.structs.replace(condition, endpoint=condition.beside.endpoint)
            gathering.beside = exchange_for(subject, server.running.url, other, self._study.seed)
            self._background.open(
                name, address.host, address.port,
                connections=condition.beside.connections, keep_alive=server.keep_alive,
            )  # fmt: skip

    def _warm_up(self, gathering: Gathering) -> None:
        self._turns.warm_up(gathering, self._study.load.warmup_s)

    def _find_capacities(self, gatherings: dict[str, Gathering]) -> None:
        """Closed-loop slices that go round, so that all are measured on the same machine."""
        seen: dict[str, list[tuple[int, int]]] = {name: [] for name in gatherings}

        def load(gathering: Gathering) -> None:
            tally = self._turns.warm_up(gathering, CAPACITY_SLICE_S)
            seen[gathering.server.entry.name].append((tally.correct, tally.end_ns - tally.start_ns))

        for _ in range(CAPACITY_ROUNDS):
            self._each(gatherings, load)
        for name, gathering in gatherings.items():
            correct = sum(count for count, _ in seen[name])  # none of a server that is out
            elapsed_ns = sum(elapsed for _, elapsed in seen[name])
            gathering.capacity_per_s = correct / elapsed_ns * 1e9 if elapsed_ns else 0.0
            if not correct and gathering.server.problem is None:
                gathering.server.problem = "no correct answer under load, so it has no capacity"

    def _measure(self, turn: Turn, gathering: Gathering) -> None:
        condition, load = self._phase.condition, self._study.load
        if condition.window_s is None:
            gathering.slices.append(self._turns.slice(gathering, turn, load.slice_s))
        elif condition.objective is not None:
            search_for(condition.objective, self._turns, gathering, turn, self._highest_per_s)
        else:
            window = self._turns.window(gathering, turn, self._rate(gathering))
            gathering.slices.append(window.record)

    def _rate(self, gathering: Gathering) -> float | None:
        condition = self._phase.condition
        if condition.share is None:
            return condition.rate
        assert gathering.capacity_per_s is not None
        return condition.share * gathering.capacity_per_s

    def _tell(self, gathering: Gathering, done: int) -> None:
        if gathering.slices:
            last = gathering.slices[-1]
            throughput = last.correct / last.elapsed_ns * 1e9 if last.elapsed_ns else 0.0
            self._listener.progress(self._phase, gathering.server.entry.name, done, throughput)

    def _finish(self, gathering: Gathering, run: str, attempt: int) -> Trial:
        name = gathering.server.entry.name
        effects = self._contract.operations[self._phase.condition.endpoint].effects
        if gathering.beside is None:  # PostgreSQL would count those of both loads
            gathering.statements = Statements(
                calls=sum(counted.calls for counted in self._database.statements(name)),
                requests=gathering.requests,
                expected=len(effects.statements) + effects.control,
            )
        gathering.waits = self._sampler.take(self._role(gathering))
        trial = gathering.trial(run, attempt)
        if gathering.exchange is not None:
            self._generator.close(name)
        if gathering.beside is not None and self._background is not None:
            self._background.close(name)
        return trial

    def _role(self, gathering: Gathering) -> str:
        return self._database.role(gathering.server.entry.name)

"""One condition in one block: turns go round the servers, and each server yields a trial."""

import http.client
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from functools import partial

import msgspec

from harness.analysis.labels.events import spoils
from harness.analysis.labels.rules import CEILING_SHARE
from harness.audit.subject import Subject, Violation
from harness.base.errors import BridgetollError, DatabaseFailed, check_scarce
from harness.inputs.conditions import condition_title
from harness.inputs.study import Condition, Latency, Objective
from harness.lab.clocks import Usage, oom_kills
from harness.lab.workers import WorkerState
from harness.load.protocol import Exchange, Tally
from harness.records.plan import Phase
from harness.records.trial import Resource, RoundTrips, Statements, Trial
from harness.runner.constancy import deviations
from harness.runner.exchanges import exchange_for
from harness.runner.holdups import HoldUps
from harness.runner.instruments import Instruments
from harness.runner.legs import round_trips
from harness.runner.plan import CAPACITY_ROUNDS, CAPACITY_SLICE_S
from harness.runner.rate_search import search_rate
from harness.runner.servers import LiveEntry
from harness.runner.session import Session
from harness.runner.slices import Access, Loader, LoadTarget
from harness.runner.time_left import Stage
from harness.runner.trial_builder import Ending, Measurement, Requests, TrialBuilder, Turn


class PhaseResult(msgspec.Struct, frozen=True):
    """What a phase yielded.

    trials: one per server that its condition asks for, complete or not.
    requests: of each trial, its single requests; None where the study does not keep them.
    failures: by entry, why a server takes no further part in the block; the earlier ones included.
    cut: what ended the phase before its last turn, and with it the run; None if nothing did. The
        trials are then those that had a turn.
    """

    trials: list[Trial]
    requests: list[Requests | None]
    failures: dict[str, str]
    cut: BridgetollError | None = None


def run_phase(
    session: Session,
    instruments: Instruments,
    phase: Phase,
    servers: Sequence[LiveEntry],
    failures: Mapping[str, str],
) -> PhaseResult:
    """Measure one condition on servers that are up.

    Args:
        session, instruments: of the run.
        phase: what to measure, and in which order.
        servers: of the block.
        failures: by entry, the servers that are out of the block already, and why.
    """
    running = _PhaseRun(session, instruments, phase, servers, failures)
    attempt = session.store.next_attempt(phase)
    trips: RoundTrips | None = None
    cut: BridgetollError | None = None
    try:
        running.reset_table()
        running.lengthen_legs()
        before = running.measure_legs()
        running.open_connections()
        running.warm_up()
        running.check_constancy()
        running.find_capacities()
        running.forget_warm_up()
        running.go_round()
        running.check_constancy_of_windows()
        trips = round_trips(before, running.measure_legs())
        running.shorten_legs()
    except BridgetollError as error:
        cut = error
    result = running.result(attempt, trips, cut)
    try:
        running.close_connections()
    except BridgetollError as error:  # no reason to lose the trials
        return msgspec.structs.replace(result, cut=cut or error)
    return result


class _Retired(msgspec.Struct, frozen=True):
    """What was known of a server when it was stopped, after its last turn."""

    cpu_ns: int
    at_ns: int
    usage: Usage | None
    workers: Mapping[int, WorkerState]


class _PhaseRun:
    """A phase while it runs: its servers by entry, and what has become of each.

    A server that fails is out of the block; the others go on. One that keeps them waiting is out
    under this condition.
    """

    def __init__(
        self,
        session: Session,
        instruments: Instruments,
        phase: Phase,
        servers: Sequence[LiveEntry],
        failures: Mapping[str, str],
    ) -> None:
        self._session = session
        self._instruments = instruments
        self._phase = phase
        self._condition: Condition = phase.condition
        self._loader = Loader(session, instruments, phase)
        self._failures = dict(failures)
        self._stopped: dict[str, str] = {}
        # In the first round's order, so that no server is always the first to be warmed up.
        by_name = {live.name: live for live in servers}
        names = [session.run.plan.entries[index].name for index in phase.orders[0]]
        keep = session.run.study.load.keep_requests
        self._servers = {name: by_name[name] for name in names if name in by_name}
        self._builders = {
            name: TrialBuilder(live.entry, phase, keep_requests=keep)
            for name, live in self._servers.items()
        }
        self._targets: dict[str, LoadTarget] = {}
        self._log_sizes = {n: live.server.log_size() for n, live in self._servers.items()}
        self._out_of_memory: set[str] = set()
        # All slices of a phase find their connections open. A window has them to itself: those to
        # all servers together would be more than a process may have.
        self._windowed = self._condition.window_s is not None
        # A server that has been given more than it can do goes on with it for minutes, and would
        # disturb the others. If it has no further condition to serve, it ends after its last turn.
        study = session.run.study
        self._retires = self._windowed and study.fresh == "condition" and not study.delayed
        self._retired: dict[str, _Retired] = {}
        timeout_s = session.run.study.load.timeout_s
        self._holdups = {name: HoldUps(timeout_s) for name in self._servers}

    def reset_table(self) -> None:
        """Bring the table to the condition's rows."""
        title = condition_title(self._condition)
        where = f"block {self._phase.block}: {title}"
        self._session.listener.step(f"{where}, warming up", Stage.PHASE)
        self._session.database.reset(self._condition.rows)

    def lengthen_legs(self) -> None:
        """Add the condition's latency."""
        self._instruments.legs.lengthen(self._condition.latency or Latency())

    def shorten_legs(self) -> None:
        """Remove the added latency."""
        self._instruments.legs.shorten()

    def measure_legs(self) -> tuple[float, float] | None:
        """Idle round trips through the legs, by the first server that is up."""
        live = next((s for s in self._servers.values() if s.name not in self._failures), None)
        if live is None:
            return None
        legs = self._instruments.legs
        # The harness's own role: the variant's statements are counted.
        url = legs.database_url(self._session.database.url)
        try:
            return legs.measure(url, live.server.address, live.address)
        except DatabaseFailed as error:
            self._session.listener.problem(str(error))  # the phase will tell which end is gone
            return None

    def open_connections(self) -> None:
        """Ask each server once, take its checked answer as the correct one, and connect.

        Connections of windows are opened when their turn comes.
        """
        self._on_each(self._open)

    def warm_up(self) -> None:
        """Load each server once as it will be loaded.

        A closed loop's window does that itself, before it opens.
        """
        if self._windowed and not self._condition.open_loop:
            return
        warmup_s = self._session.run.study.load.warmup_s
        self._on_each(lambda name: self._weigh(name, self._load(name, warmup_s)))

    def check_constancy(self) -> None:
        """Stop measuring a server that has become another than the study holds constant."""
        out = {*self._failures, *self._retired}
        self._check([live for name, live in self._servers.items() if name not in out])

    def _check(self, live: Sequence[LiveEntry]) -> None:
        session = self._session
        clock = self._instruments.clock
        found = deviations(session.run, session.database, live, clock, self._condition)
        for name, problem in found.items():
            self._failures[name] = problem
            session.listener.problem(f"{name}: {problem}")

    def check_constancy_of_windows(self) -> None:
        """The same after windows, whose load is the first that their servers have had."""
        if self._windowed:
            self.check_constancy()

    def find_capacities(self) -> None:
        """Where a rate is a share of capacity, find what each server does in a closed loop.

        In slices that go round, so that all are measured on the same machine.
        """
        if self._condition.share is None and self._condition.objective is None:
            return
        answers: dict[str, list[tuple[int, int]]] = {name: [] for name in self._servers}

        def load(name: str) -> None:
            tally = self._load(name, CAPACITY_SLICE_S)
            answers[name].append((tally.correct, tally.end_ns - tally.start_ns))
            self._weigh(name, tally)

        for _ in range(CAPACITY_ROUNDS):
            self._on_each(load)
        for name, slices in answers.items():
            correct = sum(count for count, _ in slices)  # none of a server that is out
            elapsed_ns = sum(elapsed for _, elapsed in slices)
            self._builders[name].capacity_per_s = correct / elapsed_ns * 1e9 if elapsed_ns else 0.0
            if not correct:
                self._stop(name, "it has no capacity: no correct answer under load")

    def forget_warm_up(self) -> None:
        """Forget whatever the warm-up left in counters and samples."""
        self._session.database.forget_statements()
        for name, live in self._servers.items():
            self._instruments.sampler.take(self._role(name))
            cpu_ns = self._instruments.watch.begin(live.server)
            now_ns = self._instruments.clock.now_ns()
            self._builders[name].begin(cpu_ns, now_ns, live.server.read_workers())

    def go_round(self) -> None:
        """Give each server its turns, round after round, in the planned order."""
        plan = self._session.run.plan
        done = sum(phase.turns for phase in plan.phases[: plan.phases.index(self._phase)])
        turns = [
            (plan.entries[index].name, Turn(number, position))
            for number, order in enumerate(self._phase.orders)
            for position, index in enumerate(order)
        ]
        for at, (name, turn) in enumerate(turns):
            if self._takes_part(name):
                after = next((n for n, _ in turns[at + 1 :] if self._takes_part(n)), None)
                self._on(name, partial(self._measure, turn, after))
                self._tell(name, done + at + 1)
            if self._retires and turn.round == len(self._phase.orders) - 1:
                self._retire(name)

    def _takes_part(self, name: str) -> bool:
        """Whether it is up, and has turns under this condition."""
        return name in self._servers and not self._is_out(name)

    def _retire(self, name: str) -> None:
        """Stop a server that has had its last turn; how much it used is noted before."""
        if name not in self._servers or name in self._failures:
            return
        live = self._servers[name]
        self._check([live])
        self._retired[name] = self._last(name)
        live.server.stop_soon()

    def result(
        self, attempt: int, trips: RoundTrips | None, cut: BridgetollError | None
    ) -> PhaseResult:
        """Make a trial of what each server's turns have yielded."""
        kept = [n for n, b in self._builders.items() if cut is None or b.slices]
        if cut is not None:
            first_line = str(cut).partition("\n")[0]
            self._stopped |= dict.fromkeys(self._servers, f"the run was cut short: {first_line}")
        trials = [self._trial(name, attempt, trips) for name in kept]
        requests = [self._builders[name].requests for name in kept]
        return PhaseResult(trials, requests, self._failures, cut)

    def close_connections(self) -> None:
        """Close the connections to every server that was loaded."""
        if not self._windowed:
            for target in self._targets.values():
                self._loader.disconnect(target)

    def _on_each(self, action: Callable[[str], object]) -> None:
        for name in self._servers:
            self._on(name, action)

    def _on(self, name: str, action: Callable[[str], object]) -> None:
        """Act on a server that still takes part. If it fails, note the reason."""
        if self._is_out(name):
            return
        self._instruments.check_partners()
        failure: str | None = None
        try:
            action(name)
        except Violation as error:
            failure = f"the answer to a single request was wrong: {error}"
        except (OSError, http.client.HTTPException) as error:
            check_scarce(error)
            failure = f"the server did not answer a single request: {error}"
        failure = self._servers[name].death() or failure
        if failure is not None:
            self._failures[name] = failure
            self._session.listener.problem(f"{name}: {failure}")

    def _is_out(self, name: str) -> bool:
        """Whether it has no further turn under this condition."""
        return name in self._failures or name in self._stopped

    def _stop(self, name: str, reason: str) -> None:
        """Give it no further turn under this condition; it stays in the block."""
        if not self._is_out(name):
            self._stopped[name] = reason
            self._session.listener.problem(f"{name}, {condition_title(self._condition)}: {reason}")

    def _weigh(self, name: str, tally: Tally, *, drained: bool = True) -> None:
        """Stop it where its turns only wait for the time limit of requests, and warn at once."""
        holdups = self._holdups[name]
        if reason := holdups.note(tally, drained=drained):
            self._stop(name, reason)
        elif drained and (warning := holdups.warning(tally)):
            title = condition_title(self._condition)
            self._session.listener.noticed(f"{name}, {title}: {warning}")

    def _open(self, name: str) -> None:
        live, condition, tools = self._servers[name], self._condition, self._instruments
        seed = self._session.run.study.seed
        timeout_s = self._session.run.study.load.timeout_s
        subject = live.subject(self._session.contract, self._session.database, timeout_s)
        exchange = self._first_exchange(subject, live, condition)
        beside: Exchange | None = None
        if condition.beside is not None and tools.background is not None:
            second = msgspec.structs.replace(condition, endpoint=condition.beside.endpoint)
            beside = exchange_for(subject, live.server.url, second, seed)
        target = LoadTarget(live, exchange, beside)
        if not self._windowed:
            self._loader.connect(target)
        self._targets[name] = target

    def _first_exchange(self, subject: Subject, live: LiveEntry, condition: Condition) -> Exchange:
        """The server's checked answer to one request.

        After a restart of PostgreSQL each connection in the server's pool fails one request, by
        which the server notices that it is lost.
        """
        session = self._session
        server = session.run.study.server_of(live.entry.variant, condition)
        lost = server.pool_size if self._instruments.watch.database_restarted() else 0
        for _ in range(lost * server.workers):
            with suppress(Violation):
                return exchange_for(subject, live.server.url, condition, session.run.study.seed)
        return exchange_for(subject, live.server.url, condition, session.run.study.seed)

    def _load(self, name: str, seconds: float) -> Tally:
        target = self._targets[name]
        with self._loader.connected(target) if self._windowed else nullcontext():
            tally = self._loader.load(target, seconds)
        self._builders[name].note_before(tally)
        return tally

    def _measure(self, turn: Turn, following: str | None, name: str) -> None:
        """One turn, and whether the kernel killed a process in it for lack of memory.

        following: whose turn is next, as far as it is known.
        """
        before = oom_kills()
        try:
            self._take_turn(turn, following, name)
        finally:
            if oom_kills() > before:
                self._out_of_memory.add(name)

    def _take_turn(self, turn: Turn, following: str | None, name: str) -> None:
        """A slice, a window, or a search of many windows."""
        target, builder = self._targets[name], self._builders[name]
        if not self._windowed:
            after = None if following is None else self._targets[following]
            measured = self._loader.slice(target, after)
            builder.add(turn, measured)
            self._weigh(name, measured.tally)
            return
        with self._loader.connected(target) as access:
            if self._condition.objective is not None:
                self._search(turn, name, access, self._condition.objective)
            else:
                measured = self._loader.window(target, access, turn, self._rate(builder))
                builder.add(turn, measured)
                self._weigh(name, measured.tally, drained=False)
        builder.note_aside(access.cpu_ns, access.ns)

    def _search(self, turn: Turn, name: str, access: Access, objective: Objective) -> None:
        target, builder = self._targets[name], self._builders[name]
        assert builder.capacity_per_s is not None
        search = search_rate(
            objective,
            capacity_per_s=builder.capacity_per_s,
            highest_per_s=self._highest_per_s(),
            first_draw=len(builder.tries),
            window=lambda rate, draw: self._weighed(
                name, self._loader.window(target, access, turn, rate, draw)
            ),
            running=lambda: target.live.server.running and not self._is_out(name),
            spoilt=lambda measured: spoils(builder.befell(measured)),
        )
        for measured, outcome in zip(search.windows, search.tries, strict=True):
            builder.add(turn, measured, repeated=outcome.spoilt)
        builder.add_search(search.tries, search.sustained_per_s)

    def _weighed(self, name: str, measured: Measurement) -> Measurement:
        self._weigh(name, measured.tally, drained=False)
        return measured

    def _rate(self, builder: TrialBuilder) -> float | None:
        if self._condition.share is None:
            return self._condition.rate
        assert builder.capacity_per_s is not None
        return self._condition.share * builder.capacity_per_s

    def _highest_per_s(self) -> float | None:
        """No search goes near what the generator can do at most."""
        ceiling_per_s = self._session.run.generator_ceiling_per_s
        if ceiling_per_s is None:
            return None
        return CEILING_SHARE * ceiling_per_s * self._session.run.study.load.generators

    def _tell(self, name: str, done: int) -> None:
        slices = self._builders[name].slices
        if slices:
            last = slices[-1]
            throughput = last.correct / last.elapsed_ns * 1e9 if last.elapsed_ns else 0.0
            self._session.listener.progress(self._phase, name, done, throughput)

    def _trial(self, name: str, attempt: int, trips: RoundTrips | None) -> Trial:
        builder, last = self._builders[name], self._last(name)
        ending = Ending(
            problem=self._failures.get(name) or self._stopped.get(name),
            cpu_ns=last.cpu_ns,
            at_ns=last.at_ns,
            usage=None if name in self._failures else last.usage,
            waits=self._instruments.sampler.take(self._role(name)),
            statements=self._statements(name, builder.sent),
            round_trips=trips,
            workers={} if name in self._failures else last.workers,
            exhausted=self._exhausted(name),
        )
        return builder.trial(self._session.run.id, attempt, ending, self._session.machine_set)

    def _last(self, name: str) -> _Retired:
        """What is known of a server at the end."""
        if name in self._retired:
            return self._retired[name]
        server, now_ns = self._servers[name].server, self._instruments.clock.now_ns()
        return _Retired(server.cpu_ns(), now_ns, server.usage(), server.read_workers())

    def _exhausted(self, name: str) -> tuple[Resource, ...]:
        """What the system refused to a server in this phase, or killed it for."""
        found = self._servers[name].server.exhausted(self._log_sizes[name])
        killed: tuple[Resource, ...] = ("memory",) if name in self._out_of_memory else ()
        return tuple(dict.fromkeys((*killed, *found)))

    def _statements(self, name: str, requests: int) -> Statements | None:
        """PostgreSQL's own count; None with a second load, whose statements it counts too."""
        target = self._targets.get(name)
        if target is not None and target.beside is not None:
            return None
        effects = self._session.contract.operations[self._condition.endpoint].effects
        try:
            counted = self._session.database.statements(name)
        except DatabaseFailed as error:  # the trial has been measured, and is kept without them
            self._session.listener.problem(str(error))
            return None
        return Statements(
            calls=sum(entry.calls for entry in counted),
            requests=requests,
            expected=len(effects.statements) + effects.control,
        )

    def _role(self, name: str) -> str:
        return self._session.database.role(name)

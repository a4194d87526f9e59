"""Locust's cells: a fresh server, a ramp of users, and what every role spent meanwhile."""

import http.client
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from harness.audit.http_checks import Violation
from harness.base.errors import DatabaseFailed, LocustFailed
from harness.inputs.contract import Contract
from harness.inputs.settings import DatabaseSettings
from harness.inputs.study import Condition, Latency
from harness.lab.machine import pinned
from harness.lab.postgres.database import Database
from harness.lab.postgres.waits import WaitSampler
from harness.load.locust.driver import RampPlan, climb
from harness.records.plan import Entry, Phase
from harness.records.run import Run
from harness.records.store import Store
from harness.records.trial import RoundTrips, Trial, trial_stem
from harness.runner.exchanges import exchange_for
from harness.runner.gauges import Gauges
from harness.runner.instruments import injector_for
from harness.runner.legs import Legs, round_trips
from harness.runner.listener import Listener
from harness.runner.locust_cells.observe import Ascent, trial_of
from harness.runner.servers import Launcher
from harness.runner.trial_builder import Server


class Cells:
    """Measures one entry under one condition at a time, with nothing else alive.

    Every cell is kept, and repeated on resuming, by itself. What went wrong is in `problems`.
    """

    def __init__(
        self,
        run: Run,
        contract: Contract,
        launcher: Launcher,
        database: Database,
        store: Store,
        listener: Listener,
    ) -> None:
        self.problems: list[str] = []
        self._run = run
        self._study = run.study
        self._contract = contract
        self._launcher = launcher
        self._database = database
        self._started_with: DatabaseSettings = run.study.database
        self._store = store
        self._listener = listener

    def measure(self, entries: list[Entry], python: Path) -> None:
        """Every cell that is not kept complete.

        Args:
            entries: those that passed their checks.
            python: of Locust's environment.
        """
        cores, done = self._run.cores, 0
        with ExitStack() as stack:
            stack.enter_context(pinned({*cores.load, *cores.database}))
            injector = None
            if self._study.delayed:
                injector = injector_for(self._study, cores, self._store.logs, stack)
            legs = Legs(injector)
            relays = injector.pids if injector else ()
            for phase in self._run.plan.phases:
                for index in phase.orders[0]:
                    done += 1
                    entry = self._run.plan.entries[index]
                    if entry in entries and not self._store.has_cell(phase, entry):
                        trial = self._cell(phase, entry, legs, relays, python)
                        self._keep(phase, trial, done)

    def _keep(self, phase: Phase, trial: Trial, done: int) -> None:
        self._store.write_trial(trial)
        if trial.problem is not None:
            where = f"{trial.entry}, {trial.condition.name}, block {trial.block}"
            self.problems.append(f"{where}: {trial.problem}")
            self._listener.problem(f"{where}: {trial.problem}")
        for piece in trial.slices:
            self._listener.progress(
                phase, trial.entry, done, piece.correct / piece.elapsed_ns * 1e9
            )

    def _cell(
        self, phase: Phase, entry: Entry, legs: Legs, relays: tuple[int, ...], python: Path
    ) -> Trial:
        """One trial, complete or with its problem; only the database's own failure ends the run."""
        condition, started_at = phase.condition, datetime.now(UTC)
        attempt = self._store.next_attempt_at(phase, entry)
        where = f"block {phase.block}: {condition.name}, {entry.name}"
        self._listener.step(f"{where}, rows and a fresh server")
        self._bring_database(entry, condition)
        legs.shorten()
        ascent: Ascent | None = None
        measured: RoundTrips | None = None
        with ExitStack() as stack:
            server = self._launcher.launch(phase.block, entry, self._database, legs, stack)
            self._launcher.await_ready(server)
            if server.problem is None:
                try:
                    plan = self._plan(server, condition)
                    legs.lengthen(condition.latency or Latency())
                    before = _measured(legs, server)
                    self._listener.step(f"{where}, {condition.connections} users come")
                    ascent = self._climb(phase, attempt, server, plan, relays, python)
                    server.problem = _death(server)
                    server.running.stop()
                    after = self._measured_again(phase, entry, condition, legs)
                    if before is not None and after is not None:
                        measured = round_trips(before, after)
                except (Violation, OSError, http.client.HTTPException) as error:
                    server.problem = f"the answer to a single request was wrong: {error}"
                except LocustFailed as error:
                    server.problem = str(error)
        legs.shorten()
        self._database.cut_off()  # however it ended, its statements must not outlive it
        most = int(self._database.settings()["max_connections"])
        return trial_of(
            ascent, self._run.id, phase, entry, attempt, started_at, server.problem, measured, most
        )

    def _bring_database(self, entry: Entry, condition: Condition) -> None:
        wanted = self._study.database_of(entry.variant)
        if wanted != self._started_with:
            self._database.restart(wanted)
            self._started_with = wanted
        self._database.reset(condition.rows)

    def _plan(self, server: Server, condition: Condition) -> RampPlan:
        """Checked once against the contract, so that Locust knows what a correct answer is."""
        subject = server.subject(self._contract, self._database)
        exchange = exchange_for(subject, server.running.url, condition, self._study.seed)
        ramp = self._study.load.ramp
        return RampPlan(
            path=self._contract.operations[condition.endpoint].target,
            users=condition.connections,
            per_s=ramp.per_s,
            hold_s=ramp.hold_s,
            client=ramp.client,
            body=None if exchange.body is None else exchange.body.decode(),
        )

    def _climb(
        self,
        phase: Phase,
        attempt: int,
        server: Server,
        plan: RampPlan,
        relays: tuple[int, ...],
        python: Path,
    ) -> Ascent:
        cores, role = self._run.cores, self._database.role(server.entry.name)
        gauges = Gauges(self._database.postmaster_pid, (), cores.all, relays=relays)
        ascent = Ascent(plan, gauges, server.running.clock, self._database)
        name = trial_stem(phase.block, phase.condition, server.entry.name, attempt)
        host, port = server.address.host, server.address.port
        with WaitSampler(self._database.connect, self._study.load.samples_per_s) as sampler:
            sampler.watch(role)
            ascent.result = climb(
                python, plan, f"http://{host}:{port}", folder=self._store.logs, name=name,
                cpus=cores.load, meanwhile=ascent.look,
            )  # fmt: skip
            ascent.look()
            sampler.watch(None)
            ascent.waits = sampler.take(role)
        return ascent

    def _measured_again(
        self, phase: Phase, entry: Entry, condition: Condition, legs: Legs
    ) -> tuple[float, float] | None:
        """By a fresh server: the other may have requests in its queue for minutes."""
        self._database.cut_off()
        legs.shorten()  # as it was when the other started
        with ExitStack() as stack:
            server = self._launcher.launch(phase.block, entry, self._database, legs, stack)
            self._launcher.await_ready(server)
            legs.lengthen(condition.latency or Latency())
            return None if server.problem else _measured(legs, server)


def _death(server: Server) -> str | None:
    """Whether it died under the ramp, which Locust only sees as refusals."""
    if server.running.running:
        return None
    words = server.running.last_words()
    return "the server died" + (f"; it said:\n{words}" if words else "")


def _measured(legs: Legs, server: Server) -> tuple[float, float] | None:
    try:
        return legs.measure(server.settings.database_url, server.running.port, server.address)
    except DatabaseFailed:  # a ramp that has been climbed is not spoilt by what comes after it
        return None

"""Locust's cells: a fresh server, a ramp of users, and what every role spent meanwhile."""

import http.client
from datetime import UTC, datetime

import msgspec

from harness.analysis.labels.trials import disturbances, is_spoilt
from harness.audit.subject import Violation
from harness.base.errors import (
    BridgetollError,
    DatabaseFailed,
    LocustFailed,
    LocustWorkerLost,
    check_scarce,
)
from harness.inputs.conditions import condition_title
from harness.inputs.study import Condition, Latency
from harness.lab.postgres.waits import WaitSampler
from harness.lab.servers import ServerGroup
from harness.load.locust.driver import RampPlan, climb
from harness.records.plan import Entry, Phase
from harness.records.trial import Event, RoundTrips, Trial, trial_stem
from harness.runner.block import known_habits, may_repeat, problem_of
from harness.runner.exchanges import exchange_for
from harness.runner.legs import round_trips
from harness.runner.locust_cells.observe import Climb, Observer, trial_of
from harness.runner.locust_cells.tools import RampTools
from harness.runner.servers import LiveEntry, await_entry
from harness.runner.session import Session, missing_phases
from harness.runner.time_left import Stage


def run_cells(session: Session, tools: RampTools) -> list[str]:
    """Measure every cell that is not kept complete, one at a time, with nothing else alive.

    Every cell is kept, and repeated on resuming, by itself.

    Args:
        session, tools: of the run.

    Returns:
        One sentence for each cell that could not be completed.
    """
    run, store = session.run, session.store
    problems: list[str] = []
    session.listener.planned(missing_phases(run, store))
    done = 0
    cells = _Cells(session, tools)
    for phase in run.plan.phases:
        for index in phase.orders[0]:
            done += 1
            entry = run.plan.entries[index]
            if entry in session.entries and not store.has_cell(phase, entry):
                problems += _measure(session, cells, phase, entry, done)
                session.listener.known(session.known(phase.block - 1))
    return problems


def _measure(session: Session, cells: "_Cells", phase: Phase, entry: Entry, done: int) -> list[str]:
    """Measure a cell, and once more as long as an accident spoilt it, within bounds."""
    while True:
        try:
            trial = cells.measure(phase, entry)
        except DatabaseFailed:
            cells.check_partners()  # its machine may be lost, which is told instead
            raise
        session.store.write_trial(trial)
        problems = _tell(session, phase, trial, done)
        own = known_habits(session, [trial])
        if problems or not is_spoilt(session.run, trial, own):
            return problems
        labels = disturbances(session.run, [trial], own)
        title = condition_title(phase.condition)
        session.listener.noticed(f"{trial.entry}, {title}: {labels}")
        cells_of_run = [(p, e) for p in session.run.plan.phases for e in session.entries_of(p)]
        attempts = session.store.attempts_at(cells_of_run)
        if not may_repeat(trial.attempt, attempts, session.run.study.reruns):
            return problems


def _tell(session: Session, phase: Phase, trial: Trial, done: int) -> list[str]:
    for slice_ in trial.slices:
        throughput = slice_.correct / slice_.elapsed_ns * 1e9
        session.listener.progress(phase, trial.entry, done, throughput)
    if trial.complete:
        return []
    session.listener.problem(problem_of(trial))
    return [problem_of(trial)]


class _Outcome(msgspec.Struct):
    """What has come of a cell so far; a problem ends it."""

    climb: Climb | None = None
    trips: RoundTrips | None = None
    problem: str | None = None
    befell: tuple[Event, ...] = ()


class _Cells:
    """Measures one entry under one condition at a time.

    Args:
        session, tools: of the run.
    """

    def __init__(self, session: Session, tools: RampTools) -> None:
        self._session = session
        self._study = session.run.study
        self._database = session.database
        self._started_with = session.run.study.database
        self._tools = tools
        self._legs = tools.legs

    def check_partners(self) -> None:
        """See `RampTools.check_partners`."""
        self._tools.check_partners()

    def measure(self, phase: Phase, entry: Entry) -> Trial:
        """One trial, complete or with its problem; only the end of a partner ends the run."""
        started_at = datetime.now(UTC)
        attempt = self._session.store.next_attempt_at(phase, entry)
        where = f"block {phase.block}: {entry.name}, {condition_title(phase.condition)}"
        self._session.listener.step(f"{where}, rows and a fresh server", Stage.PHASE)
        self._bring_database(entry, phase.condition)
        outcome = self._outcome(phase, entry, attempt, where)
        self._legs.shorten()
        self._database.cut_off()  # however it ended, its statements must not outlive it
        most = int(self._database.settings()["max_connections"])
        return trial_of(
            outcome.climb, self._session.run.id, phase, entry, attempt, started_at,
            outcome.problem, outcome.trips, most, outcome.befell,
        )  # fmt: skip

    def _bring_database(self, entry: Entry, condition: Condition) -> None:
        wanted = self._study.database_of(entry.variant)
        if wanted != self._started_with:
            self._database.restart(wanted)
            self._started_with = wanted
        self._database.reset(condition.rows)

    def _outcome(self, phase: Phase, entry: Entry, attempt: int, where: str) -> _Outcome:
        """Start a server, measure the legs, let the users come, and measure the legs again."""
        outcome = _Outcome()
        condition = phase.condition
        self._legs.shorten()
        with ServerGroup() as group:
            live = self._launch(phase, entry, group)
            outcome.problem = await_entry(live)
            if outcome.problem is not None:
                self._session.listener.problem(outcome.problem)
                return outcome
            try:
                plan = self._plan(live, condition)
                self._legs.lengthen(condition.latency or Latency())
                before = self._measure_legs(live)
                coming = f"{where}, {condition.connections} users come"
                self._session.listener.step(coming, Stage.PHASE)
                outcome.climb = self._climb(phase, attempt, live, plan)
                outcome.problem = live.death()  # Locust sees only refusals
                live.server.stop()
                outcome.trips = round_trips(before, self._measure_legs_again(phase, entry))
            except Violation as error:
                outcome.problem = f"the answer to a single request was wrong: {error}"
            except (OSError, http.client.HTTPException) as error:
                check_scarce(error)
                outcome.problem = f"the server did not answer a single request: {error}"
            except LocustFailed as error:
                outcome.problem = str(error)
                if isinstance(error, LocustWorkerLost):
                    outcome.befell = (Event("load-worker-lost", None, None, error.what),)
        return outcome

    def _launch(self, phase: Phase, entry: Entry, group: ServerGroup) -> LiveEntry:
        return self._session.launcher.launch(
            phase.block, entry, self._database, self._legs, group, phase.condition
        )

    def _plan(self, live: LiveEntry, condition: Condition) -> RampPlan:
        """Checked once against the contract, so that Locust knows what a correct answer is."""
        contract = self._session.contract
        subject = live.subject(contract, self._database, self._study.load.timeout_s)
        exchange = exchange_for(subject, live.server.url, condition, self._study.seed)
        ramp = self._study.load.ramp
        return RampPlan(
            path=contract.operations[condition.endpoint].target,
            users=condition.connections,
            per_s=ramp.per_s,
            hold_s=ramp.hold_s,
            client=ramp.client,
            body=None if exchange.body is None else exchange.body.decode(),
            processes=self._study.load.processes,
        )

    def _climb(self, phase: Phase, attempt: int, live: LiveEntry, plan: RampPlan) -> Climb:
        role, server = self._database.role(live.name), live.server
        with (
            WaitSampler(self._database.connect, self._study.load.samples_per_s) as sampler,
            self._tools.watching() as watch,
        ):
            observer = Observer(watch, server, self._database)
            sampler.watch(role)

            def look() -> None:
                """Tell at once who has died, so that no ramp is climbed for nothing."""
                try:
                    self._tools.check_partners()
                    observer.look()
                except BridgetollError as error:
                    self._session.listener.problem(str(error))  # the end takes some seconds
                    raise

            look()
            watch.begin(server)
            watch.ready()
            watch.before(server)
            result = climb(
                self._tools.machines,
                plan,
                f"http://{live.address.host}:{live.address.port}",
                name=trial_stem(phase.block, phase.condition, live.name, attempt),
                meanwhile=look,
            )
            observer.look()
            sampler.watch(None)
            # Locust itself says when its own processor was too busy.
            seen = watch.after(server, paused_ns=0)
            return observer.climb(result, sampler.take(role), seen.events)

    def _measure_legs(self, live: LiveEntry) -> tuple[float, float] | None:
        try:
            return self._legs.measure(live.settings.database_url, live.server.address, live.address)
        except DatabaseFailed:  # a ramp that has been climbed is not spoilt by what follows
            return None

    def _measure_legs_again(self, phase: Phase, entry: Entry) -> tuple[float, float] | None:
        """By a fresh server: the other may have requests in its queue for minutes."""
        self._database.cut_off()
        self._legs.shorten()  # as it was when the other started
        with ServerGroup() as group:
            live = self._launch(phase, entry, group)
            problem = await_entry(live)
            if problem is not None:
                self._session.listener.problem(problem)
                return None
            self._legs.lengthen(phase.condition.latency or Latency())
            return self._measure_legs(live)

"""The blocks of a run: all servers fresh and alive together, condition after condition."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Protocol

from harness.analysis.labels.events import Habits, habits
from harness.analysis.labels.trials import disturbances, is_spoilt, mostly_noisy
from harness.base.errors import RunEnds
from harness.base.signals import deferred
from harness.inputs.conditions import condition_title
from harness.inputs.study import Study
from harness.lab.servers import ServerGroup
from harness.records.plan import Phase
from harness.records.trial import Trial
from harness.runner.fleet import Agenda, Errand, MachineSet, share
from harness.runner.instruments import Instruments
from harness.runner.phase import PhaseResult, run_phase
from harness.runner.servers import LiveEntry, await_entry
from harness.runner.session import Session, missing_phases
from harness.runner.stopping import Stopper
from harness.runner.time_left import Stage

MOST_ATTEMPTS = 3
"""At one phase because of events: two accidents in a row are rare, and a third is none."""
_LEAST_REPEATED, _SHARE_REPEATED = 3, 0.25
"""Phases of a run that are repeated because of events, at least and as a share of all: a run takes
a quarter longer at most, or three phases."""


class BlockSet(MachineSet, Protocol):
    """A set of machines as blocks need it."""

    def opened(self, session: Session) -> AbstractContextManager[tuple[Session, Instruments]]:
        """The session with the set's database and servers, and the set's instruments."""


def run_blocks(session: Session, sets: Sequence[BlockSet]) -> list[str]:
    """Measure each phase that lacks a complete trial, until a stopping rule ends the run.

    Args:
        session: of the run.
        sets: of machines, which share the blocks; one at least.

    Returns:
        One sentence for each trial that could not be completed.
    """
    run, store, listener = session.run, session.store, session.listener
    missing = missing_phases(run, store)
    listener.planned(missing, len(sets))
    stopper = Stopper(run, store, sets=len(sets))

    def stop(blocks: int) -> bool:
        if (reason := stopper.reason(blocks)) is not None:
            listener.step(f"no further block, because {reason}")
        return reason is not None

    def told(_: int, left: int) -> None:
        stopper.block_done()
        listener.known(session.known(run.study.blocks - left))

    @contextmanager
    def opened(own: BlockSet) -> Iterator[Callable[[Errand], list[str]]]:
        with own.opened(session) as (of_set, instruments):
            yield partial(_run_errand, of_set, instruments)

    agenda = Agenda(
        blocks=sorted({phase.block for phase in missing if phase.block <= run.study.blocks}),
        owners=_owners(store.trials(run)[0]),
        sets=[own.name for own in sets],
        stop=stop,
        due=stopper.looks,
        told=told,
        lost=listener.noticed,
    )
    return share(sets, opened, agenda)


def _owners(trials: Sequence[Trial]) -> dict[int, str | None]:
    """By block, the set of machines that measured in it last."""
    in_time = sorted(trials, key=lambda trial: trial.started_at)
    return {trial.block: trial.machine_set for trial in in_time}


def _run_errand(session: Session, instruments: Instruments, errand: Errand) -> list[str]:
    """Measure the phases of a block that are missing, or all of them."""
    phases = [phase for phase in session.run.plan.phases if phase.block == errand.block]
    if not errand.whole:
        phases = [p for p in phases if not session.store.has_phase(p, session.entries_of(p))]
    together = on_same_servers(session.run.study, phases)
    return [problem for group in together for problem in run_block(session, instruments, group)]


def on_same_servers(study: Study, phases: Sequence[Phase]) -> list[list[Phase]]:
    """The phases of a block in their order, those together that share their servers.

    All of them do. Unless servers are to be fresh for each, or have another number of workers:
    another number of processes is another start.
    """
    if study.fresh == "condition":
        return [[phase] for phase in phases]
    groups: dict[int | None, list[Phase]] = {}
    for phase in phases:
        groups.setdefault(phase.condition.workers, []).append(phase)
    return list(groups.values())


def run_block(session: Session, instruments: Instruments, phases: Sequence[Phase]) -> list[str]:
    """Start the servers of a block, measure its phases on them, and stop them.

    Args:
        session, instruments: of the run.
        phases: of one block, those that share the servers.

    Returns:
        One sentence for each trial that could not be completed.
    """
    problems: list[str] = []
    if session.run.study.fresh == "condition":
        for phase in phases:
            _run_alone(session, instruments, phase, problems)
        return problems
    with ServerGroup() as group:
        servers, failures = _start_servers(session, instruments, phases, group)
        for phase in phases:
            result = _measure(session, instruments, phase, servers, failures, problems)
            noise = True
            while (reason := _reason_to_repeat(session, phase, result, noise)) is not None:
                session.listener.step(f"{_where(phase)} {reason}, again")
                noise = False
                failures = result.failures
                result = _measure(session, instruments, phase, servers, failures, problems)
            failures = result.failures
        session.listener.step(f"block {phases[0].block}: stopping the servers", Stage.PHASE)
    return problems


def _run_alone(
    session: Session, instruments: Instruments, phase: Phase, problems: list[str]
) -> None:
    """Measure a phase on servers of its own, and again on others where that is called for."""
    noise = True
    while True:
        with ServerGroup() as group:
            servers, failures = _start_servers(session, instruments, [phase], group)
            result = _measure(session, instruments, phase, servers, failures, problems)
            session.listener.step(f"block {phase.block}: stopping the servers", Stage.PHASE)
        if (reason := _reason_to_repeat(session, phase, result, noise)) is None:
            return
        session.listener.step(f"{_where(phase)} {reason}, again")
        noise = False


def _measure(
    session: Session,
    instruments: Instruments,
    phase: Phase,
    servers: Sequence[LiveEntry],
    failures: Mapping[str, str],
    problems: list[str],
) -> PhaseResult:
    """Measure a phase and keep it; `problems` gets a sentence for each incomplete trial.

    Raises:
        BridgetollError: a partner is gone, so the run ends. What the turns yielded is kept.
    """
    result = run_phase(session, instruments, phase, servers, failures)
    problems += _keep(session, phase, result)
    if result.cut is not None:
        if not isinstance(result.cut, RunEnds):
            session.listener.problem(str(result.cut))  # at once: the report comes before the end
        raise result.cut
    return result


def _start_servers(
    session: Session, instruments: Instruments, phases: Sequence[Phase], group: ServerGroup
) -> tuple[list[LiveEntry], dict[str, str]]:
    """All servers of the block, in the order that the plan has drawn.

    Returns:
        The servers, and by entry why one did not get ready.
    """
    block, plan = phases[0].block, session.run.plan
    study = session.run.study
    entries = session.entries
    if study.fresh == "condition" or len(study.crews) > 1:
        wanted = {entry.name for phase in phases for entry in session.entries_of(phase)}
        entries = [entry for entry in entries if entry.name in wanted]
    session.listener.step(f"block {block}: starting {len(entries)} servers", Stage.STARTS)
    instruments.legs.shorten()
    order = [plan.entries[index] for index in plan.starts[block - 1]]
    servers = [
        session.launcher.launch(
            block, entry, session.database, instruments.legs, group, phases[0].condition
        )
        for entry in order
        if entry in entries
    ]
    failures: dict[str, str] = {}
    for live in servers:
        problem = await_entry(live)
        if problem is not None:
            session.listener.problem(problem)
            failures[live.name] = problem
    return servers, failures


def _keep(session: Session, phase: Phase, result: PhaseResult) -> list[str]:
    """Write the trials of a phase, all of them, and tell what disturbed them."""
    with deferred():
        for trial, requests in zip(result.trials, result.requests, strict=True):
            session.store.write_trial(trial)
            if requests is not None:
                session.store.write_requests(trial, requests.compressed())
    if noticed := disturbances(session.run, result.trials, known_habits(session, result.trials)):
        session.listener.noticed(f"{_where(phase)}: {noticed}")
    return [problem_of(trial) for trial in result.trials if not trial.complete]


def problem_of(trial: Trial) -> str:
    """Why a trial is incomplete, and which one it is."""
    return (
        f"{trial.entry}, {condition_title(trial.condition)}, block {trial.block}: {trial.problem}"
    )


def _where(phase: Phase) -> str:
    return f"block {phase.block}, {condition_title(phase.condition)}"


def _reason_to_repeat(
    session: Session, phase: Phase, result: PhaseResult, noise: bool
) -> str | None:
    """Why a phase is measured again at once; None where it is not.

    Attempts on disk count: resuming grants no more. Noise is repeated as often as the study's
    `reruns` says. An accident is repeated without being asked for, because it leaves a variant
    without a figure. Both are bounded: a machine that spoils every trial must not hold up a run.

    Args:
        session, phase, result: what was measured.
        noise: whether noise is a reason; a phase is repeated for it once.
    """
    study, store = session.run.study, session.store
    attempts = store.attempts(session.run.plan.phases)
    repeated = sum(max(0, attempt - 1) for attempt in attempts)
    if noise and repeated < study.reruns and mostly_noisy(session.run, result.trials):
        return "was noisy"
    own = known_habits(session, result.trials)
    spoilt = [t.entry for t in result.trials if t.complete and is_spoilt(session.run, t, own)]
    (this,) = store.attempts([phase])
    if not spoilt or not may_repeat(this, attempts, study.reruns):
        return None
    return f"was spoilt ({', '.join(spoilt)})"


def may_repeat(attempt: int, attempts: Sequence[int], reruns: int) -> bool:
    """Whether one more attempt may follow because of events.

    Args:
        attempt: the number of the last one.
        attempts: so far at every phase, or cell, of the run.
        reruns: of the study, which are for noise and count on top.
    """
    most = reruns + max(_LEAST_REPEATED, round(_SHARE_REPEATED * len(attempts)))
    return attempt < MOST_ATTEMPTS and sum(max(0, number - 1) for number in attempts) < most


def known_habits(session: Session, trials: Sequence[Trial]) -> Habits:
    """What the run's variants do by themselves, as far as it is known; earlier trials are read
    only where these have events.
    """
    if not any(trial.events for trial in trials):
        return {}
    return habits(session.store.trials(session.run)[0])

"""The blocks of a run: all servers fresh and alive together, condition after condition."""

from collections.abc import Mapping, Sequence

from harness.analysis.labels.events import Habits, habits
from harness.analysis.labels.trials import disturbances, is_spoilt, mostly_noisy
from harness.base.signals import deferred
from harness.inputs.conditions import condition_title
from harness.inputs.study import Study
from harness.lab.servers import ServerGroup
from harness.records.plan import Phase
from harness.records.trial import Trial
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


def run_blocks(session: Session, instruments: Instruments) -> list[str]:
    """Measure each phase that lacks a complete trial, until a stopping rule ends the run.

    Returns:
        One sentence for each trial that could not be completed.
    """
    study, plan = session.run.study, session.run.plan
    problems: list[str] = []
    session.listener.planned(missing_phases(session.run, session.store))
    stopper = Stopper(session.run, session.store)
    for block in range(1, study.blocks + 1):
        if reason := stopper.reason(block - 1):
            session.listener.step(f"no further block, because {reason}")
            break
        phases = [phase for phase in plan.phases if phase.block == block]
        missing = [p for p in phases if not session.store.has_phase(p, session.entries_of(p))]
        for together in on_same_servers(study, missing):
            problems += run_block(session, instruments, together)
        if missing:
            stopper.block_done()
            session.listener.known(session.known(block))
    return problems


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
    attempts = [store.next_attempt(each) - 1 for each in session.run.plan.phases]
    repeated = sum(max(0, attempt - 1) for attempt in attempts)
    if noise and repeated < study.reruns and mostly_noisy(session.run, result.trials):
        return "was noisy"
    own = known_habits(session, result.trials)
    spoilt = [t.entry for t in result.trials if t.complete and is_spoilt(session.run, t, own)]
    this = store.next_attempt(phase) - 1
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

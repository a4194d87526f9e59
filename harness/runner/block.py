"""The blocks of a run: all servers fresh and alive together, condition after condition."""

from collections.abc import Sequence

from harness.analysis.labels.trials import disturbances, mostly_noisy
from harness.base.signals import deferred
from harness.lab.servers import ServerGroup
from harness.records.plan import Phase
from harness.records.trial import Trial
from harness.runner.instruments import Instruments
from harness.runner.phase import PhaseResult, run_phase
from harness.runner.servers import LiveEntry, await_entry
from harness.runner.session import Session
from harness.runner.stopping import Stopper


def run_blocks(session: Session, instruments: Instruments) -> list[str]:
    """Measure each phase that lacks a complete trial, until a stopping rule ends the run.

    Returns:
        One sentence for each trial that could not be completed.
    """
    study, plan = session.run.study, session.run.plan
    problems: list[str] = []
    stopper = Stopper(session.run, session.store)
    for block in range(1, study.blocks + 1):
        if reason := stopper.reason(block - 1):
            session.listener.step(f"no further block, because {reason}")
            break
        phases = [phase for phase in plan.phases if phase.block == block]
        missing = [p for p in phases if not session.store.has_phase(p, session.entries_of(p))]
        if study.fresh == "condition":
            for phase in missing:
                problems += run_block(session, instruments, [phase])
        elif missing:
            problems += run_block(session, instruments, missing)
        if missing:
            stopper.block_done()
    return problems


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
            result = run_phase(session, instruments, phase, servers, failures)
            problems += _keep(session, phase, result)
            if mostly_noisy(session.run, result.trials) and _reruns_left(session):
                session.listener.step(f"{_where(phase)} was noisy, again")
                result = run_phase(session, instruments, phase, servers, result.failures)
                problems += _keep(session, phase, result)
            failures = result.failures
        session.listener.step(f"block {phases[0].block}: stopping the servers")
    return problems


def _start_servers(
    session: Session, instruments: Instruments, phases: Sequence[Phase], group: ServerGroup
) -> tuple[list[LiveEntry], dict[str, str]]:
    """All servers of the block, in the order that the plan has drawn.

    Returns:
        The servers, and by entry why one did not get ready.
    """
    block, plan = phases[0].block, session.run.plan
    alone = session.run.study.fresh == "condition"
    entries = session.entries_of(phases[0]) if alone else session.entries
    session.listener.step(f"block {block}: starting {len(entries)} servers")
    instruments.legs.shorten()
    order = [plan.entries[index] for index in plan.starts[block - 1]]
    servers = [
        session.launcher.launch(block, entry, session.database, instruments.legs, group)
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
    if noticed := disturbances(session.run, result.trials):
        session.listener.noticed(f"{_where(phase)}: {noticed}")
    return [problem_of(trial) for trial in result.trials if not trial.complete]


def problem_of(trial: Trial) -> str:
    """Why a trial is incomplete, and which one it is."""
    return f"{trial.entry}, {trial.condition.name}, block {trial.block}: {trial.problem}"


def _where(phase: Phase) -> str:
    return f"block {phase.block}, {phase.condition.name}"


def _reruns_left(session: Session) -> bool:
    """Whether another phase may be repeated. Attempts on disk count: resuming grants no more."""
    attempts = [session.store.next_attempt(phase) - 1 for phase in session.run.plan.phases]
    repeated = sum(max(0, attempt - 1) for attempt in attempts)
    return repeated < session.run.study.reruns

"""Which labels a trial bears."""

from harness.analysis.labels.identities import contradictions
from harness.analysis.labels.labels import Finding, Label
from harness.analysis.labels.limits import Circumstances, bounds
from harness.analysis.labels.shares import Shares, shares
from harness.records.trial import Trial

STEAL_SHARE = 0.02
"""Of all processors: time that the hypervisor gave to others."""
FOREIGN_SHARE = 0.05
"""Of one core: work of processes that are not ours."""
ERROR_SHARE = 0.001
"""Of all requests."""
RECONNECT_SHARE = 0.001
"""Of all requests, at a server that is configured to keep connections alive."""
IDLE_SERVER_SHARE = 0.005
"""Of a core: what a server may use while it is not loaded."""
OFFERED_SHARE = 0.99
"""Of the arrivals: what an open loop must see answered for its rate to be the rate it says."""


def findings(trial: Trial, around: Circumstances) -> tuple[Finding, ...]:
    """Every label that fits a trial."""
    found: list[Finding] = []
    if trial.problem is not None:
        found.append(Finding(Label.INCOMPLETE, trial.problem.splitlines()[0]))
    found += _failures(trial)
    found += _unanswered(trial)
    used = shares(trial, len(around.cores.all))
    found += _ramp(trial)
    if used is not None:
        found += _noise(trial, used, around)
        found += bounds(trial, used, around)
    found += [Finding(Label.INCONSISTENT, what) for what in contradictions(trial)]
    return tuple(found)


def _ramp(trial: Trial) -> list[Finding]:
    """What kept Locust from doing what it should."""
    found: list[Finding] = []
    ramp, wanted = trial.ramp, trial.condition.connections
    if ramp is not None and ramp.warned:
        detail = "Locust itself complained that its processor was too busy"
        found.append(Finding(Label.GENERATOR_BOUND, detail))
    if ramp is not None and ramp.users < wanted:
        detail = f"only {ramp.users} of {wanted} users came in time"
        found.append(Finding(Label.GENERATOR_BOUND, detail))
    return found


def _failures(trial: Trial) -> list[Finding]:
    second = [s.window.beside for s in trial.slices if s.window and s.window.beside]
    failed = sum(sum(b.errors.values()) for b in second)
    if failed > ERROR_SHARE * (failed + sum(b.correct for b in second)):
        kinds = ", ".join(sorted({kind for b in second for kind in b.errors}))
        detail = f"{failed} requests of the second load failed ({kinds})"
        return [Finding(Label.ERRORS, detail)]
    errors = sum(sum(s.errors.values()) for s in trial.slices)
    total = errors + sum(s.correct for s in trial.slices)
    reconnects = sum(s.reconnects for s in trial.slices)
    found: list[Finding] = []
    if total and errors / total > ERROR_SHARE:
        kinds = ", ".join(sorted({kind for s in trial.slices for kind in s.errors}))
        found.append(Finding(Label.ERRORS, f"{errors / total:.2%} of requests failed ({kinds})"))
    if total and reconnects / total > RECONNECT_SHARE:
        detail = f"{reconnects} connections had to be opened again for {total} requests"
        found.append(Finding(Label.RECONNECTING, detail))
    return found


def _noise(trial: Trial, used: Shares, around: Circumstances) -> list[Finding]:
    found: list[Finding] = []
    if used.steal > STEAL_SHARE:
        found.append(Finding(Label.NOISY, f"{used.steal:.1%} of CPU time was stolen"))
    foreign = None if used.foreign is None else used.foreign - around.idle_cores
    if foreign is not None and foreign > FOREIGN_SHARE:
        found.append(Finding(Label.NOISY, f"other processes used {foreign:.1%} of a core"))
    idle = trial.idle_cpu_share
    if idle is not None and idle > IDLE_SERVER_SHARE:
        found.append(Finding(Label.BUSY_WHEN_IDLE, f"{idle:.1%} of a core without being asked"))
    return found


def _unanswered(trial: Trial) -> list[Finding]:
    """An open loop whose arrivals were not all answered; a search is meant to go there."""
    if trial.condition.objective is not None:
        if trial.complete and trial.sustained_per_s is None:
            return [Finding(Label.NEVER_MET, f"none of {len(trial.search)} tries was confirmed")]
        return []
    windows = [s.window for s in trial.slices if s.window is not None]
    offered = sum(w.offered or 0 for w in windows)
    # Of those that were due within it, and answered within it or afterwards.
    answered = sum(
        s.correct - s.window.before + s.window.in_flight
        for s in trial.slices
        if s.window is not None
    )
    if not offered or answered / offered >= OFFERED_SHARE:
        return []
    dropped = sum(w.dropped for w in windows)
    detail = f"{answered / offered:.1%} of arrivals answered, {dropped / offered:.1%} dropped"
    return [Finding(Label.OVERLOADED, detail)]

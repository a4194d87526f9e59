"""Labels that keep a figure from being read as what it is not, each with a remedy."""

from enum import StrEnum

import msgspec

from harness.model import Cores
from harness.records import Trial

GENERATOR_SHARE = 0.80
"""Of a core: above this a single-threaded generator begins to wait for itself."""
STEAL_SHARE = 0.02
"""Of all processors: time that the hypervisor gave to others."""
FOREIGN_SHARE = 0.05
"""Of one core: work of processes that are not ours."""
SERVER_SHARE = 0.90
"""Of the cores that the workers can use, one each under the GIL."""
DATABASE_SHARE = 0.85
"""Of the database's cores."""
IDLE_BELOW = 0.70
"""With everything below this, time passes in waiting."""
ERROR_SHARE = 0.001
"""Of all requests."""
RECONNECT_SHARE = 0.001
"""Of all requests, at a server that is configured to keep connections alive."""
IDLE_SERVER_SHARE = 0.005
"""Of a core: what a server may use while it is not loaded."""


class Label(StrEnum):
    """What a trial is, or suffers from."""

    INCOMPLETE = "incomplete"
    ERRORS = "errors"
    GENERATOR_BOUND = "generator-bound"
    NOISY = "noisy"
    DATABASE_BOUND = "database-bound"
    LOAD_CORE_BOUND = "load-core-bound"
    SERVER_BOUND = "server-bound"
    LATENCY_BOUND = "latency-bound"
    BUSY_WHEN_IDLE = "busy-when-idle"
    RECONNECTING = "reconnecting"


REMEDIES: dict[Label, str] = {
    Label.INCOMPLETE: "read the server's log in the run's folder, mend it and run again",
    Label.ERRORS: "find the cause in the samples of the trial; failed requests count for nothing",
    Label.GENERATOR_BOUND: "give the generator a core of its own, or load with fewer connections",
    Label.NOISY: "run again when the machine is quiet, or on one that is not shared",
    Label.DATABASE_BOUND: "compare server CPU per request instead, or give PostgreSQL more cores",
    Label.LOAD_CORE_BOUND: "compare server CPU per request instead, or use more cores",
    Label.SERVER_BOUND: "none needed: the server is what limits, as it should be for capacity",
    Label.LATENCY_BOUND: "raise the connections until something is saturated",
    Label.BUSY_WHEN_IDLE: "find out what the server does unasked; it disturbs the others' slices",
    Label.RECONNECTING: "find out why the server closes connections: its figures pay for that",
}

LIMITS = (
    Label.SERVER_BOUND,
    Label.DATABASE_BOUND,
    Label.LOAD_CORE_BOUND,
    Label.GENERATOR_BOUND,
    Label.LATENCY_BOUND,
)
"""The labels that say what limited the throughput; the others say what disturbed it."""


class Finding(msgspec.Struct, frozen=True):
    """A label on a trial, with the figure that gave rise to it."""

    label: Label
    detail: str

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return REMEDIES[self.label]


class Shares(msgspec.Struct, frozen=True):
    """Who used how much CPU during a trial's slices, in cores; None where it cannot be known."""

    server: float
    database: float | None
    generator: float
    foreign: float | None
    steal: float


def shares(trial: Trial, processors: int) -> Shares | None:
    """Average the CPU of all roles over the trial's slices; None without any.

    The roles' own shares are of the time under load; what comes from the kernel's ticks is of the
    somewhat longer time between the readings, in which the harness works too.
    """
    elapsed = sum(s.elapsed_ns for s in trial.slices)
    window = sum(s.window_ns for s in trial.slices)
    if elapsed <= 0 or window <= 0:
        return None
    server = sum(s.server_cpu_ns for s in trial.slices)
    generator = sum(s.generator_cpu_ns for s in trial.slices)
    harness = sum(s.harness_cpu_ns for s in trial.slices)
    busy = sum(s.machine_busy_ns for s in trial.slices)
    known = [s.database_cpu_ns for s in trial.slices if s.database_cpu_ns is not None]
    database = sum(known) if len(known) == len(trial.slices) else None
    ours = None if database is None else server + generator + harness + database
    return Shares(
        server=server / elapsed,
        database=None if database is None else database / elapsed,
        generator=generator / elapsed,
        foreign=None if ours is None else max(0.0, (busy - ours) / window),
        steal=sum(s.steal_ns for s in trial.slices) / window / processors,
    )


def findings(trial: Trial, cores: Cores, workers: int) -> tuple[Finding, ...]:
    """Every label that fits a trial."""
    found: list[Finding] = []
    if trial.problem is not None:
        found.append(Finding(Label.INCOMPLETE, trial.problem.splitlines()[0]))
    found += _failures(trial)
    used = shares(trial, len(cores.all))
    if used is not None:
        found += _noise(trial, used)
        found += _bounds(used, cores, workers)
    return tuple(found)


def _failures(trial: Trial) -> list[Finding]:
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


def _noise(trial: Trial, used: Shares) -> list[Finding]:
    found: list[Finding] = []
    if used.steal > STEAL_SHARE:
        found.append(Finding(Label.NOISY, f"{used.steal:.1%} of CPU time was stolen"))
    if used.foreign is not None and used.foreign > FOREIGN_SHARE:
        found.append(Finding(Label.NOISY, f"other processes used {used.foreign:.1%} of a core"))
    idle = trial.idle_cpu_share
    if idle is not None and idle > IDLE_SERVER_SHARE:
        found.append(Finding(Label.BUSY_WHEN_IDLE, f"{idle:.1%} of a core without being asked"))
    return found


def _bounds(used: Shares, cores: Cores, workers: int) -> list[Finding]:
    """What limited the throughput; nothing can be said where the database cannot be watched."""
    found: list[Finding] = []
    if used.generator > GENERATOR_SHARE:
        detail = f"the generator used {used.generator:.0%} of a core"
        found.append(Finding(Label.GENERATOR_BOUND, detail))
    usable = min(workers, len(cores.application))
    if used.server >= SERVER_SHARE * usable:
        found.append(Finding(Label.SERVER_BOUND, f"{used.server / usable:.0%} of its CPU used"))
    elif used.database is not None:
        found += _other_bounds(used, used.database, cores, usable)
    return found


def _other_bounds(used: Shares, database: float, cores: Cores, usable: int) -> list[Finding]:
    """Where the server was not the limit: the database, a core that roles share, or nothing."""
    share = database / len(cores.database)
    if share >= DATABASE_SHARE:
        return [Finding(Label.DATABASE_BOUND, f"PostgreSQL used {share:.0%} of its CPU")]
    others = database + used.generator
    if set(cores.application) & {*cores.database, *cores.load}:
        others += used.server  # one processor for everything
    if cores.co_located and others >= DATABASE_SHARE * len(cores.database):
        detail = (
            f"roles that share a core filled it (PostgreSQL {database:.0%}, generator "
            f"{used.generator:.0%}), while the server used {used.server:.0%}"
        )
        return [Finding(Label.LOAD_CORE_BOUND, detail)]
    if max(used.server / usable, share, others / len(cores.database)) < IDLE_BELOW:
        detail = f"nothing was busy: the server used {used.server / usable:.0%} of its CPU"
        return [Finding(Label.LATENCY_BOUND, detail)]
    return []

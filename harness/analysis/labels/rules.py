"""The rules by which a trial gets its labels.

`findings_of` applies them: events, failures, unanswered arrivals, Locust's warnings, noise, limits
of the throughput, and identities that every measurement must satisfy. `unsteady` adds the one that
takes longer to test.
"""

import math
import statistics
from collections import Counter
from collections.abc import Sequence

import msgspec
import numpy as np

from harness.analysis.labels.errors import errors_of, in_one_line, in_words, remedy_for
from harness.analysis.labels.events import event_findings
from harness.analysis.labels.labels import Finding, Label
from harness.analysis.measures import Measure, slice_value
from harness.analysis.noise.steadiness import trend
from harness.inputs.factors import pool_of
from harness.inputs.study import Condition, Objective
from harness.records.histogram import percentile_ns
from harness.records.run import Cores, Run
from harness.records.trial import EventKind, Trial, Try

STEAL_SHARE = 0.02
"""Of all processors: time that the hypervisor gave to others."""
FOREIGN_SHARE = 0.05
"""Of one core: work of processes that are not ours."""
ERROR_SHARE = 0.001
"""Of all requests."""
RECONNECT_SHARE = 0.001
"""Of all requests, at a server that is configured to keep connections alive."""
IDLE_SERVER_SHARE = 0.005
"""Of a core: a server may use this without load."""
OFFERED_SHARE = 0.99
"""Of the arrivals: at least so many must be answered, or the rate was not the one offered."""
GENERATOR_SHARE = 0.80
"""Of a core: above this a single-threaded generator begins to wait for itself."""
SERVER_SHARE = 0.90
"""Of the cores that the workers can use, one each under the GIL."""
DATABASE_SHARE = 0.85
"""Of the database's cores."""
IDLE_BELOW = 0.70
"""Of each processor: if all are below this, time passes in waiting."""
CEILING_SHARE = 0.50
"""Of the generator's ceiling: above this its own share of each latency is no longer small."""
LAG_SHARE = 0.10
"""Of the median latency: how late the generator may send, at the 99th percentile."""
FULL_SHARE = 0.90
"""Of its connections' time: requests queue for a pool that is as busy as this."""
WAITING_SHARE = 0.50
"""Of busy connections: above this they mostly wait for something within PostgreSQL."""
_LONGER_RAMP = "lengthen the ramp: no answer came before its end"
_LONGER_WINDOW = "lengthen `window_s`: no answer came within it"
_MORE_CONNECTIONS = "lower the rate, or allow more connections"
_NO_ARRIVAL = "raise the rate, or lengthen `window_s`: no arrival was due"
_NO_REQUEST = "lengthen the turn (`slice_s`, `window_s`, or the ramp): none was sent in it"
_SEARCH_ERRORS = "mend the errors: they and not the latency kept most tries from the objective"
_WAITING = "compare server CPU per request instead, or mend what the connections wait for"
"""Remedies that are true for some figures of a label only."""
UNEVEN_FACTOR = 1.5
"""Times its even share that the busiest worker does: of two workers three quarters of the work, so
the second core can add a third at most."""
CROWD = 10.0
"""Threads of a ramp's server that are ready and wait for a processor, on average. So many do
not wait while it is free, even if the mean over a ramp shows it free for a part of the time."""
_GROUPS = 10
"""Groups of slices in a trial; the median of each is a value in the test for a drift."""
LITTLE_TOLERANCE = 0.03
"""Requests in flight against throughput times latency, beyond what crosses the window's edges."""
STATEMENTS_TOLERANCE = 0.001
"""Statements that PostgreSQL counted against those that the contract names."""
ACCOUNT_TOLERANCE = 0.10
"""CPU time of the roles against that of the processors, which the kernel counts in ticks."""


class Circumstances(msgspec.Struct, frozen=True):
    """The facts beside the trial itself on which its labels depend.

    pool_size: connections that a server keeps to PostgreSQL, in a pool or one per thread; None
        where its variant keeps none.
    ceiling_per_s: the highest rate of the generator; None where it was not measured.
    idle_cores: used on the application's cores by the block's other servers, which have no load;
        mostly heartbeats. It is no fault of theirs, and the loaded server cannot use it.
    habits: kinds of events that are the variant's own doing under the trial's condition.
    """

    cores: Cores
    workers: int
    generators: int = 1
    pool_size: int | None = None
    ceiling_per_s: float | None = None
    idle_cores: float = 0.0
    habits: frozenset[EventKind] = frozenset()

    @staticmethod
    def of(
        run: Run,
        variant: str,
        idle_cores: float = 0.0,
        habits: frozenset[EventKind] = frozenset(),
        condition: Condition | None = None,
    ) -> "Circumstances":
        """The circumstances of a variant's trials in a run, under a condition."""
        server = run.study.server_of(variant, condition)
        return Circumstances(
            cores=run.cores,
            workers=server.workers,
            generators=run.study.load.senders,
            pool_size=server.connections(pool_of(run.variants[variant].factors)),
            ceiling_per_s=run.generator_ceiling_per_s,
            idle_cores=idle_cores,
            habits=habits,
        )


def idle_cores(run: Run, trials: Sequence[Trial]) -> float:
    """Cores that all servers of a block but one use without load, as these trials measured."""
    known = [t.idle_cpu_share for t in trials if t.idle_cpu_share is not None]
    return sum(known) / len(known) * (len(run.plan.entries) - 1) if known else 0.0


class Shares(msgspec.Struct, frozen=True):
    """CPU that each role used during a trial's slices, in cores; None where it is unknown.

    foreign: used by processes that are not ours. steal: taken by the hypervisor, of all processors.
    """

    server: float
    database: float | None
    generator: float
    foreign: float | None
    steal: float
    relay: float = 0.0


def shares(trial: Trial, processors: int) -> Shares | None:
    """Average the CPU of all roles over the trial's slices; None without any.

    The roles' shares are of the time under load. `foreign` and `steal` come from the kernel's ticks
    and are of the time between readings, which is a little longer and includes the harness's work.
    """
    # A ramp's clocks are read some time before its first user and after its last.
    elapsed = sum(s.elapsed_ns if trial.ramp is None else s.window_ns for s in trial.slices)
    window = sum(s.window_ns for s in trial.slices)
    if elapsed <= 0 or window <= 0:
        return None
    server = sum(s.server_cpu_ns for s in trial.slices)
    generator = sum(s.generator_cpu_ns for s in trial.slices)
    harness = sum(s.harness_cpu_ns for s in trial.slices)
    relay = sum(s.relay_cpu_ns for s in trial.slices)
    busy = sum(s.machine_busy_ns for s in trial.slices)
    known = [s.database_cpu_ns for s in trial.slices if s.database_cpu_ns is not None]
    database = sum(known) if len(known) == len(trial.slices) else None
    ours = None if database is None else server + generator + harness + relay + database
    return Shares(
        server=server / elapsed,
        database=None if database is None else database / elapsed,
        generator=generator / elapsed,
        foreign=None if ours is None else max(0.0, (busy - ours) / window),
        steal=sum(s.steal_ns for s in trial.slices) / window / processors,
        relay=relay / elapsed,
    )


def findings_of(trial: Trial, around: Circumstances) -> tuple[Finding, ...]:
    """Every label of a trial, except `unsteady`, with the figures behind it.

    A trial without one correct answer has no throughput, so no label says what limited it.
    """
    findings: list[Finding] = []
    if trial.problem is not None:
        findings.append(Finding(Label.INCOMPLETE, in_one_line(trial.problem)))
    findings += event_findings(trial, around.habits)
    used = shares(trial, len(around.cores.all))
    if not any(s.correct for s in trial.slices):
        findings += _unfed(trial)
        return (*findings, *(_noise(trial, used, around) if used is not None else ()))
    findings += _crowded(around)
    findings += _uneven(trial)
    findings += _failures(trial)
    findings += _unanswered(trial)
    findings += _ramp(trial)
    if used is not None:
        findings += _noise(trial, used, around)
        findings += bounds(trial, used, around)
    findings += [Finding(Label.INCONSISTENT, problem) for problem in contradictions(trial)]
    return tuple(findings)


def _unfed(trial: Trial) -> list[Finding]:
    """Why a trial has no correct answer: by its errors, or by the requests that none came to.

    A trial that ended early and had no turn has its problem, and nothing to add.
    """
    errors = errors_of([trial])
    if errors:
        detail = f"no correct answer ({in_words(errors)})"
        return [Finding(Label.STARVED, detail, remedy_for(errors, trial.condition.endpoint))]
    if not trial.complete:
        return []
    windows = [s.window for s in trial.slices if s.window is not None]
    if trial.ramp is not None and (cut_off := trial.ramp.under_way_at_stop):
        detail = f"no answer came before the end; {cut_off:,} requests were under way then"
        return [Finding(Label.STARVED, detail, _LONGER_RAMP)]
    if trial.ramp is None and (late := sum(w.in_flight for w in windows)):
        detail = f"no answer came within the window; {late:,} came after it"
        return [Finding(Label.STARVED, detail, _LONGER_WINDOW)]
    if dropped := sum(w.dropped for w in windows):
        detail = f"all {dropped:,} arrivals found every connection busy"
        return [Finding(Label.STARVED, detail, _MORE_CONNECTIONS)]
    if trial.statements is not None and (sent := trial.statements.requests):
        return [Finding(Label.STARVED, f"no answer was counted for {sent:,} requests")]
    if any(w.offered is not None for w in windows):
        return [Finding(Label.UNLOADED, "no arrival was due within the window", _NO_ARRIVAL)]
    return [Finding(Label.UNLOADED, "no request was sent", _NO_REQUEST)]


def _crowded(around: Circumstances) -> list[Finding]:
    """Whether a server has more workers than cores."""
    cores = len(around.cores.application)
    if around.workers <= cores or around.workers == 1:
        return []
    on = "one core" if cores == 1 else f"{cores} cores"
    detail = f"{around.workers} workers share {on}"
    advice = (
        f"none needed if that is the question; else set `workers` to {cores}, or use more cores"
    )
    return [Finding(Label.CROWDED, detail, advice)]


def _uneven(trial: Trial) -> list[Finding]:
    """Whether one worker did much more than its share: then its core limits, and others idle."""
    used, many = [worker.cpu_ns for worker in trial.workers], len(trial.workers)
    if many == 1 or not sum(used):
        return []
    share = max(used) / sum(used)
    if share * many < UNEVEN_FACTOR:
        return []
    detail = f"the busiest of {many} workers did {share:.0%} of the work, by CPU time"
    return [Finding(Label.UNEVEN, detail)]


def _failures(trial: Trial) -> list[Finding]:
    second = [s.window.beside for s in trial.slices if s.window and s.window.beside]
    failed = sum(sum(b.errors.values()) for b in second)
    if failed > ERROR_SHARE * (failed + sum(b.correct for b in second)):
        kinds: Counter[str] = Counter()
        for beside in second:
            kinds.update(beside.errors)
        detail = f"{failed:,} requests of the second load failed ({in_words(kinds)})"
        return [Finding(Label.ERRORS, detail)]
    kinds_of_errors = errors_of([trial])
    errors = sum(kinds_of_errors.values())
    total = errors + sum(s.correct for s in trial.slices)
    reconnects = sum(s.reconnects for s in trial.slices)
    findings: list[Finding] = []
    if total and errors / total > ERROR_SHARE:
        detail = f"{errors / total:.2%} of requests failed ({in_words(kinds_of_errors)})"
        findings.append(Finding(Label.ERRORS, detail))
    if total and reconnects / total > RECONNECT_SHARE:
        detail = f"{reconnects} connections had to be opened again for {total} requests"
        findings.append(Finding(Label.RECONNECTING, detail))
    return findings


def _unanswered(trial: Trial) -> list[Finding]:
    """Whether arrivals of an open loop were not answered; in a search that is no fault."""
    if trial.condition.objective is not None:
        if trial.complete and trial.sustained_per_s is None:
            tries = [attempt for attempt in trial.search if not attempt.spoilt]
            return [Finding(Label.NEVER_MET, *_tries(tries, trial.condition.objective))]
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


def _tries(tries: Sequence[Try], objective: Objective) -> tuple[str, str | None]:
    """What kept the tries of a search from meeting the objective, and the remedy."""
    missed = [t for t in tries if not t.met]
    failing = sum(t.errors > objective.errors for t in missed)
    slow = sum(_is_slow(t, objective) for t in missed)
    few = sum(t.latency_ns is None and t.errors <= objective.errors for t in missed)
    causes = [
        *([f"errors in {failing}"] if failing else []),
        *([f"latency in {slow}"] if slow else []),
        *([f"too few answers in {few}"] if few else []),
    ]
    why = f" ({', '.join(causes)})" if causes else ""
    if len(missed) < len(tries):
        met = len(tries) - len(missed)
        return f"{met} of {len(tries)} tries met it, and no rate was confirmed{why}", None
    return f"none of {len(tries)} tries met it{why}", _SEARCH_ERRORS if failing > slow else None


def _is_slow(attempt: Try, objective: Objective) -> bool:
    latency_ns = attempt.latency_ns
    return latency_ns is not None and latency_ns > objective.latency_ms * 1e6


def _ramp(trial: Trial) -> list[Finding]:
    """Whether Locust itself fell short."""
    findings: list[Finding] = []
    ramp, wanted = trial.ramp, trial.condition.connections
    if ramp is not None and ramp.warned:
        detail = "Locust itself complained that its processor was too busy"
        findings.append(Finding(Label.GENERATOR_BOUND, detail))
    if ramp is not None and ramp.users < wanted:
        detail = f"only {ramp.users} of {wanted} users came in time"
        findings.append(Finding(Label.GENERATOR_BOUND, detail))
    return findings


def _noise(trial: Trial, used: Shares, around: Circumstances) -> list[Finding]:
    findings: list[Finding] = []
    if used.steal > STEAL_SHARE:
        findings.append(Finding(Label.NOISY, f"{used.steal:.1%} of CPU time was stolen"))
    foreign = None if used.foreign is None else used.foreign - around.idle_cores
    if foreign is not None and foreign > FOREIGN_SHARE:
        findings.append(Finding(Label.NOISY, f"other processes used {foreign:.1%} of a core"))
    idle = trial.idle_cpu_share
    if idle is not None and idle > IDLE_SERVER_SHARE:
        findings.append(Finding(Label.BUSY_WHEN_IDLE, f"{idle:.1%} of a core without being asked"))
    return findings


def bounds(trial: Trial, used: Shares, around: Circumstances) -> list[Finding]:
    """What limited the throughput; unknown if the harness cannot watch the database."""
    findings = _generator_bounds(trial, used, around)
    cores = around.cores
    usable = min(around.workers, len(cores.application) - around.idle_cores)
    if used.server >= SERVER_SHARE * usable:
        # `idle_cores` is a mean over the other servers, and they may use less at the moment.
        share = min(1.0, used.server / usable) if usable > 0 else 1.0
        findings.append(Finding(Label.SERVER_BOUND, f"{share:.0%} of its CPU used"))
    elif trial.ramp is not None and (crowd := ready_threads(trial) or 0.0) >= CROWD:
        detail = (
            f"{crowd:.0f} of its threads at a time were ready and waited for the processor, of "
            f"which it used {used.server / usable:.0%} (means over the ramp)"
        )
        findings.append(Finding(Label.SERVER_BOUND, detail))
    elif used.database is not None:
        findings += (
            _database_waits(trial)
            or _pool_bounds(trial, used, used.database, around)
            or _other_bounds(used, used.database, cores, usable)
        )
        # An open loop's rate leaves idle time on purpose, and so do requests that fail.
        if trial.condition.open_loop or (trial.ramp is None and _fails(trial)):
            findings = [f for f in findings if f.label is not Label.LATENCY_BOUND]
    return findings


def _fails(trial: Trial) -> bool:
    """Whether more requests failed than a trial may have."""
    errors = sum(errors_of([trial]).values())
    return errors > ERROR_SHARE * (errors + sum(s.correct for s in trial.slices))


def ready_threads(trial: Trial) -> float | None:
    """How many of the server's threads were ready and waited for a processor, on average."""
    window_ns = sum(s.window_ns for s in trial.slices)
    waited = [s.run_delay_ns for s in trial.slices if s.run_delay_ns is not None]
    if not window_ns or len(waited) < len(trial.slices):
        return None
    return sum(waited) / window_ns


def _generator_bounds(trial: Trial, used: Shares, around: Circumstances) -> list[Finding]:
    findings: list[Finding] = []
    cores = min(around.generators, len(around.cores.load))
    share = used.generator / cores
    if share > GENERATOR_SHARE:
        of = "a core" if cores == 1 else f"each of its {cores} cores"
        findings.append(Finding(Label.GENERATOR_BOUND, f"the generator used {share:.0%} of {of}"))
    elapsed = sum(s.elapsed_ns for s in trial.slices) / 1e9
    rate = sum(s.correct for s in trial.slices) / elapsed
    ceiling = around.ceiling_per_s
    if ceiling is not None and rate > CEILING_SHARE * ceiling * around.generators:
        detail = f"{rate:,.0f} requests/s, and the generator reaches {ceiling:,.0f}/s at most"
        findings.append(Finding(Label.GENERATOR_BOUND, detail))
    lags = [s.window.lag_p99_ns for s in trial.slices if s.window and s.window.lag_p99_ns]
    lag = statistics.median(lags) if lags else None
    median = percentile_ns(trial.latency_hdr, 50)
    if lag is not None and median is not None and lag > LAG_SHARE * median:
        detail = (
            f"requests were sent up to {lag / 1e3:,.0f} µs late (99th percentile), and the median "
            f"latency is {median / 1e3:,.0f} µs"
        )
        findings.append(Finding(Label.GENERATOR_BOUND, detail))
    return findings


def _database_waits(trial: Trial) -> list[Finding]:
    """Whether most busy connections wait for one thing within PostgreSQL: a lock, or the disk."""
    if trial.waits is None or not sum(trial.waits.busy):
        return []
    waiting = {
        state: count
        for state, count in trial.waits.states.items()
        if state.startswith("active ") and " Client:" not in state and " Timeout:" not in state
    }
    if not waiting:
        return []
    state, count = max(waiting.items(), key=lambda item: item[1])
    share = count / sum(trial.waits.busy)
    if share <= WAITING_SHARE:
        return []
    what = state.partition(" ")[2]
    detail = f"{share:.0%} of busy connections waited for {what}"
    return [Finding(Label.DATABASE_BOUND, detail, _WAITING)]


def _pool_bounds(
    trial: Trial, used: Shares, database: float, around: Circumstances
) -> list[Finding]:
    """Whether requests wait for connections: all are lent, and no processor is busy."""
    if trial.waits is None or not trial.waits.busy or around.pool_size is None:
        return []
    seen = sum(trial.waits.busy) / len(trial.waits.busy)
    busy = (seen + _on_the_way(trial)) / around.pool_size
    busiest = max(used.server, database / len(around.cores.database))
    if busy < FULL_SHARE or busiest >= IDLE_BELOW:
        return []
    many = around.pool_size
    lent = f"{many} connections were" if many > 1 else "only connection was"
    detail = f"its {lent} lent for {min(busy, 1):.0%} of the time"
    return [Finding(Label.POOL_BOUND, detail)]


def _on_the_way(trial: Trial) -> float:
    """Connections in use that PostgreSQL reports as idle, because their bytes are in flight.

    By Little's law: statements per second, times the round trip that each of them takes.
    """
    latency, statements = trial.condition.latency, trial.statements
    elapsed_s = sum(s.elapsed_ns for s in trial.slices) / 1e9
    if latency is None or statements is None or not elapsed_s:
        return 0.0
    answered = sum(s.correct for s in trial.slices)
    return answered / elapsed_s * statements.expected * latency.database_ms / 1e3


def _other_bounds(used: Shares, database: float, cores: Cores, usable: float) -> list[Finding]:
    """Other limits than the server: the database, a core that roles share, or nothing at all."""
    share = database / len(cores.database)
    if share >= DATABASE_SHARE:
        return [Finding(Label.DATABASE_BOUND, f"PostgreSQL used {share:.0%} of its CPU")]
    others, shared = database + used.generator + used.relay, len(cores.database)
    if set(cores.application) & {*cores.database, *cores.load}:
        others += used.server  # its cores are for everything
        shared = len(cores.all)
    relay = f", relay {used.relay:.0%}" if used.relay else ""
    if cores.co_located and others >= DATABASE_SHARE * shared:
        detail = (
            f"roles that share a core filled it (PostgreSQL {database:.0%}, generator "
            f"{used.generator:.0%}{relay}), while the server used {used.server:.0%}"
        )
        return [Finding(Label.LOAD_CORE_BOUND, detail)]
    if max(used.server / usable, share, others / shared) < IDLE_BELOW:
        detail = f"nothing was busy: the server used {used.server / usable:.0%} of its CPU"
        return [Finding(Label.LATENCY_BOUND, detail)]
    return []


def contradictions(trial: Trial) -> list[str]:
    """Identities that the trial violates, one clause each.

    A trial that violates one has not measured what it seems to measure.
    """
    if not trial.complete or any(slice_.failures for slice_ in trial.slices):
        return []  # an error answers early, or late, or without its statements
    if trial.ramp is not None:
        return []  # users keep coming, so their number has no single value
    problems = (_little(trial), _statements(trial), _account(trial))
    return [problem for problem in problems if problem is not None]


def _little(trial: Trial) -> str | None:
    """Little's law (Little 1961): N = X R, in every window of a closed loop without think time."""
    if trial.condition.open_loop:
        return None
    for slice_ in trial.slices:
        if slice_.window is None or slice_.window.latency_mean_ns is None:
            continue
        latency_ns = slice_.window.latency_mean_ns
        in_flight = slice_.correct / slice_.elapsed_ns * latency_ns
        connections = trial.condition.connections
        at_edges = latency_ns / slice_.elapsed_ns
        if abs(in_flight - connections) / connections > LITTLE_TOLERANCE + at_edges:
            return (
                f"throughput times latency is {in_flight:.1f} requests in flight, and there were "
                f"{connections} connections"
            )
    return None


def _statements(trial: Trial) -> str | None:
    counted = trial.statements
    if counted is None:
        return None
    expected = counted.requests * counted.expected
    if abs(counted.calls - expected) <= STATEMENTS_TOLERANCE * max(expected, 1000):
        return None
    return (
        f"PostgreSQL counted {counted.calls:,} statements for {counted.requests:,} requests of "
        f"{counted.expected} each"
    )


def _account(trial: Trial) -> str | None:
    """The roles together cannot use more CPU time than their processors were busy."""
    roles = busy = 0
    for slice_ in trial.slices:
        roles += slice_.server_cpu_ns + slice_.generator_cpu_ns + slice_.harness_cpu_ns
        roles += slice_.relay_cpu_ns
        roles += slice_.database_cpu_ns or 0
        busy += slice_.machine_busy_ns
    ticks = 20_000_000 * len(trial.slices) ** 0.5  # each slice's edges fall anywhere within ticks
    if roles <= busy * (1 + ACCOUNT_TOLERANCE) + ticks:
        return None
    return (
        f"roles used {roles / 1e9:.2f} s of CPU time, and their processors were busy for "
        f"{busy / 1e9:.2f} s"
    )


def unsteady(trial: Trial) -> list[Finding]:
    """Whether CPU per request, relative to the probe, or a window's throughput drifted."""
    if trial.condition.objective is not None or not any(s.correct for s in trial.slices):
        return []
    drift = trend(_steady_values(trial))
    if drift is None or not drift.is_real:
        return []
    what = "responses per second" if trial.condition.window_s else "server CPU per request"
    detail = f"{what} changed by {math.expm1(drift.change):+.0%} from begin to end"
    return [Finding(Label.UNSTEADY, detail)]


def _steady_values(trial: Trial) -> list[float]:
    if trial.condition.window_s is not None:
        return [float(n) for s in trial.slices if s.window for n in s.window.per_second]
    probed = all(s.probe_ns for s in trial.slices)  # or else in none: the two are far apart
    values = [
        value / (s.probe_ns if probed and s.probe_ns else 1)
        for s in trial.slices
        if (value := slice_value(Measure.CPU, s)) is not None
    ]
    size = max(1, len(values) // _GROUPS)
    groups = [values[at : at + size] for at in range(0, len(values), size)]
    return [float(np.median(group)) for group in groups if len(group) == size]

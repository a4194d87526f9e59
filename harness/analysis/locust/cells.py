"""Locust's cells: what each setup did under each condition, over its trials."""

import math
from collections import Counter
from collections.abc import Sequence

import msgspec

from harness.analysis.labels.labels import LIMITS, Finding
from harness.analysis.labels.limits import Circumstances, ready_threads
from harness.analysis.labels.rules import findings
from harness.analysis.labels.shares import Shares, shares
from harness.analysis.locust.rates import charted_per_s, highest_per_s
from harness.inputs.study import Condition
from harness.records.histogram import percentile_ns
from harness.records.run import Run
from harness.records.trial import Trial, trial_stem


class Cell(msgspec.Struct, frozen=True):
    """One setup under one condition.

    trials: complete ones, one a block; figures are their means, or their sums where said so.
    highest_per_s: successes per second, over the best ten seconds. None without a complete trial.
    steady_per_s: over the time in which all users were there.
    successes, failures: in a trial. errors: by kind, in all trials.
    under_way: requests that the end cut off, in a trial.
    users: the most that were there, in the worst trial.
    shares: of processors, in cores. connections: to PostgreSQL, as sampled.
    ready_threads: of the server, that waited for a processor, on average; at least, because what
        threads waited that ended before the end is not known.
    series: successes in each second of the first complete trial. failed: failures likewise.
    found: labels of its complete trials, each once.
    trips: idle round trips: leg, what was added, what was measured, in ms.
    problem: why there is no complete trial, or None.
    charted_per_s: the highest that Locust's chart would have shown, failures left out.
    highest_by_block, successes_by_block: of each complete trial.
    page: that Locust itself wrote of the first complete trial, within the run's folder.
    """

    setup: str
    condition: Condition
    trials: int
    highest_per_s: float | None = None
    steady_per_s: float | None = None
    successes: float | None = None
    failures: float | None = None
    errors: dict[str, int] = {}
    under_way: float | None = None
    users: int | None = None
    shares: Shares | None = None
    connections: float | None = None
    threads: int | None = None
    ready_threads: float | None = None
    memory_mib: float | None = None
    latency_p50_ms: float | None = None
    latency_p99_ms: float | None = None
    max_connections: int | None = None
    most_connections: int | None = None
    series: tuple[int, ...] = ()
    failed: tuple[int, ...] = ()
    found: tuple[Finding, ...] = ()
    trips: tuple[tuple[str, float, float], ...] = ()
    problem: str | None = None
    highest_by_block: dict[int, float] = {}
    successes_by_block: dict[int, float] = {}
    charted_per_s: float | None = None
    page: str | None = None

    @property
    def failed_share(self) -> float | None:
        """Of the requests that ended before the test did."""
        if self.successes is None or self.failures is None:
            return None
        ended = self.successes + self.failures
        return self.failures / ended if ended else None

    @property
    def limits(self) -> tuple[Finding, ...]:
        """What limited its throughput."""
        return tuple(finding for finding in self.found if finding.label in LIMITS)


def last_attempts(trials: Sequence[Trial]) -> list[Trial]:
    """Of each cell; one that failed stands until a later attempt takes its place."""
    found: dict[tuple[int, Condition, str], Trial] = {}
    for trial in sorted(trials, key=lambda t: t.attempt):
        found[trial.block, trial.condition, trial.entry] = trial
    return list(found.values())


def cell_of(run: Run, setup: str, condition: Condition, trials: Sequence[Trial]) -> Cell:
    """Sum up the trials of one setup under one condition, the last attempt of each block."""
    complete = [t for t in trials if t.complete and t.slices and t.ramp is not None]
    if not complete:
        problems = [t.problem for t in trials if t.problem]
        problem = problems[0] if problems else "it has not been measured yet"
        return Cell(setup, condition, trials=0, problem=problem)
    first = complete[0]
    used = [s for t in complete if (s := shares(t, len(run.cores.all))) is not None]
    around = Circumstances.of(run, setup)
    errors: Counter[str] = Counter()
    for trial in complete:
        errors.update(trial.slices[0].errors)
    ramps = [t.ramp for t in complete if t.ramp is not None]
    return Cell(
        setup=setup,
        condition=condition,
        trials=len(complete),
        highest_per_s=_mean([highest_per_s(_series(t)) for t in complete]),
        highest_by_block={t.block: highest_per_s(_series(t)) for t in complete},
        successes_by_block={t.block: float(t.slices[0].correct) for t in complete},
        charted_per_s=_mean([_charted(t) for t in complete]),
        steady_per_s=_mean([_steady(run, t) for t in complete]),
        successes=_mean([t.slices[0].correct for t in complete]),
        failures=_mean([sum(t.slices[0].errors.values()) for t in complete]),
        errors=dict(sorted(errors.items())),
        under_way=_mean([ramp.under_way_at_stop for ramp in ramps]),
        users=min(ramp.users for ramp in ramps),
        shares=_mean_shares(used),
        connections=_mean([_connections(t) for t in complete]),
        threads=max((t.threads for t in complete if t.threads is not None), default=None),
        ready_threads=_mean([ready_threads(t) for t in complete]),
        memory_mib=max(
            (t.rss_peak_kib / 1024 for t in complete if t.rss_peak_kib is not None), default=None
        ),
        latency_p50_ms=_mean([_milliseconds(t, 50) for t in complete]),
        latency_p99_ms=_mean([_milliseconds(t, 99) for t in complete]),
        max_connections=ramps[0].max_connections,
        most_connections=max(
            (r.most_connections for r in ramps if r.most_connections is not None), default=None
        ),
        page=f"logs/{trial_stem(first.block, condition, first.entry, first.attempt)}.html",
        series=_series(first),
        failed=ramps[0].failed_per_second,
        found=tuple({f.label: f for t in complete for f in findings(t, around)}.values()),
        trips=tuple(trip for t in complete for trip in _trips(t)),
    )


def _series(trial: Trial) -> tuple[int, ...]:
    window = trial.slices[0].window
    return () if window is None else window.per_second


def _steady(run: Run, trial: Trial) -> float | None:
    """From when the last user came to the last whole second; None where not all came."""
    ramp, users = trial.ramp, trial.condition.connections
    if ramp is None or ramp.users < users:
        return None
    # Older trials do not say when; then by the schedule, which Locust may have fallen behind.
    settled_s = users / run.study.load.ramp.per_s if ramp.settled_s is None else ramp.settled_s
    rest = _series(trial)[math.ceil(settled_s) : -1]
    return sum(rest) / len(rest) if rest else None


def _connections(trial: Trial) -> float | None:
    waits = trial.waits
    return None if waits is None or not waits.busy else sum(waits.states.values()) / len(waits.busy)


def _trips(trial: Trial) -> list[tuple[str, float, float]]:
    measured, added = trial.round_trips, trial.condition.latency
    if measured is None or added is None:
        return []
    return [
        ("database", added.database_ms, measured.database_before),
        ("database", added.database_ms, measured.database_after),
        ("client", added.client_ms, measured.client_before),
        ("client", added.client_ms, measured.client_after),
    ]


def _milliseconds(trial: Trial, percentile: float) -> float | None:
    value = percentile_ns(trial.latency_hdr, percentile)
    return None if value is None else value / 1e6


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _mean_shares(used: Sequence[Shares]) -> Shares | None:
    if not used:
        return None
    fields = Shares.__struct_fields__
    means = {name: _mean([getattr(one, name) for one in used]) for name in fields}
    return msgspec.convert(means, Shares)


def _charted(trial: Trial) -> float | None:
    ramp, series = trial.ramp, _series(trial)
    if ramp is None or len(ramp.failed_per_second) < len(series):
        return None
    return charted_per_s(series, ramp.failed_per_second)

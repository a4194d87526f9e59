"""Locust's cells, summed up, and laid beside a table that was published."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from harness.analysis.bounds import Circumstances
from harness.analysis.histogram import percentile_ns
from harness.analysis.intervals import Interval, block_interval
from harness.analysis.labels import LIMITS, Finding
from harness.analysis.shares import Shares, shares
from harness.analysis.validity import findings
from harness.published import PublishedCell
from harness.records import Run, Trial
from harness.study import Condition

PEAK_S = 10
"""Over how many seconds the highest rate is a mean. Locust's own current rate is one over ten
seconds (locust/stats.py, `current_rps`), and the published figures are read off its charts."""


class Cell(msgspec.Struct, frozen=True):
    """One setup under one condition.

    trials: complete ones, one a block; figures are their means, or their sums where said so.
    highest_per_s: successes per second, over the best ten seconds. None without a complete trial.
    steady_per_s: over the time in which all users were there.
    successes, failures: in a trial. errors: by kind, in all trials.
    under_way: requests that the end cut off, in a trial.
    users: the most that were there, in the worst trial.
    shares: of processors, in cores. connections: to PostgreSQL, as sampled.
    series: successes in each second of the first complete trial. failed: failures likewise.
    found: labels of the first complete trial.
    trips: idle round trips: leg, what was added, what was measured, in ms.
    problem: why there is no complete trial, or None.
    highest_by_block: the highest rate of each complete trial.
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


class Gain(msgspec.Struct, frozen=True):
    """How many times as many successes per second a setup had as the baseline, at most.

    ours: over blocks; without bounds where there is one. published: None where it was not.
    """

    setup: str
    baseline: str
    condition: Condition
    ours: Interval
    published: float | None

    @property
    def quotient(self) -> float | None:
        """Ours over the published one."""
        return None if not self.published else self.ours.mean / self.published


class Ramps(msgspec.Struct, frozen=True):
    """A run of Locust's cells.

    published: by setup and condition, where the study names a table that has the cell.
    """

    baseline: str
    cells: tuple[Cell, ...]
    gains: tuple[Gain, ...]
    published: tuple[tuple[str, Condition, PublishedCell], ...]

    def cell(self, setup: str, condition: Condition) -> Cell:
        """The one of that setup and condition; it stands there, if only with a problem."""
        return next(c for c in self.cells if c.setup == setup and c.condition == condition)

    def in_print(self, setup: str, condition: Condition) -> PublishedCell | None:
        """What was published of it."""
        found = (p for s, c, p in self.published if s == setup and c == condition)
        return next(found, None)


def summarise(run: Run, trials: Sequence[Trial]) -> Ramps:
    """Sum up the last attempt at each cell."""
    last = last_attempts(trials)
    setups = [name for name in run.study.everyone if name not in run.excluded]
    conditions = run.study.conditions
    in_print = tuple(
        (setup, condition, found)
        for setup in setups
        for condition in conditions
        if (found := _in_print(run, setup, condition)) is not None
    )
    known = {(setup, condition): found for setup, condition, found in in_print}
    cells = {
        (setup, c): _cell(run, setup, c, [t for t in last if (t.entry, t.condition) == (setup, c)])
        for c in conditions
        for setup in setups
    }
    return Ramps(
        baseline=run.study.baseline,
        cells=tuple(cells.values()),
        gains=tuple(
            gain
            for c in conditions
            for setup in setups
            if setup != run.study.baseline
            and (gain := _gain(run, cells, setup, c, known)) is not None
        ),
        published=in_print,
    )


def highest_per_s(series: Sequence[int]) -> float:
    """The best mean over ten neighbouring seconds; over all of them where there are fewer."""
    width = min(PEAK_S, len(series))
    if width == 0:
        return 0.0
    return float(np.convolve(series, np.ones(width), "valid").max() / width)


def last_attempts(trials: Sequence[Trial]) -> list[Trial]:
    """Of each cell; one that failed stands until a later attempt takes its place."""
    found: dict[tuple[int, Condition, str], Trial] = {}
    for trial in sorted(trials, key=lambda t: t.attempt):
        found[trial.block, trial.condition, trial.entry] = trial
    return list(found.values())


def _cell(run: Run, setup: str, condition: Condition, trials: Sequence[Trial]) -> Cell:
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
        steady_per_s=_mean([_steady(run, t) for t in complete]),
        successes=_mean([t.slices[0].correct for t in complete]),
        failures=_mean([sum(t.slices[0].errors.values()) for t in complete]),
        errors=dict(sorted(errors.items())),
        under_way=_mean([ramp.under_way_at_stop for ramp in ramps]),
        users=min(ramp.users for ramp in ramps),
        shares=_mean_shares(used),
        connections=_mean([_connections(t) for t in complete]),
        threads=max((t.threads for t in complete if t.threads is not None), default=None),
        memory_mib=max(
            (t.rss_peak_kib / 1024 for t in complete if t.rss_peak_kib is not None), default=None
        ),
        latency_p50_ms=_mean([_milliseconds(t, 50) for t in complete]),
        latency_p99_ms=_mean([_milliseconds(t, 99) for t in complete]),
        max_connections=ramps[0].max_connections,
        most_connections=max(
            (r.most_connections for r in ramps if r.most_connections is not None), default=None
        ),
        series=_series(first),
        failed=ramps[0].failed_per_second,
        found=findings(first, around),
        trips=tuple(trip for t in complete for trip in _trips(t)),
    )


def _series(trial: Trial) -> tuple[int, ...]:
    window = trial.slices[0].window
    return () if window is None else window.per_second


def _steady(run: Run, trial: Trial) -> float | None:
    """From when the last user came to the last whole second."""
    begun = math.ceil(trial.condition.connections / run.study.load.ramp.per_s)
    rest = _series(trial)[begun:-1]
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


def _in_print(run: Run, setup: str, condition: Condition) -> PublishedCell | None:
    """The published experiment delayed both legs by one figure."""
    legs = set(condition.latency.legs.values()) if condition.latency else {0.0}
    if run.published is None or len(legs) > 1:
        return None
    wanted = (setup, condition.endpoint, legs.pop())
    cells = (c for c in run.published.cells if (c.setup, c.endpoint, c.latency_ms) == wanted)
    return next(cells, None)


def log_ratio(ours: Mapping[int, float], theirs: Mapping[int, float]) -> Interval | None:
    """Of two setups' rates by block, over the blocks in which both had any."""
    shared = sorted(block for block in ours.keys() & theirs.keys() if ours[block] and theirs[block])
    return block_interval([math.log(ours[block] / theirs[block]) for block in shared])


def _gain(
    run: Run,
    cells: Mapping[tuple[str, Condition], Cell],
    setup: str,
    condition: Condition,
    known: Mapping[tuple[str, Condition], PublishedCell],
) -> Gain | None:
    base = run.study.baseline
    ours, theirs = cells[setup, condition], cells.get((base, condition))
    if theirs is None:
        return None
    effect = log_ratio(ours.highest_by_block, theirs.highest_by_block)
    if effect is None:
        return None
    one, other = known.get((setup, condition)), known.get((base, condition))
    published = None
    if one is not None and other is not None and other.highest_per_s:
        published = one.highest_per_s / other.highest_per_s
    return Gain(setup, base, condition, effect.exp(), published)

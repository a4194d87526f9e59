"""Sum up Locust's cells, and set them beside a published table.

A cell is a setup under one condition: a fresh server, and a ramp of users.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np

from harness.analysis.labels.errors import errors_of
from harness.analysis.labels.labels import LIMITS, Finding, Label
from harness.analysis.labels.rules import ERROR_SHARE, Shares, ready_threads, shares
from harness.analysis.labels.trials import LabelledTrial, label_trials
from harness.analysis.missing import has_successes, missing_under
from harness.analysis.stats.blocks import BlockModel, Estimate
from harness.analysis.stats.intervals import Interval
from harness.inputs.published_tables import PublishedCell
from harness.inputs.study import Condition
from harness.records.histogram import percentile_ns
from harness.records.run import Run
from harness.records.trial import Trial, trial_stem

PEAK_S = 10
"""Seconds over which the highest rate is a mean, as in Locust's own current rate."""
CHART_S = 5
"""Seconds between the points of Locust's charts (locust/stats.py, `HISTORY_STATS_INTERVAL_SEC`)."""
_CHART_FIRST, _CHART_LAST = 12, 2
"""A point is a mean from 12 to 2 seconds before the last answer, or over as many as there are near
the start (locust/stats.py, `current_rps`)."""
NOT_THEIRS = frozenset({Label.GENERATOR_BOUND, Label.DATABASE_BOUND, Label.LOAD_CORE_BOUND})
"""Labels of a cell that something other than its setup limited."""


NOT_MEASURED = "it has not been measured yet"
"""The problem of a cell without any trial."""


class Cell(msgspec.Struct, frozen=True, rename={"findings": "found"}):
    """One setup under one condition.

    trials: complete ones, one per block; none if no request of them succeeded. Figures are means
        over them, except where stated.
    highest_per_s: successes per second, over the best ten seconds; None without such a trial, and
        where no whole second had a success.
    steady_per_s: likewise, over the time in which all users were present.
    successes, failures: per trial. errors: by kind, in all trials.
    under_way: requests per trial that the end cut off.
    users: the most that were present at once, in the worst trial.
    shares: of processors, in cores. connections: to PostgreSQL, as sampled.
    ready_threads: the server's threads that waited for a processor, on average. It is a lower
        bound, because the waits of threads that ended early are unknown.
    series: successes in each second of the first complete trial. failed: failures likewise.
    findings: labels of its complete trials, each once.
    trips: idle round trips: leg, added milliseconds, measured milliseconds.
    problem: why there is no complete trial, or None.
    charted_per_s: the highest rate in Locust's chart, without failures; None where the chart shows
        none of the successes, as of a ramp of a few seconds.
    highest_by_block, successes_by_block: of each complete trial.
    page: Locust's own page of the first complete trial, relative to the run's folder.
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
    findings: tuple[Finding, ...] = ()
    trips: tuple[tuple[str, float, float], ...] = ()
    problem: str | None = None
    highest_by_block: dict[int, float] = {}
    successes_by_block: dict[int, float] = {}
    charted_per_s: float | None = None
    page: str | None = None

    @property
    def failed_share(self) -> float | None:
        """Share of failures among the requests that ended before the test did."""
        if self.successes is None or self.failures is None:
            return None
        ended = self.successes + self.failures
        return self.failures / ended if ended else None

    @property
    def limits(self) -> tuple[Finding, ...]:
        """The findings that name what limited its throughput."""
        return tuple(finding for finding in self.findings if finding.label in LIMITS)


class Gain(msgspec.Struct, frozen=True):
    """The ratio of two setups' highest rates of successes.

    baseline: the other setup: the study's baseline, or an earlier setup of the same variant.
    ours: over blocks; without bounds if there is one block. published: None if there is none.
    successes, published_successes: likewise, of all successes.
    doubts: reasons why the ratio is not about the two setups, e.g. that not all users came.
    charted: of the highest rates in Locust's charts, from which the published ratio was taken;
        None where a setup under the condition has none.
    """

    setup: str
    baseline: str
    condition: Condition
    ours: Interval
    published: float | None
    successes: Interval | None = None
    published_successes: float | None = None
    doubts: tuple[str, ...] = ()
    charted: float | None = None

    @property
    def quotient(self) -> float | None:
        """Our ratio over the published one, both from charts."""
        if self.charted is None or not self.published:
            return None
        return self.charted / self.published

    @property
    def successes_quotient(self) -> float | None:
        """The same for all successes."""
        if self.successes is None or not self.published_successes:
            return None
        return self.successes.mean / self.published_successes


class Ramps(msgspec.Struct, frozen=True):
    """A run of Locust's cells.

    published: by setup and condition, if the study names a published table with that cell.
    """

    baseline: str
    cells: tuple[Cell, ...]
    gains: tuple[Gain, ...]
    published: tuple[tuple[str, Condition, PublishedCell], ...]

    def cell(self, setup: str, condition: Condition) -> Cell:
        """The cell of that setup and condition; it exists even without a complete trial."""
        return next(c for c in self.cells if c.setup == setup and c.condition == condition)

    def charted(self, condition: Condition) -> bool:
        """Whether Locust's chart has a rate of every cell with successes under that condition."""
        cells = [cell for cell in self.cells if cell.condition == condition and cell.trials]
        return _all_charted(cells)

    def in_print(self, setup: str, condition: Condition) -> PublishedCell | None:
        """The published cell of that setup and condition, or None."""
        cells = (cell for s, c, cell in self.published if s == setup and c == condition)
        return next(cells, None)


def summarise(run: Run, trials: Sequence[Trial]) -> Ramps:
    """Sum up the last attempt at each cell."""
    counted = [labelled for labelled in label_trials(run, trials) if labelled.counted]
    setups = run.measured
    conditions = run.study.conditions
    in_print = tuple(
        (setup, condition, cell)
        for setup in setups
        for condition in conditions
        if (cell := _in_print(run, setup, condition)) is not None
    )
    cells = {
        (setup, c): _cell(
            run, setup, c, [t for t in counted if (t.trial.entry, t.trial.condition) == (setup, c)]
        )
        for c in conditions
        for setup in setups
    }
    return Ramps(
        baseline=run.study.baseline,
        cells=tuple(cells.values()),
        gains=tuple(
            gain
            for c in conditions
            for gain in _gains(
                {setup: cells[setup, c] for setup in setups},
                pairs_of(run, setups),
                {setup: cell for setup, where, cell in in_print if where == c},
            )
        ),
        published=in_print,
    )


def pairs_of(run: Run, setups: Sequence[str]) -> list[tuple[str, str]]:
    """The pairs to compare: all with the baseline, and setups of one variant with each other.

    The latter differ only in settings.
    """
    base = run.study.baseline
    variant_of = {name: setup.variant for name, setup in run.study.setups.items()}
    same = [
        (later, earlier)
        for at, later in enumerate(setups)
        for earlier in setups[:at]
        if earlier != base and later in variant_of and variant_of[later] == variant_of.get(earlier)
    ]
    return [(setup, base) for setup in setups if setup != base] + same


def _in_print(run: Run, setup: str, condition: Condition) -> PublishedCell | None:
    """The published cell, if both legs have the same delay, as in the published experiment."""
    legs = set(condition.latency.legs.values()) if condition.latency else {0.0}
    if run.published is None or len(legs) > 1:
        return None
    wanted = (setup, condition.endpoint, legs.pop())
    cells = (c for c in run.published.cells if (c.setup, c.endpoint, c.latency_ms) == wanted)
    return next(cells, None)


def _cell(run: Run, setup: str, condition: Condition, labelled: Sequence[LabelledTrial]) -> Cell:
    """Sum up the trials of one setup under one condition, the last attempt of each block."""
    if not any(has_successes(t) for t in labelled):
        return _failed_cell(run, setup, condition, labelled)
    whole = [
        t
        for t in labelled
        if t.trial.complete and t.trial.slices and t.trial.ramp is not None and not t.spoilt
    ]
    complete = [t.trial for t in whole]
    first = complete[0]
    used = [s for t in complete if (s := shares(t, len(run.cores.all))) is not None]
    errors: Counter[str] = Counter()
    for trial in complete:
        errors.update(trial.slices[0].errors)
    ramps = [t.ramp for t in complete if t.ramp is not None]
    return Cell(
        setup=setup,
        condition=condition,
        trials=len(complete),
        highest_per_s=_mean([highest_per_s(_series(t)) for t in complete]) or None,
        highest_by_block={t.block: highest_per_s(_series(t)) for t in complete},
        successes_by_block={t.block: float(t.slices[0].correct) for t in complete},
        charted_per_s=_mean_of_all([_charted(t) for t in complete]),
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
        findings=tuple({f.label: f for t in whole for f in t.findings}.values()),
        trips=tuple(trip for t in complete for trip in _trips(t)),
    )


def _failed_cell(
    run: Run, setup: str, condition: Condition, labelled: Sequence[LabelledTrial]
) -> Cell:
    """A cell without one success: its errors and the reason, and no rate."""
    missing = missing_under(run, condition, labelled)
    reason = next((item.reason for item in missing if item.entry == setup), None)
    return Cell(
        setup,
        condition,
        trials=0,
        errors=errors_of(t.trial for t in labelled),
        findings=tuple(
            {f.label: f for t in labelled if t.trial.complete for f in t.findings}.values()
        ),
        problem=reason if labelled else NOT_MEASURED,
    )


def _series(trial: Trial) -> tuple[int, ...]:
    window = trial.slices[0].window
    return () if window is None else window.per_second


def _steady(run: Run, trial: Trial) -> float | None:
    """Mean from the last user's arrival to the last whole second; None if not all users came."""
    ramp, users = trial.ramp, trial.condition.connections
    if ramp is None or ramp.users < users:
        return None
    # Older trials do not record it. The schedule is used then, though Locust may have been late.
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


def _mean_of_all(values: Sequence[float | None]) -> float | None:
    """None if one of them is unknown: the others may be the better ones."""
    return None if any(value is None for value in values) else _mean(values)


def _all_charted(cells: Iterable[Cell]) -> bool:
    return all(cell.charted_per_s is not None for cell in cells)


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
    return charted_per_s(series, ramp.failed_per_second) or None


def highest_per_s(series: Sequence[int]) -> float:
    """The highest mean over ten consecutive seconds, or over all of them if there are fewer."""
    width = min(PEAK_S, len(series))
    if width == 0:
        return 0.0
    return float(np.convolve(series, np.ones(width), "valid").max() / width)


def charted_per_s(series: Sequence[int], failed: Sequence[int]) -> float:
    """The highest rate in Locust's chart, without the failures that the chart adds.

    A point ends two seconds before the last answer, however long ago that was. Near the start it is
    a mean over one to three seconds. So bursts and slow cells have peaks in the chart.

    Args:
        series, failed: successes and failures in each second.
    """
    best = 0.0
    for now in range(CHART_S, len(series), CHART_S):
        answered = [at for at in range(now) if series[at] or failed[at]]
        last = max(answered, default=0)
        part = series[max(last - _CHART_FIRST, 0) : max(last - _CHART_LAST, 0)]
        best = max(best, sum(part) / len(part) if part else 0.0)
    return best


def _gains(
    cells: Mapping[str, Cell],
    pairs: Sequence[tuple[str, str]],
    known: Mapping[str, PublishedCell],
) -> list[Gain]:
    """The gains of one condition.

    Args:
        cells, known: by setup, measured and published.
        pairs: to compare.
    """
    highest = log_ratios({name: cell.highest_by_block for name, cell in cells.items()}, pairs)
    total = log_ratios({name: cell.successes_by_block for name, cell in cells.items()}, pairs)
    charted = _all_charted(cell for cell in cells.values() if cell.trials)
    return [
        _gain(
            cells[one],
            cells[other],
            (highest[one, other], total.get((one, other))),
            known,
            charted=charted,
        )
        for one, other in pairs
        if (one, other) in highest
    ]


def _gain(
    ours: Cell,
    theirs: Cell,
    ratios: tuple[Estimate, Estimate | None],
    known: Mapping[str, PublishedCell],
    *,
    charted: bool,
) -> Gain:
    rates, successes = ratios
    one, other = known.get(ours.setup), known.get(theirs.setup)
    published = total = None
    if one is not None and other is not None:
        published = one.highest_per_s / other.highest_per_s if other.highest_per_s else None
        total = one.successes / other.successes if other.successes else None
    return Gain(
        ours.setup,
        theirs.setup,
        ours.condition,
        rates.interval().exp(),
        published,
        successes=None if successes is None else successes.interval().exp(),
        published_successes=total,
        doubts=tuple(doubt for cell in (ours, theirs) for doubt in _doubts(cell)),
        charted=(
            ours.charted_per_s / theirs.charted_per_s
            if charted and ours.charted_per_s and theirs.charted_per_s
            else None
        ),
    )


def _doubts(cell: Cell) -> list[str]:
    doubts = [f.detail for f in cell.findings if f.label in NOT_THEIRS]
    share = cell.failed_share
    if share is not None and share > ERROR_SHARE:
        doubts.append(f"{share:.0%} of its requests failed")
    return [f"{cell.setup}: {doubt}" for doubt in doubts]


def log_ratios(
    values: Mapping[str, Mapping[int, float]], pairs: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], Estimate]:
    """Log ratios of setups, by one linear model of all of them; see `stats.blocks`.

    Args:
        values: of one quantity under one condition, by setup and block.
        pairs: whose ratios are wanted.

    Returns:
        Those that have a block in common. A pair is left out where a value in such a block is not
        positive: its ratio is unknown, and without that block it would be too good.
    """
    model = BlockModel(
        {
            name: {block: math.log(value) for block, value in by_block.items() if value > 0}
            for name, by_block in values.items()
        }
    )
    found: dict[tuple[str, str], Estimate] = {}
    for one, other in pairs:
        ours, theirs = values.get(one, {}), values.get(other, {})
        effect = model.difference(one, other)
        if effect is not None and effect.blocks == len(ours.keys() & theirs.keys()):
            found[one, other] = effect
    return found

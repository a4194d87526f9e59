"""All trials of one condition, with their labels, and effects between them."""

import math
from collections.abc import Collection, Mapping, Sequence, Set

import numpy as np
from numpy.typing import NDArray

from harness.analysis.labels.attempts import counted_attempts
from harness.analysis.labels.labels import FAILED, LIMITS, Finding, Label
from harness.analysis.labels.limits import Circumstances, idle_cores
from harness.analysis.labels.rules import findings
from harness.analysis.measures import COSTS, PERCENTILES, Measure, slice_value, trial_value
from harness.analysis.noise.correlation import NO_MEMORY
from harness.analysis.noise.costs import costs
from harness.analysis.noise.gls import Fit, Series
from harness.analysis.noise.steadiness import trend
from harness.analysis.stats.components import Components, components, mean_components
from harness.analysis.stats.intervals import Interval, block_interval
from harness.analysis.stats.ties import noise_floor
from harness.inputs.study import Condition
from harness.records.plan import DUPLICATE
from harness.records.run import Run
from harness.records.trial import Trial

_NOT_AS_OFFERED = frozenset({Label.OVERLOADED, Label.GENERATOR_BOUND})
_OWN_WAITING = frozenset({Label.SERVER_BOUND, Label.LATENCY_BOUND, Label.POOL_BOUND})
_GROUPS = 10
"""Into which a trial's slices are taken together, by their median, to look for a trend."""


class Piece:
    """The trials of one condition by entry and block.

    trials: all of them. blocks: likewise, by entry and block. found: the labels of each, in the
        order of blocks.
    """

    def __init__(self, run: Run, condition: Condition, trials: Sequence[Trial]) -> None:
        self.run = run
        self.condition = condition
        self.baseline = run.study.baseline
        self.duplicate = run.study.baseline + DUPLICATE
        self.blocks: dict[str, dict[int, Trial]] = {}
        self.found: dict[str, list[tuple[Finding, ...]]] = {}
        self._good: dict[str, dict[int, Trial]] = {}
        self._means: dict[Measure, dict[str, dict[int, float]]] = {}
        self._fits: dict[Measure, Fit] = {}
        self._variances: dict[Measure, dict[str, dict[int, float]]] = {}
        self.trials = tuple(trials)
        idle = idle_cores(run, trials)
        for trial in sorted(trials, key=lambda t: t.block):
            labels = findings(trial, Circumstances.of(run, trial.variant, idle))
            self.blocks.setdefault(trial.entry, {})[trial.block] = trial
            self.found.setdefault(trial.entry, []).append((*labels, *unsteady(trial)))
            good = self._good.setdefault(trial.entry, {})
            if not FAILED & {f.label for f in labels}:
                good[trial.block] = trial

    def good(self, entry: str) -> dict[int, Trial]:
        """Its trials by block, without those that failed."""
        return self._good.get(entry, {})

    def points(self, measure: Measure, entry: str) -> dict[int, float]:
        """Each block's value; trials that failed are left out."""
        found = self.good(entry)
        return {b: v for b, t in found.items() if (v := trial_value(measure, t)) is not None}

    def means(self, measure: Measure) -> Mapping[str, Mapping[int, float]]:
        """By entry and block, the logarithm of the measure, cleared of what neighbours tell.

        Values of one block belong together: only their differences mean something.
        """
        if self.condition.beside is not None and measure in COSTS:
            return {}
        if measure not in self._means:
            # A search's windows were at all sorts of rates.
            whole = measure in WHOLE or self.condition.objective is not None
            self._means[measure] = self._whole(measure) if whole else self._fitted(measure)
        return self._means[measure]

    def fit(self, measure: Measure) -> Fit | None:
        """How slices were turned into means; None where trials are taken whole."""
        self.means(measure)
        return self._fits.get(measure)

    def combination(self, measure: Measure, weights: Mapping[str, float]) -> Interval | None:
        """A weighted sum of logarithms, from the blocks in which every entry has a good trial.

        Weights that add up to nothing make it a contrast: +1 and -1 a log ratio; +1 -1 -1 +1 a
        difference of differences.
        """
        means = self.means(measure)
        present = [means.get(entry, {}) for entry in weights]
        shared = set.intersection(*(set(found) for found in present)) if present else set()
        return block_interval(
            [
                sum(w * found[block] for w, found in zip(weights.values(), present, strict=True))
                for block in sorted(shared)
            ]
        )

    def effect(self, measure: Measure, one: str, other: str) -> Interval | None:
        """Log ratio of two entries."""
        return self.combination(measure, {one: 1.0, other: -1.0})

    def components(self, measure: Measure) -> Components | None:
        """Where the variance of a ratio to the baseline comes from, on average over entries."""
        means, fitted = self.means(measure), self._fits.get(measure)
        if fitted is None or self.baseline not in means:
            return None
        spread = self._variances[measure]
        base = means[self.baseline]
        found: list[Components] = []
        for entry in means.keys() - {self.baseline}:
            shared = sorted(means[entry].keys() & base.keys())
            split = components(
                [means[entry][block] - base[block] for block in shared],
                [spread[entry][block] + spread[self.baseline][block] for block in shared],
            )
            found += [] if split is None else [split]
        return mean_components(found)

    def floor(self, measure: Measure) -> float | None:
        """What two identical servers may differ by, as a logarithm."""
        return noise_floor(self.effect(measure, self.duplicate, self.baseline))

    def unsaid(self, measure: Measure, entries: Collection[str] | None = None) -> str | None:
        """Why no ranking by this measure may be shown, or None.

        One variant whose trials were mostly limited by something else than itself is enough:
        neither its place nor its neighbours' would be about frameworks.

        Args:
            measure: by which.
            entries: of whom something is to be said; all if None.
        """
        if self.floor(measure) is None:
            return "the two identical variants have not both been measured in two blocks or more"
        if measure in PERCENTILES:
            return self.unanswered(entries)
        if measure is not Measure.THROUGHPUT:
            return None
        return self.limited(entries)

    def limited(self, entries: Collection[str] | None = None) -> str | None:
        """Whose throughput was limited by something else than itself, and by what; or None."""
        for entry, trials in self.found.items():
            if entries is not None and entry not in entries:
                continue
            limits = [{f.label: f for f in labels if f.label in LIMITS} for labels in trials]
            if sum(self._own(set(found)) for found in limits) * 2 > len(trials):
                continue
            others = [f for found in limits for f in found.values() if not self._own({f.label})]
            why = f" ({others[0].label}: {others[0].detail})" if others else ""
            return f"the server of {entry} was not what limited it{why}"
        return None

    def _own(self, limits: Set[Label]) -> bool:
        """Whether a variant's throughput was its own doing.

        Where round trips are long, or a request does nothing but wait, how many of them it keeps
        under way is what is asked: there waiting, for the network or for its own pool, is as much
        its own as computing. Without any limit it is, too, if everybody could be watched.
        """
        if self.run.study.delayed or self.condition.endpoint == "io_wait":
            return limits <= _OWN_WAITING and (bool(limits) or self.run.embedded_database)
        return limits == {Label.SERVER_BOUND}

    def unanswered(self, entries: Collection[str] | None = None) -> str | None:
        """A latency of the arrivals that were answered says nothing where many were not."""
        for entry, trials in self.found.items():
            if entries is not None and entry not in entries:
                continue
            wrong = [[f for f in labels if f.label in _NOT_AS_OFFERED] for labels in trials]
            bearing = [found for found in wrong if found]  # a trial may bear both labels
            if len(bearing) * 2 > len(trials):
                return f"the load of {entry} was not what was offered ({bearing[0][0].detail})"
        return None

    def _whole(self, measure: Measure) -> dict[str, dict[int, float]]:
        return {
            entry: {
                block: math.log(value)
                for block, trial in trials.items()
                if (value := trial_value(measure, trial)) is not None and value > 0
            }
            for entry, trials in self._good.items()
        }

    def _fitted(self, measure: Measure) -> dict[str, dict[int, float]]:
        names = sorted(self._good)
        numbers = sorted({block for trials in self._good.values() for block in trials})
        found = [self._series(measure, names, block) for block in numbers]
        memory = None if self.condition.window_s is None else NO_MEMORY  # windows stand far apart
        fitted = costs([series for series, _ in found], [counts for _, counts in found], memory)
        self._fits[measure] = fitted
        self._variances[measure] = _by_entry(names, numbers, fitted.variances)
        # A rate is the inverse of the time that a request takes.
        means = [_negated(m) for m in fitted.means] if measure in _RATES else fitted.means
        return _by_entry(names, numbers, means)

    def _series(
        self, measure: Measure, names: Sequence[str], block: int
    ) -> tuple[Series, NDArray[np.float64]]:
        """The block's slices in the order of time: logarithms of costs, and requests."""
        sign = -1.0 if measure in _RATES else 1.0
        rows = [
            (
                (s.start_ns + s.elapsed_ns / 2) / 1e9,
                index,
                sign * math.log(value),
                _log(s.probe_ns),
                s.correct,
            )
            for index, name in enumerate(names)
            if (trial := self._good[name].get(block)) is not None
            for s in trial.slices
            if (value := slice_value(measure, s)) is not None and value > 0
        ]
        table = np.array(sorted(rows), dtype=np.float64).reshape(-1, 5)
        probe = table[:, 3]
        seen = ~np.isnan(probe)
        probe = np.where(seen, probe, probe[seen].mean() if seen.any() else 0.0)
        series = Series(
            at_s=table[:, 0],
            entry=table[:, 1].astype(np.intp),
            value=table[:, 2],
            covariate=probe if self._probed else None,
        )
        return series, table[:, 4]

    @property
    def _probed(self) -> bool:
        return self.run.study.load.probe and any(
            s.probe_ns for trials in self._good.values() for t in trials.values() for s in t.slices
        )


WHOLE = frozenset({*PERCENTILES, Measure.MEMORY, Measure.SUSTAINED, Measure.SECOND})
"""Measures that take a whole trial: single slices do not tell them."""


def unsteady(trial: Trial) -> list[Finding]:
    """Whether CPU per request, or a window's throughput, drifted; the machine's drift taken out."""
    if trial.condition.objective is not None:
        return []
    found = trend(_steady_values(trial))
    if found is None or not found.is_real:
        return []
    what = "responses per second" if trial.condition.window_s else "server CPU per request"
    detail = f"{what} changed by {math.expm1(found.change):+.0%} from begin to end"
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


_RATES = frozenset({Measure.THROUGHPUT})


def _negated(means: Mapping[int, float]) -> dict[int, float]:
    return {index: -value for index, value in means.items()}


def _by_entry(
    names: Sequence[str], numbers: Sequence[int], found: Sequence[Mapping[int, float]]
) -> dict[str, dict[int, float]]:
    """From one mapping per block, by index of entry, to one per entry, by number of block."""
    return {
        name: {
            n: values[index] for n, values in zip(numbers, found, strict=True) if index in values
        }
        for index, name in enumerate(names)
    }


def _log(value: int | None) -> float:
    return math.log(value) if value is not None and value > 0 else math.nan


def pieces_of(run: Run, trials: Sequence[Trial]) -> list[Piece]:
    """Of each condition that has trials, in the study's order, by the attempts that count.

    None of Locust's cells, which stand each by itself.
    """
    if run.study.ramped:
        return []
    counted = counted_attempts(run, trials)
    return [
        Piece(run, condition, found)
        for condition in run.study.conditions
        if (found := [t for t in counted if t.condition == condition])
    ]

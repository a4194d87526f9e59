"""All trials of one condition that count, with their labels, and effects between variants."""

import math
from collections.abc import Collection, Mapping, Sequence, Set

import numpy as np

from harness.analysis.labels.labels import LIMITS, Finding, Label, LabelCount, count_labels
from harness.analysis.labels.trials import LabelledTrial
from harness.analysis.measures import COSTS, PERCENTILES, Measure, slice_value, trial_value
from harness.analysis.missing import missing_under
from harness.analysis.noise.fit import NO_MEMORY, Fit, Floats, Series, costs
from harness.analysis.stats.blocks import BlockModel, Estimate
from harness.analysis.stats.components import Components, components, mean_components
from harness.analysis.stats.pairs import Pairs
from harness.analysis.stats.sequential import ONCE, Looks, looks_after
from harness.inputs.study import Condition
from harness.records.plan import DUPLICATE
from harness.records.run import Run
from harness.records.trial import Trial

_NOT_AS_OFFERED = frozenset({Label.OVERLOADED, Label.GENERATOR_BOUND})
_OWN_WAITING = frozenset({Label.SERVER_BOUND, Label.LATENCY_BOUND, Label.POOL_BOUND})
_RATES = frozenset({Measure.THROUGHPUT})
WHOLE = frozenset({*PERCENTILES, Measure.MEMORY, Measure.SUSTAINED, Measure.SECOND})
"""Measures of a whole trial, which single slices do not have."""


class MeasuredCondition:
    """One condition with its trials.

    trials: by entry and block, those whose attempt counts. findings: of each entry's trials, in
        the order of blocks. missing: planned entries that have no figures, with the reason.
    """

    def __init__(self, run: Run, condition: Condition, trials: Sequence[LabelledTrial]) -> None:
        self.run = run
        self.condition = condition
        self.baseline = run.study.baseline
        self.duplicate = run.study.baseline + DUPLICATE
        self.trials: dict[str, dict[int, Trial]] = {}
        self.findings: dict[str, list[tuple[Finding, ...]]] = {}
        self._good: dict[str, dict[int, Trial]] = {}
        self._sets: dict[int, str | None] = {}
        self._means: dict[Measure, dict[str, dict[int, float]]] = {}
        self._models: dict[Measure, BlockModel] = {}
        self._pairs: dict[Measure, Pairs] = {}
        self._fits: dict[Measure, Fit] = {}
        self._variances: dict[Measure, dict[str, dict[int, float]]] = {}
        self.missing = missing_under(run, condition, trials)
        counted = [labelled for labelled in trials if labelled.counted]
        for labelled in sorted(counted, key=lambda labelled: labelled.trial.block):
            trial = labelled.trial
            self.trials.setdefault(trial.entry, {})[trial.block] = trial
            self.findings.setdefault(trial.entry, []).append(labelled.findings)
            good = self._good.setdefault(trial.entry, {})
            self._sets[trial.block] = trial.machine_set
            if not labelled.failed:
                good[trial.block] = trial

    @property
    def blocks(self) -> set[int]:
        """Those in which some entry has a trial."""
        return {block for by_block in self.trials.values() for block in by_block}

    @property
    def sets(self) -> Mapping[int, str | None]:
        """By block, the set of machines that measured it."""
        return self._sets

    @property
    def looks(self) -> Looks:
        """The looks that verdicts allow for, where they may have ended the run."""
        study = self.run.study
        if not study.stopping.verdicts:
            return ONCE
        return looks_after(study.looks, len(self.blocks), study.blocks)

    def good(self, entry: str) -> dict[int, Trial]:
        """Its trials by block, without those that failed."""
        return self._good.get(entry, {})

    def label_counts(self) -> dict[str, tuple[LabelCount, ...]]:
        """The labels of each entry's trials."""
        return {entry: count_labels(findings) for entry, findings in self.findings.items()}

    def points(self, measure: Measure, entry: str) -> dict[int, float]:
        """Each block's value; failed trials are left out."""
        return {
            block: value
            for block, trial in self.good(entry).items()
            if (value := trial_value(measure, trial)) is not None
        }

    def means(self, measure: Measure) -> Mapping[str, Mapping[int, float]]:
        """By entry and block, the logarithm of the measure, with shared noise subtracted.

        Only the differences between values of one block mean something.
        """
        if self.condition.beside is not None and measure in COSTS:
            return {}
        if measure not in self._means:
            # The windows of a search for the highest rate had different rates.
            whole = measure in WHOLE or self.condition.objective is not None
            self._means[measure] = self._whole(measure) if whole else self._fitted(measure)
        return self._means[measure]

    def fit(self, measure: Measure) -> Fit | None:
        """The fit that turned slices into means; None for measures of whole trials."""
        self.means(measure)
        return self._fits.get(measure)

    def model(self, measure: Measure) -> BlockModel:
        """The linear model of the measure, from all good trials."""
        if measure not in self._models:
            self._models[measure] = BlockModel(self.means(measure), self._sets)
        return self._models[measure]

    def contrast(self, measure: Measure, weights: Mapping[str, float]) -> Estimate | None:
        """A weighted sum of logarithms, from the blocks in which every entry has a good trial.

        Weights that add up to zero make a contrast: +1 -1 a log ratio, +1 -1 -1 +1 a difference of
        differences.
        """
        return self.model(measure).contrast(weights)

    def effect(self, measure: Measure, one: str, other: str) -> Estimate | None:
        """Log ratio of two entries."""
        return self.contrast(measure, {one: 1.0, other: -1.0})

    def components(self, measure: Measure) -> Components | None:
        """The parts of the variance of a ratio to the baseline, averaged over entries."""
        means = self.means(measure)
        if measure not in self._fits or self.baseline not in means:
            return None
        variances = self._variances[measure]
        base = means[self.baseline]
        parts: list[Components] = []
        for entry in means:  # in a fixed order, because sums of floats depend on it
            if entry == self.baseline:
                continue
            shared = sorted(means[entry].keys() & base.keys())
            split = components(
                [means[entry][block] - base[block] for block in shared],
                [variances[entry][block] + variances[self.baseline][block] for block in shared],
                [self._sets[block] for block in shared],
            )
            parts += [] if split is None else [split]
        return mean_components(parts)

    @property
    def variants(self) -> list[str]:
        """Its entries without the hidden duplicate."""
        return [entry for entry in self.trials if entry != self.duplicate]

    def pairs(self, measure: Measure) -> Pairs:
        """All pairs of variants, without the hidden duplicate."""
        if measure not in self._pairs:
            model, margin = self.model(measure), self.run.study.margin
            self._pairs[measure] = Pairs(model, self.variants, margin, self.looks)
        return self._pairs[measure]

    def why_unranked(self, measure: Measure, entries: Collection[str] | None = None) -> str | None:
        """Why this measure must not rank these entries, or None.

        One entry whose trials were mostly limited by something other than itself is enough. Its
        place would not be about frameworks, and neither would its neighbours'.

        Args:
            measure: by which.
            entries: to be ranked; all if None.
        """
        if (why := self._why_no_verdict(measure)) is not None:
            return why
        if measure in PERCENTILES:
            return self.not_as_offered(entries)
        if measure is not Measure.THROUGHPUT:
            return None
        return self.limited_elsewhere(entries)

    def _why_no_verdict(self, measure: Measure) -> str | None:
        """Why no two variants can be told apart by this measure, or None."""
        if self.condition.beside is not None and measure in COSTS:
            return "two loads share the CPU time, so no request has a cost of its own"
        means = self.means(measure)
        blocks = {block for name in self.variants for block in means.get(name, {})}
        if not blocks:
            return "no variant has a value by this measure"
        if len(blocks) == 1:
            return "a verdict needs two blocks, and one was measured"
        return None

    def limited_elsewhere(self, entries: Collection[str] | None = None) -> str | None:
        """Why throughputs are not the entries' own, or None: the first such entry and its limit.

        An entry without figures has no place, and keeps no other from one.
        """
        for entry, trials in self._findings_of_figures(entries).items():
            limits = [{f.label: f for f in findings if f.label in LIMITS} for findings in trials]
            if sum(self._own(set(by_label)) for by_label in limits) * 2 > len(trials):
                continue
            others = [
                finding
                for by_label in limits
                for finding in by_label.values()
                if not self._own({finding.label})
            ]
            why = f" ({others[0].label}: {others[0].detail})" if others else ""
            return f"the server of {entry} was not what limited it{why}"
        return None

    def _own(self, limits: Set[Label]) -> bool:
        """Whether these limits are the variant's own.

        With long round trips, or requests that only wait, the question is how many requests a
        variant keeps in flight. There, waiting for the network or for its own pool is its own
        limit, as computing is. So is no limit at all, if the harness could watch PostgreSQL.
        """
        if self.run.study.delayed or self.condition.endpoint == "io_wait":
            return limits <= _OWN_WAITING and (bool(limits) or self.run.embedded_database)
        return limits == {Label.SERVER_BOUND}

    def not_as_offered(self, entries: Collection[str] | None = None) -> str | None:
        """Why latencies must not be compared, or None: too many arrivals were not answered."""
        for entry, trials in self._findings_of_figures(entries).items():
            wrong = [[f for f in findings if f.label in _NOT_AS_OFFERED] for findings in trials]
            bearing = [findings for findings in wrong if findings]  # a trial may bear both labels
            if len(bearing) * 2 > len(trials):
                return f"the load of {entry} was not what was offered ({bearing[0][0].detail})"
        return None

    def _findings_of_figures(
        self, entries: Collection[str] | None
    ) -> dict[str, list[tuple[Finding, ...]]]:
        """Of these entries, or of all: the findings of those that have a good trial."""
        return {
            entry: findings
            for entry, findings in self.findings.items()
            if self._good[entry] and (entries is None or entry in entries)
        }

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
        blocks = [self._series(measure, names, number) for number in numbers]
        memory = None if self.condition.window_s is None else NO_MEMORY  # windows stand far apart
        fit = costs([series for series, _ in blocks], [counts for _, counts in blocks], memory)
        self._fits[measure] = fit
        self._variances[measure] = _by_entry(names, numbers, fit.variances)
        # A rate is the inverse of the time that a request takes.
        means = [_negated(m) for m in fit.means] if measure in _RATES else fit.means
        return _by_entry(names, numbers, means)

    def _series(self, measure: Measure, names: Sequence[str], block: int) -> tuple[Series, Floats]:
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
        known = ~np.isnan(probe)
        probe = np.where(known, probe, probe[known].mean() if known.any() else 0.0)
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


def _negated(means: Mapping[int, float]) -> dict[int, float]:
    return {index: -value for index, value in means.items()}


def _by_entry(
    names: Sequence[str], numbers: Sequence[int], blocks: Sequence[Mapping[int, float]]
) -> dict[str, dict[int, float]]:
    """From one mapping per block, by index of entry, to one per entry, by number of block."""
    return {
        name: {
            n: values[index] for n, values in zip(numbers, blocks, strict=True) if index in values
        }
        for index, name in enumerate(names)
    }


def _log(value: int | None) -> float:
    return math.log(value) if value is not None and value > 0 else math.nan


def conditions_of(run: Run, trials: Sequence[LabelledTrial]) -> list[MeasuredCondition]:
    """Each condition that has trials, in the study's order; none for Locust's cells.

    Args:
        run: that was measured.
        trials: all of them; those of attempts that do not count are left out.
    """
    if run.study.ramped:
        return []
    by_condition: dict[Condition, list[LabelledTrial]] = {}
    for labelled in trials:
        by_condition.setdefault(labelled.trial.condition, []).append(labelled)
    return [
        MeasuredCondition(run, condition, by_condition[condition])
        for condition in run.study.conditions
        if condition in by_condition
    ]

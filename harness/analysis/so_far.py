"""What a run knows before it ends: its trials so far, by the first measure of each condition."""

import statistics
from collections.abc import Mapping, Sequence

import msgspec

from harness.analysis.analyse import ConditionResult
from harness.analysis.condition import MeasuredCondition, conditions_of
from harness.analysis.labels.trials import label_trials
from harness.analysis.locust import Ramps, summarise
from harness.analysis.measures import Measure, ranked
from harness.analysis.missing import MissingFigures
from harness.analysis.stats.intervals import Interval
from harness.analysis.stats.verdicts import Decision
from harness.analysis.variants import estimates_of
from harness.inputs.study import Condition
from harness.records.run import Run
from harness.records.trial import Trial


class Interim(msgspec.Struct, frozen=True):
    """All variants under one condition, by one measure.

    entries: the variants that were planned here, in the study's order.
    estimates: absolute values by variant. ratios: to the baseline.
    missing: in a word or two, why a variant has no figures.
    decisions: verdicts on these ratios; none before the run has ended.
    """

    condition: Condition
    measure: Measure
    entries: tuple[str, ...]
    estimates: Mapping[str, Interval]
    ratios: Mapping[str, Interval]
    missing: Mapping[str, str] = {}
    decisions: Mapping[str, Decision] = {}


class SoFar(msgspec.Struct, frozen=True):
    """What is known after so many blocks.

    blocks: that are done. planned: blocks of the whole run.
    standings: of the conditions that have trials. ramps: of Locust's cells instead.
    """

    baseline: str
    blocks: int
    planned: int
    standings: tuple[Interim, ...] = ()
    ramps: Ramps | None = None

    @property
    def half_width(self) -> float | None:
        """Of the 95 % intervals of ratios, as a share; the median; None without intervals."""
        widths = [
            width
            for standing in self.standings
            for ratio in standing.ratios.values()
            if (width := ratio.log_half_width) is not None
        ]
        return statistics.median(widths) if widths else None


def so_far(run: Run, trials: Sequence[Trial], blocks: int) -> SoFar:
    """Estimate what the trials so far tell, and leave out what takes long: verdicts and causes.

    Args:
        run: its study and plan.
        trials: that are kept by now.
        blocks: that are done.
    """
    known = SoFar(run.study.baseline, blocks, run.study.blocks)
    if run.study.ramped:
        return msgspec.structs.replace(known, ramps=summarise(run, trials))
    measured = conditions_of(run, label_trials(run, trials))
    return msgspec.structs.replace(known, standings=tuple(map(_interim, measured)))


def interim_of(result: ConditionResult, duplicate: str, measure: Measure | None = None) -> Interim:
    """The standing of a condition that has been analysed.

    Args:
        result: of the condition.
        duplicate: the name of the hidden duplicate, which has no place.
        measure: by which; by the condition's first if None.
    """
    comparison = result.first if measure is None else result.comparisons[measure]
    return Interim(
        condition=result.condition,
        measure=comparison.measure,
        entries=tuple(entry for entry in result.planned if entry != duplicate),
        estimates=comparison.estimates,
        ratios=comparison.ratios,
        missing=_words(result.missing),
        decisions=comparison.decisions,
    )


def _interim(measured: MeasuredCondition) -> Interim:
    measure = ranked(measured.condition)[0]
    effects = {
        entry: effect
        for entry in measured.variants
        if entry != measured.baseline
        and (effect := measured.effect(measure, entry, measured.baseline)) is not None
    }
    points = {entry: measured.points(measure, entry) for entry in measured.variants}
    return Interim(
        condition=measured.condition,
        measure=measure,
        entries=tuple(measured.run.study.measured(measured.condition)),
        estimates=estimates_of(points, measured.sets),
        ratios={entry: effect.interval().exp() for entry, effect in effects.items()},
        missing=_words(measured.missing),
    )


def _words(missing: Sequence[MissingFigures]) -> dict[str, str]:
    return {item.entry: item.word for item in missing}

"""A run, summed up: estimates, ratios, ties and findings per condition."""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

import msgspec

from harness.analysis.intervals import Interval, t_interval
from harness.analysis.measures import Measure, block_effect, trial_value
from harness.analysis.ties import ALPHA, exceedance_p, holm, noise_floor, tie_groups
from harness.analysis.validity import Finding, Label, findings, spoiled
from harness.experiment.plan import DUPLICATE
from harness.experiment.records import Run, Trial
from harness.study import Condition


class LabelCount(msgspec.Struct, frozen=True):
    """A label, on how many of a variant's trials it stands, and one example."""

    label: Label
    trials: int
    detail: str
    remedy: str


class Comparison(msgspec.Struct, frozen=True):
    """One measure of one condition, over all variants.

    estimates: absolute values by variant, with intervals over blocks.
    ratios: to the baseline, by variant; the duplicate's is the A/A ratio.
    points: each block's value, by variant.
    noise_floor: as a ratio minus one; None where the A/A pair gives none.
    groups: variants from best to worst in tie groups; empty where nothing may be said.
    unsaid: why nothing may be said, or None.
    """

    measure: Measure
    estimates: dict[str, Interval]
    ratios: dict[str, Interval]
    points: dict[str, dict[int, float]]
    noise_floor: float | None
    groups: tuple[tuple[str, ...], ...]
    unsaid: str | None


class ConditionResult(msgspec.Struct, frozen=True):
    """Everything about one condition."""

    condition: Condition
    comparisons: dict[Measure, Comparison]
    findings: dict[str, tuple[LabelCount, ...]]
    trials: dict[str, int]
    errors: dict[str, float]
    memory_mib: dict[str, float]
    threads: dict[str, int]


class Analysis(msgspec.Struct, frozen=True):
    """A run, summed up."""

    run: str
    baseline: str
    duplicate: str
    conditions: tuple[ConditionResult, ...]


_Blocks = dict[str, dict[int, Trial]]
"""Trials of one condition by entry and block."""


def analyse(run: Run, trials: Sequence[Trial]) -> Analysis:
    """Sum up a run from its trials."""
    duplicate = run.study.baseline + DUPLICATE
    conditions = [
        _condition(run, condition, [t for t in trials if t.condition == condition], duplicate)
        for condition in run.study.conditions
        if any(t.condition == condition for t in trials)
    ]
    return Analysis(
        run=run.id, baseline=run.study.baseline, duplicate=duplicate, conditions=tuple(conditions)
    )


def _condition(
    run: Run, condition: Condition, trials: Sequence[Trial], duplicate: str
) -> ConditionResult:
    labels = {
        id(t): findings(t, run.cores, run.study.server.workers, int(run.machine["processors"]))
        for t in trials
    }
    blocks: _Blocks = {}
    for trial in trials:
        blocks.setdefault(trial.entry, {})[trial.block] = trial
    by_entry = {e: [labels[id(t)] for t in found.values()] for e, found in blocks.items()}
    return ConditionResult(
        condition=condition,
        comparisons={
            measure: _comparison(
                measure, _usable(measure, blocks, labels), by_entry, run, duplicate
            )
            for measure in Measure
        },
        findings={entry: _counted(found) for entry, found in by_entry.items()},
        trials={entry: len(found) for entry, found in blocks.items()},
        errors={entry: _error_share(found.values()) for entry, found in blocks.items()},
        memory_mib={
            entry: max(known) / 1024
            for entry, found in blocks.items()
            if (known := [t.rss_peak_kib for t in found.values() if t.rss_peak_kib is not None])
        },
        threads={
            entry: max(known)
            for entry, found in blocks.items()
            if (known := [t.threads for t in found.values() if t.threads is not None])
        },
    )


def _usable(
    measure: Measure, blocks: _Blocks, labels: Mapping[int, tuple[Finding, ...]]
) -> _Blocks:
    """Leave out trials that failed; what only limits a statement stays, and is labelled."""
    failed = {Label.INCOMPLETE, Label.ERRORS}
    return {
        entry: {
            block: trial
            for block, trial in found.items()
            if not failed & {f.label for f in labels[id(trial)]}
            and trial_value(measure, trial) is not None
        }
        for entry, found in blocks.items()
    }


def _comparison(
    measure: Measure,
    blocks: _Blocks,
    found: Mapping[str, Sequence[tuple[Finding, ...]]],
    run: Run,
    duplicate: str,
) -> Comparison:
    points = {
        entry: {b: v for b, t in trials.items() if (v := trial_value(measure, t)) is not None}
        for entry, trials in blocks.items()
    }
    baseline = run.study.baseline
    ratios = {
        entry: interval.exp()
        for entry in blocks
        if entry != baseline and (interval := _effect(measure, blocks, entry, baseline)) is not None
    }
    floor = noise_floor(_effect(measure, blocks, duplicate, baseline))
    unsaid = _unsaid(measure, floor, found)
    return Comparison(
        measure=measure,
        estimates=_estimates(points),
        ratios=ratios,
        points=points,
        noise_floor=None if floor is None else math.expm1(floor),
        groups=()
        if unsaid or floor is None
        else _groups(measure, blocks, points, duplicate, floor),
        unsaid=unsaid,
    )


def _estimates(points: Mapping[str, Mapping[int, float]]) -> dict[str, Interval]:
    """Geometric means over blocks, so that their quotients are ratios of the same kind."""
    return {
        entry: interval.exp()
        for entry, values in points.items()
        if (interval := t_interval([math.log(v) for v in values.values() if v > 0])) is not None
    }


def _effect(measure: Measure, blocks: _Blocks, one: str, other: str) -> Interval | None:
    """Log ratio of two entries over the blocks in which both have a trial."""
    mine, theirs = blocks.get(one, {}), blocks.get(other, {})
    effects = [
        block_effect(measure, mine[b], theirs[b]) for b in sorted(mine.keys() & theirs.keys())
    ]
    return t_interval([e for e in effects if e is not None])


def _unsaid(
    measure: Measure, floor: float | None, found: Mapping[str, Sequence[tuple[Finding, ...]]]
) -> str | None:
    """Why no ranking by this measure may be shown, or None.

    One variant whose trials are mostly spoiled is enough: what it was limited by is not its own,
    so neither its place nor its neighbours' would be about frameworks.
    """
    if floor is None:
        return "the two identical variants have not both been measured in two blocks or more"
    for entry, trials in found.items():
        reasons = [f for labels in trials if (f := spoiled(measure, labels)) is not None]
        limits = [f for f in reasons if f.label not in (Label.INCOMPLETE, Label.ERRORS)]
        if trials and len(limits) * 2 > len(trials):
            return f"{entry} was {limits[0].label}: {limits[0].detail}"
    return None


def _groups(
    measure: Measure,
    blocks: _Blocks,
    points: Mapping[str, Mapping[int, float]],
    duplicate: str,
    floor: float,
) -> tuple[tuple[str, ...], ...]:
    names = [entry for entry in blocks if entry != duplicate and points[entry]]
    p_values: dict[frozenset[str], float] = {}
    for one, other in combinations(names, 2):
        effect = _effect(measure, blocks, one, other)
        p_values[frozenset((one, other))] = 1.0 if effect is None else exceedance_p(effect, floor)
    differs = {pair: p <= ALPHA for pair, p in holm(p_values).items()}
    estimates = _estimates({name: points[name] for name in names})
    ranked = sorted(estimates, key=lambda n: estimates[n].mean, reverse=not measure.lower_is_better)
    return tie_groups(ranked, differs)


def _counted(found: Sequence[tuple[Finding, ...]]) -> tuple[LabelCount, ...]:
    every = [finding for labels in found for finding in labels]
    return tuple(
        LabelCount(
            label=label,
            trials=sum(any(f.label == label for f in labels) for labels in found),
            detail=next(f.detail for f in every if f.label == label),
            remedy=next(f.remedy for f in every if f.label == label),
        )
        for label in Label
        if any(f.label == label for f in every)
    )


def _error_share(trials: Iterable[Trial]) -> float:
    pieces = [s for t in trials for s in t.slices]
    errors = sum(sum(s.errors.values()) for s in pieces)
    total = errors + sum(s.correct for s in pieces)
    return errors / total if total else 0.0

"""A run, summed up: estimates, ratios, ties and findings per condition."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

import msgspec

from harness.analysis.intervals import Interval, t_interval
from harness.analysis.measures import Measure, block_effect, trial_value
from harness.analysis.ties import ALPHA, exceedance_p, holm, noise_floor, tie_groups
from harness.analysis.validity import LIMITS, REMEDIES, Finding, Label, findings
from harness.records import DUPLICATE, Run, Trial
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
    ranking: variants from best to worst; empty where nothing may be said.
    groups: those among them that were not told apart; they overlap. See `ties.tie_groups`.
    unsaid: why nothing may be said, or None.
    """

    measure: Measure
    estimates: dict[str, Interval]
    ratios: dict[str, Interval]
    points: dict[str, dict[int, float]]
    noise_floor: float | None
    ranking: tuple[str, ...]
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


RANKED = (Measure.CPU, Measure.THROUGHPUT)
"""The measures by which variants are ranked. Latencies in a saturated closed loop are the number of
connections divided by the throughput, and would rank the same thing twice."""
_FAILED = frozenset({Label.INCOMPLETE, Label.ERRORS})


def analyse(run: Run, trials: Sequence[Trial]) -> Analysis:
    """Sum up a run from its trials."""
    duplicate = run.study.baseline + DUPLICATE
    counted = _attempts_that_count(trials)
    pieces = {
        condition: _Piece(run, [t for t in counted if t.condition == condition])
        for condition in run.study.conditions
        if any(t.condition == condition for t in counted)
    }
    differs = _called_differences(pieces, duplicate)
    return Analysis(
        run=run.id,
        baseline=run.study.baseline,
        duplicate=duplicate,
        conditions=tuple(
            _condition(condition, piece, duplicate, differs) for condition, piece in pieces.items()
        ),
    )


class _Piece:
    """The trials of one condition by entry and block, with their labels."""

    def __init__(self, run: Run, trials: Sequence[Trial]) -> None:
        self.baseline = run.study.baseline
        self.blocks: dict[str, dict[int, Trial]] = {}
        self.found: dict[str, list[tuple[Finding, ...]]] = {}
        self._good: dict[str, dict[int, Trial]] = {}
        for trial in sorted(trials, key=lambda t: t.block):
            labels = findings(trial, run.cores, run.study.server.workers)
            self.blocks.setdefault(trial.entry, {})[trial.block] = trial
            self.found.setdefault(trial.entry, []).append(labels)
            good = self._good.setdefault(trial.entry, {})
            if not _FAILED & {f.label for f in labels}:
                good[trial.block] = trial

    def points(self, measure: Measure, entry: str) -> dict[int, float]:
        """Each block's value; trials that failed are left out."""
        found = self._good.get(entry, {})
        return {b: v for b, t in found.items() if (v := trial_value(measure, t)) is not None}

    def effect(self, measure: Measure, one: str, other: str) -> Interval | None:
        """Log ratio of two entries over the blocks in which both have a good trial."""
        mine, theirs = self._good.get(one, {}), self._good.get(other, {})
        shared = sorted(mine.keys() & theirs.keys())
        effects = [block_effect(measure, mine[b], theirs[b]) for b in shared]
        return t_interval([e for e in effects if e is not None])

    def unsaid(self, measure: Measure, duplicate: str) -> str | None:
        """Why no ranking by this measure may be shown, or None.

        One variant whose trials were mostly limited by something else than itself is enough:
        neither its place nor its neighbours' would be about frameworks.
        """
        if noise_floor(self.effect(measure, duplicate, self.baseline)) is None:
            return "the two identical variants have not both been measured in two blocks or more"
        if measure is not Measure.THROUGHPUT:
            return None
        for entry, trials in self.found.items():
            limits = [{f.label: f for f in labels if f.label in LIMITS} for labels in trials]
            if sum(set(found) == {Label.SERVER_BOUND} for found in limits) * 2 > len(trials):
                continue
            others = [
                f for found in limits for f in found.values() if f.label is not Label.SERVER_BOUND
            ]
            why = f" ({others[0].label}: {others[0].detail})" if others else ""
            return f"the server of {entry} was not what limited it{why}"
        return None


_Differences = dict[tuple[Condition, Measure], dict[frozenset[str], bool]]


def _called_differences(pieces: Mapping[Condition, _Piece], duplicate: str) -> _Differences:
    """Test every pair under every condition by every ranked measure, as one family."""
    p_values: dict[tuple[Condition, Measure, frozenset[str]], float] = {}
    called: _Differences = {}
    for condition, piece in pieces.items():
        names = [entry for entry in piece.blocks if entry != duplicate]
        for measure in RANKED:
            floor = noise_floor(piece.effect(measure, duplicate, piece.baseline))
            if floor is None or piece.unsaid(measure, duplicate) is not None:
                continue
            called[condition, measure] = {}  # stays empty where there is one variant alone
            for one, other in combinations(names, 2):
                effect = piece.effect(measure, one, other)
                p = 1.0 if effect is None else exceedance_p(effect, floor)
                p_values[condition, measure, frozenset((one, other))] = p
    for (condition, measure, pair), p in holm(p_values).items():
        called[condition, measure][pair] = p <= ALPHA
    return called


def _condition(
    condition: Condition, piece: _Piece, duplicate: str, differs: _Differences
) -> ConditionResult:
    blocks = piece.blocks
    return ConditionResult(
        condition=condition,
        comparisons={
            measure: _comparison(measure, piece, duplicate, differs.get((condition, measure)))
            for measure in Measure
        },
        findings={entry: _counted(found) for entry, found in piece.found.items()},
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


def _comparison(
    measure: Measure,
    piece: _Piece,
    duplicate: str,
    differs: Mapping[frozenset[str], bool] | None,
) -> Comparison:
    points = {entry: piece.points(measure, entry) for entry in piece.blocks}
    effects = {
        entry: interval
        for entry in piece.blocks
        if entry != piece.baseline
        and (interval := piece.effect(measure, entry, piece.baseline)) is not None
    }
    floor = noise_floor(effects.get(duplicate))
    estimates = _estimates(points)
    ranked = sorted(
        (entry for entry in estimates if entry != duplicate),
        key=lambda entry: estimates[entry].mean,
        reverse=not measure.lower_is_better,
    )
    return Comparison(
        measure=measure,
        estimates=estimates,
        ratios={entry: interval.exp() for entry, interval in effects.items()},
        points=points,
        noise_floor=None if floor is None else math.expm1(floor),
        ranking=() if differs is None else tuple(ranked),
        groups=() if differs is None else tie_groups(ranked, differs),
        unsaid=piece.unsaid(measure, duplicate),
    )


def _attempts_that_count(trials: Sequence[Trial]) -> list[Trial]:
    """Of a phase that was repeated, the fullest attempt, or the last of equals; all stay on disk.

    The trials of a phase belong together, so no attempt is filled up from another.
    """
    complete: Counter[tuple[int, Condition, int]] = Counter()
    for trial in trials:
        complete[trial.block, trial.condition, trial.attempt] += trial.complete
    chosen: dict[tuple[int, Condition], int] = {}
    for (block, condition, attempt), count in sorted(complete.items(), key=lambda i: i[0][2]):
        current = chosen.get((block, condition))
        if current is None or count >= complete[block, condition, current]:
            chosen[block, condition] = attempt
    return [t for t in trials if t.attempt == chosen[t.block, t.condition]]


def _estimates(points: Mapping[str, Mapping[int, float]]) -> dict[str, Interval]:
    """Geometric means over blocks, so that their quotients are ratios of the same kind."""
    return {
        entry: interval.exp()
        for entry, values in points.items()
        if (interval := t_interval([math.log(v) for v in values.values() if v > 0])) is not None
    }


def _counted(found: Sequence[tuple[Finding, ...]]) -> tuple[LabelCount, ...]:
    every = [finding for labels in found for finding in labels]
    return tuple(
        LabelCount(
            label=label,
            trials=sum(any(f.label == label for f in labels) for labels in found),
            detail=next(f.detail for f in every if f.label == label),
            remedy=REMEDIES[label],
        )
        for label in Label
        if any(f.label == label for f in every)
    )


def _error_share(trials: Iterable[Trial]) -> float:
    pieces = [s for t in trials for s in t.slices]
    errors = sum(sum(s.errors.values()) for s in pieces)
    total = errors + sum(s.correct for s in pieces)
    return errors / total if total else 0.0

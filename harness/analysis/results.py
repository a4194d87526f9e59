"""A run, summed up: estimates, ratios, ties and findings per condition."""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

import msgspec

from harness.analysis.causes import Causes, explain
from harness.analysis.claims import Findings, Judgement, judge
from harness.analysis.intervals import Interval, block_interval, detectable
from harness.analysis.labels import REMEDIES, Finding, Label
from harness.analysis.measures import Measure, ranked
from harness.analysis.pieces import Piece
from harness.analysis.ramps import Ramps, summarise
from harness.analysis.run_pieces import pieces_of
from harness.analysis.ties import ALPHA, exceedance_p, holm, noise_floor, tie_groups
from harness.claims import Claim
from harness.records import DUPLICATE, Run, Trial
from harness.study import Condition


class LabelCount(msgspec.Struct, frozen=True):
    """A label, on how many of a variant's trials it stands, and one example."""

    label: Label
    trials: int
    detail: str
    remedy: str


class Noise(msgspec.Struct, frozen=True):
    """Of slices around their mean, after fitting; see `gls`.

    slice_sd: of the logarithm of one slice, what the probe explains taken out.
    tau_s, white: how long it remembers, and the share that does not.
    probe_slope: by how many percent the measure changes when the probe's time changes by one.
    within_sd, between_sd: of one block's ratio to the baseline, from its slices and from its
        starts; None with one block. Rounds narrow the one, only blocks the other.
    """

    slice_sd: float
    tau_s: float
    white: float
    probe_slope: float | None
    within_sd: float | None
    between_sd: float | None


class Comparison(msgspec.Struct, frozen=True):
    """One measure of one condition, over all variants.

    estimates: absolute values by variant, with intervals over blocks.
    ratios: to the baseline, by variant; the duplicate's is the A/A ratio.
    points: each block's value, by variant.
    noise_floor: as a ratio minus one; None where the A/A pair gives none.
    ranking: variants from best to worst; empty where nothing may be said.
    groups: those among them that were not told apart; they overlap. See `ties.tie_groups`.
    unsaid: why nothing may be said, or None.
    detectable: the smallest true difference, as a ratio minus one, that this run would have called
        in four of five runs, for the least precise ratio to the baseline; None without intervals.
    noise: how the machine's noise was dealt with; None where trials are taken whole.
    """

    measure: Measure
    estimates: dict[str, Interval]
    ratios: dict[str, Interval]
    points: dict[str, dict[int, float]]
    noise_floor: float | None
    ranking: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    unsaid: str | None
    detectable: float | None
    noise: Noise | None


class ConditionResult(msgspec.Struct, frozen=True):
    """Everything about one condition.

    round_trips_ms: by leg, the least and the most that was measured through it, idle; empty where
        no latency was added.
    """

    condition: Condition
    comparisons: dict[Measure, Comparison]
    findings: dict[str, tuple[LabelCount, ...]]
    trials: dict[str, int]
    errors: dict[str, float]
    memory_mib: dict[str, float]
    threads: dict[str, int]
    round_trips_ms: dict[str, tuple[float, float]] = {}


class Analysis(msgspec.Struct, frozen=True):
    """A run, summed up.

    repeated: phases that were measured more than once; all attempts are kept.
    causes: why variants differ, as far as the study's design tells.
    ramps: Locust's cells; conditions are then empty.
    judgements: published claims, as far as this run tells.
    """

    run: str
    baseline: str
    duplicate: str
    conditions: tuple[ConditionResult, ...]
    repeated: int
    causes: Causes
    ramps: Ramps | None = None
    judgements: tuple[Judgement, ...] = ()


def analyse(
    run: Run,
    trials: Sequence[Trial],
    claims: Sequence[Claim] = (),
    pieces: Sequence[Piece] | None = None,
) -> Analysis:
    """Sum up a run from its trials.

    Args:
        run, trials: what was measured.
        claims: to be held against it.
        pieces: of these trials, where somebody else needs them too; what they fit is kept in them.
    """
    if run.study.load.engine == "locust":
        return _of_ramps(run, trials, claims)
    pieces = pieces_of(run, trials) if pieces is None else pieces
    differs = _called_differences(pieces)
    causes = explain(run, pieces)
    return Analysis(
        run=run.id,
        baseline=run.study.baseline,
        duplicate=run.study.baseline + DUPLICATE,
        conditions=tuple(_condition(piece, differs) for piece in pieces),
        repeated=len({(t.block, t.condition) for t in trials if t.attempt > 1}),
        causes=causes,
        judgements=judge(claims, [Findings(run, tuple(pieces), causes.prices, None)]),
    )


def _of_ramps(run: Run, trials: Sequence[Trial], claims: Sequence[Claim]) -> Analysis:
    """Cells that stand each by itself: no pairs, no ranking, no noise floor."""
    ramps = summarise(run, trials)
    return Analysis(
        run=run.id,
        baseline=run.study.baseline,
        duplicate=run.study.baseline + DUPLICATE,
        conditions=(),
        repeated=len({(t.block, t.condition, t.entry) for t in trials if t.attempt > 1}),
        causes=explain(run, ()),
        ramps=ramps,
        judgements=judge(claims, [Findings(run, (), (), ramps)]),
    )


_Differences = dict[tuple[Condition, Measure], dict[frozenset[str], bool]]


def _called_differences(pieces: Sequence[Piece]) -> _Differences:
    """Test every pair under every condition by every ranked measure, as one family."""
    p_values: dict[tuple[Condition, Measure, frozenset[str]], float] = {}
    called: _Differences = {}
    for piece in pieces:
        condition = piece.condition
        names = [entry for entry in piece.blocks if entry != piece.duplicate]
        for measure in ranked(condition):
            floor = piece.floor(measure)
            if floor is None or piece.unsaid(measure) is not None:
                continue
            called[condition, measure] = {}  # stays empty where there is one variant alone
            for one, other in combinations(names, 2):
                effect = piece.effect(measure, one, other)
                p = 1.0 if effect is None else exceedance_p(effect, floor)
                p_values[condition, measure, frozenset((one, other))] = p
    for (condition, measure, pair), p in holm(p_values).items():
        called[condition, measure][pair] = p <= ALPHA
    return called


def _condition(piece: Piece, differs: _Differences) -> ConditionResult:
    blocks, condition = piece.blocks, piece.condition
    return ConditionResult(
        condition=condition,
        comparisons={
            measure: _comparison(measure, piece, differs.get((condition, measure)))
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
        round_trips_ms=_round_trips([t for found in blocks.values() for t in found.values()]),
    )


def _round_trips(trials: Sequence[Trial]) -> dict[str, tuple[float, float]]:
    known = [t.round_trips for t in trials if t.round_trips is not None]
    legs = {
        "database": [ms for r in known for ms in (r.database_before, r.database_after)],
        "client": [ms for r in known for ms in (r.client_before, r.client_after)],
    }
    return {leg: (min(found), max(found)) for leg, found in legs.items() if found}


def _comparison(
    measure: Measure, piece: Piece, differs: Mapping[frozenset[str], bool] | None
) -> Comparison:
    points = {entry: piece.points(measure, entry) for entry in piece.blocks}
    effects = {
        entry: interval
        for entry in piece.blocks
        if entry != piece.baseline
        and (interval := piece.effect(measure, entry, piece.baseline)) is not None
    }
    floor = noise_floor(effects.get(piece.duplicate))
    estimates = _estimates(points)
    ranked = sorted(
        (entry for entry in estimates if entry != piece.duplicate),
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
        unsaid=piece.unsaid(measure),
        detectable=_detectable(effects, floor),
        noise=_noise(piece, measure),
    )


def _detectable(effects: Mapping[str, Interval], floor: float | None) -> float | None:
    if floor is None:
        return None
    found = [d for effect in effects.values() if (d := detectable(effect, floor)) is not None]
    return math.expm1(max(found)) if found else None


def _noise(piece: Piece, measure: Measure) -> Noise | None:
    fitted = piece.fit(measure)
    if fitted is None:
        return None
    parts = piece.components(measure)
    return Noise(
        within_sd=None if parts is None else math.sqrt(parts.within),
        between_sd=None if parts is None else math.sqrt(parts.between),
        slice_sd=fitted.residual_sd,
        tau_s=fitted.memory.tau_s,
        white=fitted.memory.white,
        probe_slope=fitted.slope,
    )


def _estimates(points: Mapping[str, Mapping[int, float]]) -> dict[str, Interval]:
    """Geometric means over blocks, so that their quotients are ratios of the same kind."""
    return {
        entry: interval.exp()
        for entry, values in points.items()
        if (interval := block_interval([math.log(v) for v in values.values() if v > 0])) is not None
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

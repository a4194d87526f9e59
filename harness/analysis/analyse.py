"""A run, summed up: estimates, ratios, ties and findings per condition."""

from collections.abc import Iterable, Sequence
from itertools import combinations

import msgspec

from harness.analysis.causes.explain import Causes, explain
from harness.analysis.claims.judge import Judgement, judge
from harness.analysis.claims.values import Findings
from harness.analysis.condition import Piece, pieces_of
from harness.analysis.labels.labels import LIMITS, REMEDIES, Finding, Label
from harness.analysis.locust.summary import Ramps, summarise
from harness.analysis.measures import Measure, ranked
from harness.analysis.stats.ties import ALPHA, exceedance_p, holm
from harness.analysis.variants import Comparison, compare_variants
from harness.inputs.claims import Claim
from harness.inputs.study import Condition
from harness.records.plan import DUPLICATE
from harness.records.run import Run
from harness.records.trial import Trial


class LabelCount(msgspec.Struct, frozen=True):
    """A label, on how many of a variant's trials it stands, and one example."""

    label: Label
    trials: int
    detail: str
    remedy: str


class ConditionResult(msgspec.Struct, frozen=True, rename={"errors": "error_shares"}):
    """Everything about one condition.

    trials, errors, findings: of all trials. The rest is of those that did not fail.
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

    def limits(self, entry: str) -> tuple[LabelCount, ...]:
        """What limited its throughput: such labels as most of its trials bear."""
        return limiting(self.findings[entry], self.trials[entry])


class Analysis(msgspec.Struct, frozen=True):
    """A run, summed up.

    repeated: phases that were measured more than once; all attempts are kept.
    causes: why variants differ, as far as the study's design tells.
    ramps: Locust's cells; conditions are then empty.
    judgements: published claims, as far as this run tells.
    comparisons: how many pairs, under all conditions and by all ranked measures, were adjusted for
        together.
    """

    run: str
    baseline: str
    duplicate: str
    conditions: tuple[ConditionResult, ...]
    repeated: int
    causes: Causes
    ramps: Ramps | None = None
    judgements: tuple[Judgement, ...] = ()
    comparisons: int = 0


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
    if run.study.ramped:
        return _of_ramps(run, trials, claims)
    pieces = pieces_of(run, trials) if pieces is None else pieces
    differs = _called_differences(pieces)
    comparisons = sum(len(pairs) for pairs in differs.values())
    causes = explain(run, pieces)
    return Analysis(
        run=run.id,
        baseline=run.study.baseline,
        duplicate=run.study.baseline + DUPLICATE,
        conditions=tuple(_condition(piece, differs, comparisons) for piece in pieces),
        comparisons=comparisons,
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


def _condition(piece: Piece, differs: _Differences, comparisons: int) -> ConditionResult:
    blocks, condition = piece.blocks, piece.condition
    good = {entry: piece.good(entry) for entry in blocks}
    return ConditionResult(
        condition=condition,
        comparisons={
            measure: compare_variants(
                measure, piece, differs.get((condition, measure)), comparisons
            )
            for measure in Measure
        },
        findings=counted_findings(piece),
        trials={entry: len(found) for entry, found in blocks.items()},
        errors={entry: _error_share(found.values()) for entry, found in blocks.items()},
        memory_mib={
            entry: max(known) / 1024
            for entry, found in good.items()
            if (known := [t.rss_peak_kib for t in found.values() if t.rss_peak_kib is not None])
        },
        threads={
            entry: max(known)
            for entry, found in good.items()
            if (known := [t.threads for t in found.values() if t.threads is not None])
        },
        round_trips_ms=_round_trips([t for found in good.values() for t in found.values()]),
    )


def _round_trips(trials: Sequence[Trial]) -> dict[str, tuple[float, float]]:
    known = [t.round_trips for t in trials if t.round_trips is not None]
    legs = {
        "database": [ms for r in known for ms in (r.database_before, r.database_after)],
        "client": [ms for r in known for ms in (r.client_before, r.client_after)],
    }
    return {leg: (min(found), max(found)) for leg, found in legs.items() if found}


def counted_findings(piece: Piece) -> dict[str, tuple[LabelCount, ...]]:
    """The labels of each entry's trials."""
    return {entry: _counted(found) for entry, found in piece.found.items()}


def limiting(found: Sequence[LabelCount], trials: int) -> tuple[LabelCount, ...]:
    """Of labels those that say what limited most of so many trials."""
    return tuple(f for f in found if f.label in LIMITS and f.trials * 2 > trials)


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

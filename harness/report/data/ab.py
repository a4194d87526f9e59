"""The answer of an A/B as data, which `bridgetoll ab --json` prints and `report.md` shows."""

import msgspec

from harness.analysis.ab import AbPair, AbVerdict, ab_gate, ab_pairs
from harness.analysis.analyse import Analysis, ConditionResult
from harness.analysis.gate import GateAnswer
from harness.analysis.measures import Measure
from harness.analysis.stats.intervals import Interval
from harness.analysis.stats.verdicts import Verdict
from harness.analysis.variants import Comparison
from harness.inputs.kinds import origin_of, origins_of
from harness.inputs.manifests import QUANTITIES
from harness.inputs.study import Condition
from harness.records.run import Run
from harness.report.words import ab as words

MEASURES = (Measure.CPU, Measure.THROUGHPUT, Measure.P99, Measure.MEMORY)
"""By which an A/B compares, in this order; others join where only they have figures."""
_BYTES = ("http_bytes_in", "http_bytes_out")


class AbMeasure(msgspec.Struct, frozen=True):
    """A and B by one measure.

    a, b: absolute values with 95 % intervals. ratio: B / A, with its own.
    verdict: of the family of all Bs; None where the measure must not rank, or is not judged.
    at_most_share: how far the ratio may be from 1 where that is undecided.
    unsaid: why the measure must not rank, or None.
    """

    measure: Measure
    a: Interval | None
    b: Interval | None
    ratio: Interval
    verdict: Verdict | None
    at_most_share: float | None
    unsaid: str | None


class AbCount(msgspec.Struct, frozen=True):
    """What the audits count differently: per request, one at a time.

    exact: the same at every count, as hops and statements are, and context switches are not.
    """

    quantity: str
    a: float
    b: float
    exact: bool


class AbEndpoint(msgspec.Struct, frozen=True):
    """A and B under one condition.

    verdict: by the first of `measures`, and `cost` its ratio, turned so that more is worse; None
        without figures of both.
    """

    condition: str
    endpoint: str
    connections: int
    verdict: AbVerdict | None
    cost: Interval | None
    measures: tuple[AbMeasure, ...]
    counts: tuple[AbCount, ...]


class AbB(msgspec.Struct, frozen=True):
    """One B against its A.

    variant, a: their names in the run. origin: the variant of which both are made.
    change: what B has, in words. a_has: likewise of A; None where it is the variant as it is.
    packages: whose release differs from A's.
    excluded: why B was not measured, or None.
    """

    variant: str
    a: str
    origin: str
    change: str
    a_has: str | None
    packages: tuple[words.Release, ...]
    excluded: str | None
    endpoints: tuple[AbEndpoint, ...]


class AbGate(msgspec.Struct, frozen=True):
    """Whether every B costs at most so much more than A; see `analysis.ab.ab_gate`."""

    allowed_share: float
    answer: GateAnswer
    sentence: str


class AbResult(msgspec.Struct, frozen=True):
    """An A/B.

    run: its id. command: that repeats it, after `bridgetoll`.
    """

    run: str
    command: str
    margin_share: float
    gate: AbGate | None
    bs: tuple[AbB, ...]


def ab_result(run: Run, analysis: Analysis, allowed: float | None = None) -> AbResult:
    """The answer of an A/B.

    Args:
        run, analysis: of it.
        allowed: by the gate, as a share; None without a gate.
    """
    pairs = ab_pairs(analysis)
    return AbResult(
        run=run.id,
        command=run.command,
        margin_share=analysis.margin,
        gate=None if allowed is None else _gate(run, pairs, allowed),
        bs=tuple(_b(run, analysis, pairs, *sides) for sides in origins_of(run.study).items()),
    )


def _gate(run: Run, pairs: tuple[AbPair, ...], allowed: float) -> AbGate:
    answer = ab_gate(pairs, allowed)
    return AbGate(allowed, answer, words.gate_sentence(run, pairs, allowed, answer))


def _b(run: Run, analysis: Analysis, pairs: tuple[AbPair, ...], b: str, a: str) -> AbB:
    return AbB(
        variant=b,
        a=a,
        origin=origin_of(run.study, a),
        change=words.change_of(run, b),
        a_has=words.change_of(run, a) if a in run.study.setups else None,
        packages=words.releases(run, a, b),
        excluded=run.excluded.get(b),
        endpoints=tuple(_endpoint(run, pairs, b, a, result) for result in analysis.conditions),
    )


def _endpoint(
    run: Run, pairs: tuple[AbPair, ...], b: str, a: str, result: ConditionResult
) -> AbEndpoint:
    condition = result.condition
    pair = next((p for p in pairs if (p.variant, p.condition) == (b, condition)), None)
    return AbEndpoint(
        condition=condition.name,
        endpoint=condition.endpoint,
        connections=condition.connections,
        verdict=None if pair is None else pair.verdict,
        cost=None if pair is None else pair.cost,
        measures=_measures(a, b, result),
        counts=_counts(run, a, b, condition),
    )


def _measures(a: str, b: str, result: ConditionResult) -> tuple[AbMeasure, ...]:
    order = dict.fromkeys((*MEASURES, *result.comparisons))
    return tuple(
        _measure(a, b, result.comparisons[measure])
        for measure in order
        if b in result.comparisons[measure].to_origin
    )


def _measure(a: str, b: str, comparison: Comparison) -> AbMeasure:
    ratio, decision = comparison.to_origin[b].ratio, comparison.to_origin[b].decision
    return AbMeasure(
        measure=comparison.measure,
        a=comparison.estimates.get(a),
        b=comparison.estimates.get(b),
        ratio=ratio,
        verdict=None if decision is None else decision.verdict,
        at_most_share=None if decision is None else decision.at_most,
        unsaid=comparison.unsaid,
    )


def _counts(run: Run, a: str, b: str, condition: Condition) -> tuple[AbCount, ...]:
    tolls = [
        toll.counted
        for name in (a, b)
        for audit in run.audits
        if audit.variant == name
        for toll in audit.tolls
        if toll.endpoint == condition.endpoint
    ]
    if len(tolls) < _SIDES:
        return ()
    before, after = tolls
    return tuple(
        AbCount(quantity, before.get(quantity, 0.0), after.get(quantity, 0.0), quantity in _EXACT)
        for quantity in dict.fromkeys((*before, *after))
        if before.get(quantity, 0.0) != after.get(quantity, 0.0)
    )


_SIDES = 2
_EXACT = frozenset({*QUANTITIES, *_BYTES})

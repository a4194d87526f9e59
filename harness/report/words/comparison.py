"""Two runs beside each other in words: verdicts, references, and what changed."""

from collections.abc import Iterable, Sequence
from statistics import median

import msgspec

from harness.analysis.measures import Measure
from harness.analysis.runs import (
    ComparedVariant,
    RunComparison,
    RunVerdict,
    VariantCondition,
)
from harness.analysis.stats.intervals import Interval
from harness.inputs.conditions import condition_title
from harness.inputs.study import Condition
from harness.records.comparability import Change
from harness.report.words import decisions, numbers

NOTHING_SHARED = "No variant was measured under one condition in both runs."
NOTHING_CHANGED = "The runs record no change from A to B."
NOT_INTERLEAVED = "Runs are not interleaved: a study with both versions as variants is stronger."
NAME_ONE = "Measure an unchanged variant in both runs, or name one with --reference."
_OF_MEMORY = {RunVerdict.FASTER: "smaller", RunVerdict.SLOWER: "larger"}
_NOUNS = {
    Measure.CPU: "CPU",
    Measure.THROUGHPUT: "throughput",
    Measure.P99: "99th percentile",
    Measure.MEMORY: "memory",
    Measure.SUSTAINED: "highest rate",
}
_LEFT_OUT = 2
"""Variants that `all but` may name."""
_NAMED = 4
"""Variants that are all named in a sentence."""


class ReferenceNote(msgspec.Struct, frozen=True):
    """What ratios are relative to, under conditions that have it in common.

    text: without its full stop.
    variants: of the reference, where they are too many for the text.
    missing: whether there is no reference although the measure needs one.
    """

    conditions: tuple[Condition, ...]
    text: str
    missing: bool
    variants: tuple[str, ...] = ()


def noun(measure: Measure) -> str:
    """A measure of runs as the end of `1.12 times the ...`."""
    return _NOUNS.get(measure, measure.heading)


def verdict_word(verdict: RunVerdict, measure: Measure) -> str:
    """A verdict as a word; memory is not faster or slower."""
    return str(_OF_MEMORY.get(verdict, verdict) if measure is Measure.MEMORY else verdict)


def verdict_text(pair: ComparedVariant, measure: Measure) -> str:
    """A verdict with what it leaves open."""
    word = verdict_word(pair.verdict, measure)
    return word if pair.at_most is None else f"{word}, at most {numbers.at_most(pair.at_most)}"


def count_pairs(count: int) -> str:
    """A number of variants under conditions."""
    return "1 pair" if count == 1 else f"{count} pairs"


def tally(comparison: RunComparison) -> str:
    """How many pairs there are of each verdict."""
    counts = {
        verdict: sum(pair.verdict is verdict for pair in comparison.pairs) for verdict in RunVerdict
    }
    found = [
        f"{verdict_word(v, comparison.measure)}: {count}" for v, count in counts.items() if count
    ]
    return ", ".join(found) or NOTHING_SHARED


def method(comparison: RunComparison) -> list[str]:
    """How intervals and verdicts are to be read, as sentences."""
    return [
        "Intervals are each ratio's own 95 %.",
        "Verdicts allow for all pairs (Holm).",
        f"Two one-sided tests show that a ratio is {decisions.same(comparison.margin)}.",
    ]


def changes(changed: Sequence[Change]) -> dict[str, list[str]]:
    """By what changed: each of its properties with the old and the new value."""
    found: dict[str, list[str]] = {}
    for change in changed:
        a, b = (numbers.MISSING if value is None else value for value in (change.a, change.b))
        found.setdefault(change.subject, []).append(f"{change.name} {a} -> {b}")
    return found


def reference_notes(comparison: RunComparison) -> list[ReferenceNote]:
    """What the ratios are relative to, and how much that gains; equal ones together."""
    alike: dict[tuple[str, bool, tuple[str, ...]], list[Condition]] = {}
    for reference in comparison.references:
        pairs = _of(comparison, [reference.condition])
        if reference.missing is not None:
            told = f"none: {reference.missing}"
        else:
            told = _named(reference.variants, pairs, named=bool(comparison.named))
        key = told, reference.missing is not None and comparison.speed, reference.variants
        alike.setdefault(key, []).append(reference.condition)
    return [
        ReferenceNote(
            tuple(conditions),
            text + _gain(_of(comparison, conditions)),
            missing,
            variants if len(variants) > _NAMED else (),
        )
        for (text, missing, variants), conditions in alike.items()
    ]


def _of(comparison: RunComparison, conditions: Sequence[Condition]) -> list[ComparedVariant]:
    return [pair for pair in comparison.pairs if pair.condition in conditions]


def _named(variants: Sequence[str], pairs: Sequence[ComparedVariant], *, named: bool) -> str:
    """The variants of a reference, and why it is they."""
    others = [pair.variant for pair in pairs if pair.variant not in variants]
    why = "as named" if named else "the same in both runs"
    if not others:
        told = f"all variants, {why}"
        return told if len(variants) == 1 else f"{told}. Each is compared with the others"
    if len(variants) > _NAMED and len(others) <= _LEFT_OUT:
        return f"all variants but {' and '.join(others)}, {why}"
    names = ", ".join(variants) if len(variants) <= _NAMED else f"{len(variants)} variants"
    return f"{names}, {why}"


def _gain(pairs: Sequence[ComparedVariant]) -> str:
    """How wide intervals are, and would be of absolute values."""
    relative = [p for p in pairs if p.reference and p.ratio_b_to_a is not None]
    own = half_width(p.ratio_b_to_a for p in relative)
    absolute = half_width(p.absolute_b_to_a for p in relative)
    if own is None or absolute is None:
        return ""
    return f". Intervals are ±{share(own)}; without a reference, ±{share(absolute)}"


def half_width(intervals: Iterable[Interval | None]) -> float | None:
    """The median relative half-width; None without any."""
    known = [i.log_half_width for i in intervals if i is not None]
    widths = [width for width in known if width is not None]
    return median(widths) if widths else None


def share(value: float) -> str:
    """A share in per cent, with two significant digits."""
    return f"{float(f'{100 * value:.2g}'):g} %"


def alone(comparison: RunComparison) -> list[str]:
    """What was measured in one run alone, a line for all that lack under the same conditions."""
    return [
        *_alone("A", comparison.only_in_a, comparison),
        *_alone("B", comparison.only_in_b, comparison),
    ]


def _alone(run: str, places: Sequence[VariantCondition], comparison: RunComparison) -> list[str]:
    conditions: dict[str, list[Condition]] = {}
    for place in places:
        conditions.setdefault(place.variant, []).append(place.condition)
    alike: dict[tuple[Condition, ...], list[str]] = {}
    for variant, found in conditions.items():
        alike.setdefault(tuple(found), []).append(variant)
    shared = {reference.condition for reference in comparison.references}
    shared = shared or {place.condition for place in places}
    return [
        f"only in {run}: {', '.join(variants)}{_under(found, shared)}"
        for found, variants in alike.items()
    ]


def _under(found: Sequence[Condition], shared: set[Condition]) -> str:
    """Nothing where these are the conditions of the comparison."""
    if set(found) == shared:
        return ""
    return f" under {'; '.join(condition_title(condition) for condition in found)}"

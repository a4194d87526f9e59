"""What the terminal shows of two runs beside each other, for 80 columns.

This module imports the analysis, so the command imports it when it prints.
"""

from collections.abc import Iterable, Sequence
from statistics import median

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from harness.analysis.gate import MOST_BLOCKS, Gate, GateAnswer
from harness.analysis.measures import Measure
from harness.analysis.reference import Reference
from harness.analysis.runs import ComparedVariant, RunComparison, RunVerdict, VariantCondition
from harness.analysis.stats.intervals import Interval
from harness.inputs import conditions
from harness.records.comparability import Change
from harness.report.words import decisions, numbers

_STYLES = {
    RunVerdict.FASTER: "green",
    RunVerdict.SLOWER: "bold red",
    RunVerdict.SAME: "dim",
    RunVerdict.UNDECIDED: "yellow",
    RunVerdict.REFERENCE: "dim",
    RunVerdict.NOT_COMPARABLE: "yellow",
}
_OF_MEMORY = {RunVerdict.FASTER: "smaller", RunVerdict.SLOWER: "larger"}
_FEW = 3
"""Names that a sentence of the terminal can hold."""
_LONG_NAME = 36
"""Characters up to which a name is not broken; verdicts are, where both do not fit."""
_HOW_TO_READ = (
    "Intervals are each ratio's own 95 %. Verdicts allow for all pairs (Holm). "
    "Two one-sided tests show that a ratio is {same}."
)
_BETTER = "Runs are not interleaved: a study with both versions as variants is stronger."


def comparison_text(
    reasons: Sequence[str], changed: Sequence[Change], comparison: RunComparison
) -> RenderableType:
    """Doubts first, then what changed, the ratios by condition, and what one run has alone."""
    parts: list[RenderableType] = [
        Text.assemble(("not measured alike: ", "bold yellow"), reason) for reason in reasons
    ]
    parts += [Text(f"A: {comparison.run_a}"), Text(f"B: {comparison.run_b}"), *_changed(changed)]
    parts.append(Text(f"B / A by {comparison.measure.heading}, with 95 % intervals:"))
    for reference in comparison.references:
        title = conditions.condition_title(reference.condition)
        parts.append(Text(f"\n{title}", style="bold"))
        pairs = [pair for pair in comparison.pairs if pair.condition == reference.condition]
        parts += [*_pairs(pairs, comparison.measure), *_reference(reference, pairs, comparison)]
    parts.append(Text(f"\n{tally(comparison)}"))
    parts += _alone("A", comparison.only_in_a) + _alone("B", comparison.only_in_b)
    parts.append(Text(_how_to_read(comparison), style="dim"))
    return Group(*parts)


def _how_to_read(comparison: RunComparison) -> str:
    same = decisions.same(comparison.margin)
    lines = [_HOW_TO_READ.format(same=same), _BETTER]
    if comparison.speed and any(r.missing is not None for r in comparison.references):
        lines.insert(
            0,
            "Without a reference, the machine's change is in every ratio. Measure an unchanged "
            "variant in both runs, or name one with --reference.",
        )
    return " ".join(lines)


def tally(comparison: RunComparison) -> str:
    """How many pairs there are of each verdict."""
    counts = {
        verdict: sum(pair.verdict is verdict for pair in comparison.pairs) for verdict in RunVerdict
    }
    found = [
        f"{verdict_word(v, comparison.measure)}: {count}" for v, count in counts.items() if count
    ]
    return ", ".join(found) or "No variant was measured under one condition in both runs."


def verdict_word(verdict: RunVerdict, measure: Measure) -> str:
    """A verdict as a word; memory is not faster or slower."""
    return str(_OF_MEMORY.get(verdict, verdict) if measure is Measure.MEMORY else verdict)


def verdict_text(pair: ComparedVariant, measure: Measure) -> str:
    """A verdict with what it leaves open."""
    word = verdict_word(pair.verdict, measure)
    return word if pair.at_most is None else f"{word}, at most {numbers.at_most(pair.at_most)}"


def _share(share: float) -> str:
    """A share in per cent, with two significant digits."""
    return f"{float(f'{100 * share:.2g}'):g} %"


def pair_text(pair: ComparedVariant) -> str:
    """A pair with its ratio, within a sentence."""
    title = conditions.condition_title(pair.condition)
    return f"{pair.variant} under {title} ({numbers.ratio(pair.ratio_b_to_a)})"


def _changed(changes: Sequence[Change]) -> list[RenderableType]:
    """A paragraph for each that changed, with old and new values."""
    if not changes:
        return [Text("Nothing that the runs record changed from A to B.")]
    parts: list[RenderableType] = [Text("What changed from A to B:")]
    for subject in dict.fromkeys(change.subject for change in changes):
        values = ", ".join(_change(change) for change in changes if change.subject == subject)
        parts.append(Padding(Text(f"{subject}: {values}"), (0, 0, 0, 2)))
    return parts


def _change(change: Change) -> str:
    a, b = (numbers.MISSING if value is None else value for value in (change.a, change.b))
    return f"{change.name} {a} -> {b}"


def _reference(
    reference: Reference, pairs: Sequence[ComparedVariant], comparison: RunComparison
) -> list[RenderableType]:
    """What the ratios of a condition are relative to, and what that gains."""
    if reference.missing is not None:
        style = "yellow" if comparison.speed else "dim"
        return [Text.assemble(("no reference: ", style), f"{reference.missing}.")]
    every = {pair.variant for pair in pairs} <= set(reference.variants)
    names = "all variants" if every else ", ".join(reference.variants)
    why = "as named" if comparison.named else "the same in both runs"
    others = "" if len(reference.variants) == 1 else " Each is compared with the others."
    told = f"{names}, {why}.{others if every else ''}{_gain(pairs)}"
    parts: list[RenderableType] = [Text(f"reference: {told}")]
    for name, ratio in reference.changed.items():
        left_out = f"{name} is no reference, because it changed: {numbers.ratio(ratio)}."
        parts.append(Text.assemble(("reference changed: ", "yellow"), left_out))
    return parts


def _gain(pairs: Sequence[ComparedVariant]) -> str:
    """How wide intervals are, and would be of absolute values."""
    relative = [p for p in pairs if p.reference and p.ratio_b_to_a is not None]
    own = _half_width(p.ratio_b_to_a for p in relative)
    absolute = _half_width(p.absolute_b_to_a for p in relative)
    if own is None or absolute is None:
        return ""
    return f" Intervals are ±{_share(own)}; without a reference, ±{_share(absolute)}."


def _half_width(intervals: Iterable[Interval | None]) -> float | None:
    """The median relative half-width; None without any."""
    known = [i.log_half_width for i in intervals if i is not None]
    widths = [width for width in known if width is not None]
    return median(widths) if widths else None


def _pairs(pairs: Sequence[ComparedVariant], measure: Measure) -> list[RenderableType]:
    """A table of what has estimates, and below it why the rest has no verdict."""
    parts: list[RenderableType] = []
    shown = [
        pair
        for pair in pairs
        if pair.ratio_b_to_a is not None or pair.verdict is not RunVerdict.NOT_COMPARABLE
    ]
    if shown:
        parts.append(_pairs_table(shown, measure))
    silent = [pair for pair in pairs if pair.verdict is RunVerdict.NOT_COMPARABLE]
    for reason in dict.fromkeys(pair.reason for pair in silent if pair.reason is not None):
        names = ", ".join(pair.variant for pair in silent if pair.reason == reason)
        verdict = RunVerdict.NOT_COMPARABLE
        parts.append(Text.assemble((f"{verdict}: ", _STYLES[verdict]), f"{names}: {reason}"))
    return parts


def _pairs_table(pairs: Sequence[ComparedVariant], measure: Measure) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    longest = max(len(pair.variant) for pair in pairs)
    table.add_column("variant", overflow="fold", no_wrap=longest <= _LONG_NAME)
    table.add_column("A", justify="right", no_wrap=True)
    table.add_column("B", justify="right", no_wrap=True)
    table.add_column("B / A", no_wrap=True)
    table.add_column("")
    for pair in pairs:
        values = [next(iter(side.values()), None) for side in (pair.a, pair.b)]
        table.add_row(
            Text(pair.variant),
            *(numbers.MISSING if v is None else numbers.number(v.mean) for v in values),
            "1" if pair.verdict is RunVerdict.REFERENCE else numbers.ratio(pair.ratio_b_to_a),
            Text(verdict_text(pair, measure), style=_STYLES[pair.verdict]),
        )
    return table


def _alone(run: str, places: Sequence[VariantCondition]) -> list[RenderableType]:
    """By condition, the variants that were measured in one run alone."""
    parts: list[RenderableType] = []
    for condition in dict.fromkeys(place.condition for place in places):
        names = ", ".join(place.variant for place in places if place.condition == condition)
        parts.append(Text(f"only in {run}: {conditions.condition_title(condition)}: {names}"))
    return parts


def gate_sentence(gate: Gate, comparison: RunComparison) -> str:
    """What a gate answers, which pairs that rests on, and what to do."""
    allowed = numbers.percent(gate.allowed)
    slower = verdict_word(RunVerdict.SLOWER, comparison.measure)
    match gate.answer:
        case GateAnswer.PASSED:
            tested = _pairs_of(gate.judged)
            return f"no regression: {tested} tested, none {slower} by more than {allowed}."
        case GateAnswer.REGRESSED:
            return (
                f"{_pairs_of(len(gate.regressed))} became {slower} by more than {allowed}: "
                f"{_listed(gate.regressed)}; find the cause in what "
                "changed, or allow more."
            )
        case GateAnswer.NOT_COMPARABLE:
            reasons = [pair.reason for pair in comparison.pairs if pair.reason is not None]
            why = reasons[0] if reasons else "they share no variant under one condition"
            return (
                f"no pair of the two runs can be compared ({why}); measure the same variants under "
                "the same conditions, in two blocks or more."
            )
        case GateAnswer.UNDECIDED:
            told = (_of_missing(gate), _of_unrelated(gate, comparison), _of_undecided(gate))
            return next(filter(None, told))


def _pairs_of(count: int) -> str:
    return "1 pair" if count == 1 else f"{count} pairs"


def _of_missing(gate: Gate) -> str:
    if not gate.missing:
        return ""
    name, reason = next(iter(gate.missing.items()))
    more = len(gate.missing) - 1
    others = f" and {more} other{'s' if more > 1 else ''}" if more else ""
    return (
        f"a regression of {name}{others} cannot be ruled out ({reason}); measure the variants of A "
        "in B too, in two blocks or more."
    )


def _of_unrelated(gate: Gate, comparison: RunComparison) -> str:
    """The first reason; a pair without a reference has one."""
    if not gate.unrelated:
        return ""
    why = next((r.missing for r in comparison.references if r.missing is not None), "")
    return (
        f"a change of {_listed(gate.unrelated)} may be the machine's, because there is no "
        f"reference ({why}); measure an unchanged variant in both runs, or name one with "
        "--reference."
    )


def _of_undecided(gate: Gate) -> str:
    if not gate.undecided:
        return ""
    allowed = numbers.percent(gate.allowed)
    remedy = (
        f"measure about {gate.blocks} blocks in each run"
        if gate.blocks is not None
        else f"even {MOST_BLOCKS} blocks would not tell, so allow more or less"
    )
    return (
        f"{len(gate.undecided)} of {gate.judged} pairs may have changed by more than {allowed}: "
        f"{_listed(gate.undecided)}; {remedy}."
    )


def _listed(pairs: Sequence[ComparedVariant]) -> str:
    """The pairs with their ratios, the first few of many."""
    shown = ", ".join(pair_text(pair) for pair in pairs[:_FEW])
    more = len(pairs) - _FEW
    return f"{shown} and {more} more" if more > 0 else shown

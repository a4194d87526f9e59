"""What the terminal shows of two runs beside each other, for 80 columns.

This module imports the analysis, so the command imports it when it prints.
"""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from harness.analysis.gate import MOST_BLOCKS, Gate, GateAnswer
from harness.analysis.measures import Measure
from harness.analysis.runs import ComparedVariant, RunComparison, RunVerdict
from harness.inputs import conditions
from harness.report.comparison.caution import caution
from harness.report.comparison.compared import ComparedRuns
from harness.report.comparison.headline import headline
from harness.report.words import comparison as words
from harness.report.words import numbers
from harness.report.words.comparison import count_pairs, verdict_word

_STYLES = {
    RunVerdict.FASTER: "green",
    RunVerdict.SLOWER: "bold red",
    RunVerdict.SAME: "dim",
    RunVerdict.UNDECIDED: "yellow",
    RunVerdict.REFERENCE: "dim",
    RunVerdict.NOT_COMPARABLE: "yellow",
}
_FEW = 3
"""Names that a sentence of the terminal can hold."""
_LONG_NAME = 36
"""Characters up to which a name is not broken; verdicts are, where both do not fit."""


def comparison_text(compared: ComparedRuns) -> RenderableType:
    """The answer and its caution, the ratios by condition, and then how they came about."""
    comparison = compared.comparison
    parts: list[RenderableType] = [
        Text(sentence, style="bold") for sentence in headline(comparison)
    ]
    doubt = caution(comparison, compared.reasons)
    if doubt is not None:
        style = "bold yellow" if doubt.alarm else "yellow"
        parts += [Text.assemble(("caution: ", style), line) for line in (doubt.text, *doubt.others)]
    parts.append(Text(f"\nA: {comparison.run_a}\nB: {comparison.run_b}"))
    if comparison.pairs:
        parts.append(Text(f"B / A by {comparison.measure.heading}, with 95 % intervals:"))
    for reference in comparison.references:
        title = conditions.condition_title(reference.condition)
        parts.append(Text(f"\n{title}", style="bold"))
        pairs = [pair for pair in comparison.pairs if pair.condition == reference.condition]
        parts += _pairs(pairs, comparison.measure)
    parts += [Text(), *map(Text, words.alone(comparison)), *_references(comparison)]
    parts += [
        Text.assemble(("not measured alike: ", "yellow"), reason) for reason in compared.reasons
    ]
    parts += _changed(compared)
    if comparison.pairs:
        parts.append(Text(_how_to_read(comparison), style="dim"))
    return Group(*parts)


def _how_to_read(comparison: RunComparison) -> str:
    undecided = any(pair.at_most is not None for pair in comparison.pairs)
    mark = ['"≤ 7 %": undecided, the ratio is at most 7 % from 1.'] if undecided else []
    return " ".join([*mark, *words.method(comparison), words.NOT_INTERLEAVED])


def pair_text(pair: ComparedVariant) -> str:
    """A pair with its ratio, within a sentence."""
    title = conditions.condition_title(pair.condition)
    return f"{pair.variant} under {title} ({numbers.ratio(pair.ratio_b_to_a)})"


def _references(comparison: RunComparison) -> list[RenderableType]:
    """What the ratios are relative to, which variants were left out of that, and what mends it."""
    parts: list[RenderableType] = []
    notes = words.reference_notes(comparison)
    for note in notes:
        everywhere = len(note.conditions) == len(comparison.references)
        named = [conditions.condition_title(condition) for condition in note.conditions]
        where = "" if everywhere else f" under {'; '.join(named)}"
        style = "yellow" if note.missing else ""
        parts.append(Text.assemble((f"reference{where}: ", style), f"{note.text}."))
    for reference in comparison.references:
        for name, ratio in reference.changed.items():
            left_out = f"{name} is no reference, because it changed: {numbers.ratio(ratio)}."
            parts.append(Text.assemble(("reference changed: ", "yellow"), left_out))
    if any(note.missing for note in notes):
        parts.append(Text(words.NAME_ONE))
    return parts


def _verdict(pair: ComparedVariant, measure: Measure) -> str:
    """For a narrow column."""
    if pair.at_most is None:
        return verdict_word(pair.verdict, measure)
    return f"≤ {numbers.at_most_short(pair.at_most)}"


def _changed(compared: ComparedRuns) -> list[RenderableType]:
    """A paragraph for each that changed, with old and new values."""
    changed = words.changes(compared.changed)
    if not changed:
        return [Text(words.NOTHING_CHANGED)]
    parts: list[RenderableType] = [Text("What changed from A to B:")]
    for subject, lines in changed.items():
        parts.append(Padding(Text(f"{subject}: {', '.join(lines)}"), (0, 0, 0, 2), expand=False))
    return parts


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
        alike = [pair.variant for pair in silent if pair.reason == reason]
        names = "every variant" if 1 < len(alike) == len(pairs) else ", ".join(alike)
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
            Text(_verdict(pair, measure), style=_STYLES[pair.verdict]),
        )
    return table


def gate_sentence(gate: Gate, comparison: RunComparison) -> str:
    """What a gate answers, which pairs that rests on, and what to do."""
    allowed = numbers.percent(gate.allowed)
    slower = verdict_word(RunVerdict.SLOWER, comparison.measure)
    match gate.answer:
        case GateAnswer.PASSED:
            tested = count_pairs(gate.judged)
            return f"no regression: {tested} tested, none {slower} by more than {allowed}."
        case GateAnswer.REGRESSED:
            return (
                f"{count_pairs(len(gate.regressed))} became {slower} by more than {allowed}: "
                f"{_first_few(gate.regressed)}; find the cause in what "
                "changed, or allow more."
            )
        case GateAnswer.NOT_COMPARABLE:
            reasons = [pair.reason for pair in comparison.pairs if pair.reason is not None]
            why = reasons[0] if reasons else "they share no variant under one condition"
            remedy = "measure the same variants under the same conditions, in two blocks or more"
            if reasons and all(_unmeasurable(pair) for pair in comparison.pairs):
                remedy = "compare them by another `--measure`"
            return f"no pair of the two runs can be compared ({why}); {remedy}."
        case GateAnswer.UNDECIDED:
            told = (_of_missing(gate), _of_unrelated(gate, comparison), _of_undecided(gate))
            return next(filter(None, told))


def _unmeasurable(pair: ComparedVariant) -> bool:
    """Whether the measure means nothing under the pair's condition, in any run."""
    return pair.unfit is None and pair.ratio_b_to_a is None


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
        f"a change of {_few(gate.unrelated)} may be the machine's, because there is no "
        f"reference ({why}); measure an unchanged variant in both runs, or name one with "
        "--reference."
    )


def _of_undecided(gate: Gate) -> str:
    if not gate.undecided:
        return ""
    allowed = numbers.percent(gate.allowed)
    other = "more or less" if gate.allowed else "more"
    remedy = (
        f"measure about {gate.blocks} blocks in each run"
        if gate.blocks is not None
        else f"even {MOST_BLOCKS} blocks would not tell, so allow {other}"
    )
    return (
        f"{len(gate.undecided)} of {gate.judged} pairs may have changed by more than {allowed}: "
        f"{_first_few(gate.undecided)}; {remedy}."
    )


def _few(pairs: Sequence[ComparedVariant]) -> str:
    """The pairs with their ratios, or how many they are."""
    return _first_few(pairs) if len(pairs) <= _FEW else count_pairs(len(pairs))


def _first_few(pairs: Sequence[ComparedVariant]) -> str:
    """The pairs with their ratios, the first few of many."""
    shown = ", ".join(pair_text(pair) for pair in pairs[:_FEW])
    more = len(pairs) - _FEW
    return f"{shown} and {more} more" if more > 0 else shown

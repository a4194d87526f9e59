"""What the terminal shows of an analysis, for 80 columns: a run's summary, two runs, claims.

This module imports the analysis, so commands import it when they print.
"""

from collections.abc import Mapping, Sequence
from typing import assert_never

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from harness.analysis.analyse import Analysis, ConditionResult
from harness.analysis.claims import ClaimVerdict, Judgement
from harness.analysis.locust import Ramps
from harness.analysis.measures import Measure, ranked
from harness.analysis.runs import ComparedVariant, RunComparison, VariantCondition, Verdict
from harness.analysis.stats.ties import letters
from harness.analysis.variants import Comparison
from harness.inputs import conditions
from harness.inputs.study import Condition
from harness.records.comparability import Change
from harness.report.words import causes as cause_words
from harness.report.words import claims as claim_words
from harness.report.words import missing, numbers, verdicts
from harness.report.words.ramps import compared_per_s, gain_sentence, route


def summary(analysis: Analysis) -> RenderableType:
    """Verdict and ranking with ties per condition, for 80 columns."""
    parts: list[RenderableType] = []
    if analysis.ramps is not None:
        parts.append(_ramp_table(analysis.ramps))
        parts += [Text(gain_sentence(gain)) for gain in analysis.ramps.gains]
    for result in analysis.conditions:
        parts += [
            Text(verdicts.verdict(result, analysis.baseline)),
            _ranking_table(analysis, result),
        ]
    if any(
        result.comparisons[ranked(result.condition)[0]].groups for result in analysis.conditions
    ):
        parts.append(Text("Two variants that share no letter differ.", style="dim"))
    parts += [Text(line, style="yellow") for line in missing.missing_lines(analysis)]
    parts += [Text(line, style="yellow") for line in verdicts.disturbances(analysis)]
    parts += [Text(line) for line in cause_words.verdicts(analysis.causes)]
    parts += [Text(line) for line in cause_words.predictions(analysis.causes)]
    return Group(*parts)


def _ramp_table(ramps: Ramps) -> Table:
    """The highest rate per cell, and in brackets the published one."""
    setups = list(dict.fromkeys(cell.setup for cell in ramps.cells))
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("successes/s, at most (published)")
    for name in setups:
        table.add_column(Text(name.partition("/")[2]), justify="right")
    for condition in dict.fromkeys(cell.condition for cell in ramps.cells):
        values = [_rates(ramps, name, condition) for name in setups]
        table.add_row(Text(route(condition)), *values)
    return table


def _rates(ramps: Ramps, setup: str, condition: Condition) -> str:
    highest = compared_per_s(ramps, ramps.cell(setup, condition))
    known = ramps.in_print(setup, condition)
    ours = numbers.MISSING if highest is None else f"{highest:.1f}"
    return ours if known is None else f"{ours} ({known.highest_per_s:g})"


_SHORT = {
    Measure.CPU: "CPU µs/request",
    Measure.THROUGHPUT: "requests/s",
    Measure.P99: "p99 ms",
    Measure.P50: "median ms",
    Measure.SUSTAINED: "requests/s",
}


def _ranking_table(analysis: Analysis, result: ConditionResult) -> Table:
    """By the condition's first measure, with the second's values beside it."""
    first, *others = (result.comparisons[m] for m in ranked(result.condition))
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("", "variant", _SHORT[first.measure], "ratio"):
        table.add_column(heading)
    for other in others:
        table.add_column(_SHORT[other.measure], justify="right")
    for entry in dict.fromkeys((*first.ranking, *result.planned)):
        beside = [other.estimates.get(entry) for other in others]
        known = first.estimates.get(entry)
        if entry == analysis.duplicate and (known is None or first.ranking):
            continue  # its figures only make the noise floor
        table.add_row(
            letters(first.groups, entry),
            Text(entry),
            missing.NO_FIGURE if known is None else numbers.estimate(known),
            "1"
            if entry == analysis.baseline and known is not None
            else numbers.ratio(first.ratios.get(entry)),
            *(numbers.MISSING if e is None else numbers.number(e.mean) for e in beside),
        )
    return table


def _to_baseline(analysis: Analysis, entry: str, comparison: Comparison) -> str:
    if entry == analysis.baseline and entry in comparison.estimates:
        return "1"
    return numbers.ratio(comparison.ratios.get(entry))


_VERDICT_STYLES = {
    Verdict.FASTER: "green",
    Verdict.SLOWER: "bold red",
    Verdict.TIE: "dim",
    Verdict.NOT_COMPARABLE: "yellow",
}
_OF_MEMORY = {Verdict.FASTER: "smaller", Verdict.SLOWER: "larger"}
_HOW_TO_READ = (
    "Faster or slower means that the difference exceeds that of two identical servers in one run. "
    "It is significant after adjustment for all pairs. A tie does not prove equality. The two runs "
    "were not interleaved, so every ratio includes how the machine changed in between. A study "
    "with both versions as variants is stronger evidence."
)


def comparison_text(
    reasons: Sequence[str], changed: Sequence[Change], comparison: RunComparison
) -> RenderableType:
    """Doubts first, then what changed, the ratios by condition, and what one run has alone."""
    parts: list[RenderableType] = [
        Text.assemble(("not measured alike: ", "bold yellow"), reason) for reason in reasons
    ]
    parts += [Text(f"A: {comparison.run_a}"), Text(f"B: {comparison.run_b}"), *_changed(changed)]
    parts.append(Text(f"B / A by {comparison.measure.heading}, with 95 % intervals over blocks:"))
    for condition in dict.fromkeys(pair.condition for pair in comparison.pairs):
        parts.append(Text(f"\n{conditions.condition_title(condition)}", style="bold"))
        pairs = [pair for pair in comparison.pairs if pair.condition == condition]
        parts += _pairs(pairs, comparison.measure)
    parts.append(Text(f"\n{tally(comparison)}"))
    parts += _alone("A", comparison.only_in_a) + _alone("B", comparison.only_in_b)
    parts.append(Text(_HOW_TO_READ, style="dim"))
    return Group(*parts)


def tally(comparison: RunComparison) -> str:
    """How many pairs there are of each verdict."""
    counts = {
        verdict: sum(pair.verdict is verdict for pair in comparison.pairs) for verdict in Verdict
    }
    found = [
        f"{verdict_word(v, comparison.measure)}: {count}" for v, count in counts.items() if count
    ]
    return ", ".join(found) or "No variant was measured under one condition in both runs."


def verdict_word(verdict: Verdict, measure: Measure) -> str:
    """A verdict as a word; memory is not faster or slower."""
    return str(_OF_MEMORY.get(verdict, verdict) if measure is Measure.MEMORY else verdict)


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


def _pairs(pairs: Sequence[ComparedVariant], measure: Measure) -> list[RenderableType]:
    """A table of what compares, and below it why the rest does not."""
    parts: list[RenderableType] = []
    comparable = [pair for pair in pairs if pair.verdict is not Verdict.NOT_COMPARABLE]
    if comparable:
        parts.append(_pairs_table(comparable, measure))
    for reason in dict.fromkeys(pair.reason for pair in pairs if pair.reason is not None):
        names = ", ".join(pair.variant for pair in pairs if pair.reason == reason)
        verdict = Verdict.NOT_COMPARABLE
        parts.append(
            Text.assemble((f"{verdict}: ", _VERDICT_STYLES[verdict]), f"{names}: {reason}")
        )
    return parts


def _pairs_table(pairs: Sequence[ComparedVariant], measure: Measure) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("variant", overflow="fold")
    table.add_column("A", justify="right", no_wrap=True)
    table.add_column("B", justify="right", no_wrap=True)
    table.add_column("B / A", no_wrap=True)
    table.add_column("", no_wrap=True)
    for pair in pairs:
        table.add_row(
            Text(pair.variant),
            *(numbers.number(value.mean) for side in (pair.a, pair.b) for value in side.values()),
            numbers.ratio(pair.ratio_b_to_a),
            Text(verdict_word(pair.verdict, measure), style=_VERDICT_STYLES[pair.verdict]),
        )
    return table


def _alone(run: str, places: Sequence[VariantCondition]) -> list[RenderableType]:
    """By condition, the variants that were measured in one run alone."""
    parts: list[RenderableType] = []
    for condition in dict.fromkeys(place.condition for place in places):
        names = ", ".join(place.variant for place in places if place.condition == condition)
        parts.append(Text(f"only in {run}: {conditions.condition_title(condition)}: {names}"))
    return parts


def claims_text(
    judgements: Sequence[Judgement], titles: Mapping[str, str], *, evidence: bool = False
) -> RenderableType:
    """A paragraph for each claim: what was said, by whom, and what the runs say.

    Args:
        judgements: of the claims.
        titles: of conditions, by name.
        evidence: whether each value is shown.
    """
    parts = [part for judgement in judgements for part in _claim(judgement, titles, evidence)]
    if not evidence:
        parts.append(Text("--evidence shows the values.", style="dim"))
    return Group(*parts)


def _claim(judgement: Judgement, titles: Mapping[str, str], evidence: bool) -> list[RenderableType]:
    claim = judgement.claim
    parts: list[RenderableType] = [
        Text.assemble(
            (f"{claim.name}  ", "bold"),
            (judgement.verdict.value, _claim_style(judgement.verdict)),
        ),
        Padding(Text.assemble(claim.says, (f" ({claim.source})", "dim")), (0, 0, 0, 4)),
    ]
    if judgement.verdict is not ClaimVerdict.NOT_TESTED:
        reason = (
            claim_words.summary(judgement, titles) if evidence else claim_words.tally(judgement)
        )
        parts.append(Padding(Text(reason), (0, 0, 0, 4)))
    if claim.note and evidence:
        parts.append(Padding(Text(claim.note, style="dim"), (0, 0, 0, 4)))
    for item in judgement.evidence if evidence else ():
        row = claim_words.evidence_row(item)
        text = (
            f"{row['holds']}: {row['what']} {row['value']}, wanted {row['wanted']} "
            f"({row['where']}, {row['run']})"
        )
        parts.append(Padding(Text(text), (0, 0, 0, 6)))
    return parts


def _claim_style(verdict: ClaimVerdict) -> str:
    match verdict:
        case ClaimVerdict.SUPPORTED | ClaimVerdict.SUPPORTED_IN_PART:
            return "green"
        case ClaimVerdict.REFUTED | ClaimVerdict.REFUTED_IN_PART:
            return "bold red"
        case ClaimVerdict.DEPENDS:
            return "bold yellow"
        case ClaimVerdict.UNDECIDED | ClaimVerdict.NOT_TESTED:
            return "dim"
        case _:
            assert_never(verdict)

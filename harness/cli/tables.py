"""What the terminal shows of an analysis, for 80 columns: a run's summary, claims, twins.

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
from harness.analysis.stats.ties import letters
from harness.analysis.twins import TwinTally
from harness.analysis.variants import Comparison
from harness.inputs.study import Condition
from harness.report.words import causes as cause_words
from harness.report.words import claims as claim_words
from harness.report.words import missing, numbers, twin_tally, verdicts
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


def twins_text(tally: TwinTally) -> RenderableType:
    """By run and condition, the ratio of the two identical servers; at the end how many hold 1."""
    parts: list[RenderableType] = []
    for run in tally.runs:
        if not run.checks:
            continue
        parts.append(Text(run.run, style="bold"))
        table = Table(box=None, padding=(0, 2, 0, 0))
        table.add_column("condition")
        table.add_column("ratio", no_wrap=True)
        table.add_column("holds 1", no_wrap=True)
        for check in run.checks:
            row = twin_tally.row(check)
            style = "" if check.holds_one else "yellow" if check.agree else "bold red"
            table.add_row(Text(row["condition"]), row["ratio"], Text(row["holds"], style=style))
        parts += [table, Text()]
    parts.append(Text(twin_tally.HOW, style="dim"))
    parts.append(Text(twin_tally.result(tally), style="bold"))
    parts += [Text(line) for line in twin_tally.failures(tally)]
    parts.append(Text(twin_tally.INDEPENDENT, style="dim"))
    parts += [Text(line, style="yellow") for line in twin_tally.left_out(tally)]
    return Group(*parts)

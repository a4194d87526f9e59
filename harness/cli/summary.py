"""What the terminal shows of one run, for 80 columns.

This module imports the analysis, so commands import it when they print.
"""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.analysis.analyse import Analysis, ConditionResult
from harness.analysis.locust import Ramps
from harness.analysis.measures import Measure, ranked
from harness.analysis.stats.ties import letters
from harness.analysis.variants import Comparison
from harness.inputs.study import Condition
from harness.report.words import causes as cause_words
from harness.report.words import decisions, missing, numbers, power, twins, verdicts
from harness.report.words.ramps import compared_per_s, gain_sentence, route


def summary(analysis: Analysis) -> RenderableType:
    """Verdict and ranking with ties per condition, what a run tells apart, and its doubts."""
    parts: list[RenderableType] = []
    if analysis.ramps is not None:
        parts.append(_ramp_table(analysis.ramps))
        parts += [Text(gain_sentence(gain)) for gain in analysis.ramps.gains]
    for result in analysis.conditions:
        parts += [
            Text(verdicts.verdict(result, analysis)),
            _ranking_table(analysis, result),
        ]
    parts += _how_to_read(analysis)
    parts += [Text(line, style="yellow") for line in twins.cautions(analysis)]
    parts += [Text(line, style="yellow") for line in missing.missing_lines(analysis)]
    parts += [Text(line, style="yellow") for line in verdicts.disturbances(analysis)]
    parts += [Text(line) for line in cause_words.verdicts(analysis.causes)]
    parts += [Text(line) for line in cause_words.predictions(analysis.causes)]
    return Group(*parts)


def _how_to_read(analysis: Analysis) -> list[Text]:
    """What letters and marks mean, the check with identical servers, and the power of the run."""
    first = [result.comparisons[ranked(result.condition)[0]] for result in analysis.conditions]
    if not any(comparison.groups for comparison in first):
        return []
    shown = (decision for comparison in first for decision in comparison.decisions.values())
    lines = ["Two variants that share no letter differ."]
    lines += [*decisions.legend(shown, analysis.margin), twins.agreement(analysis)]
    if told := power.tells_apart(analysis):
        lines.append(f"The run {told}: four of five such runs would call such a difference.")
    return [Text(line, style="dim") for line in lines if line]


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
    Measure.CPU: "CPU µs",
    Measure.THROUGHPUT: "requests/s",
    Measure.P99: "p99 ms",
    Measure.P50: "median ms",
    Measure.SUSTAINED: "requests/s",
}


_LONG_NAME = 25
"""With longer ones, columns stand closer, so that a row is one line of 80 columns."""


def _ranking_table(analysis: Analysis, result: ConditionResult) -> Table:
    """By the condition's first measure, with the second's values beside it."""
    first, *others = (result.comparisons[m] for m in ranked(result.condition))
    entries = _entries(result, first, analysis.duplicate)
    gap = 1 if max(map(len, entries), default=0) > _LONG_NAME else 2
    table = Table(box=None, padding=(0, gap, 0, 0))
    table.add_column("", no_wrap=True)
    table.add_column("variant", overflow="fold")
    table.add_column(_SHORT[first.measure], justify="right", no_wrap=True)
    for heading in ("ratio", ""):
        table.add_column(heading, no_wrap=True)
    for other in others:
        table.add_column(_SHORT[other.measure], justify="right", no_wrap=True)
    for entry in entries:
        beside = [other.estimates.get(entry) for other in others]
        known = first.estimates.get(entry)
        table.add_row(
            letters(first.groups, entry),
            Text(entry),
            missing.NO_FIGURE if known is None else numbers.number(known.mean),
            "1"
            if entry == analysis.baseline and known is not None
            else numbers.ratio(first.ratios.get(entry)),
            decisions.mark(first.decisions.get(entry)),
            *(numbers.MISSING if e is None else numbers.number(e.mean) for e in beside),
        )
    return table


def _entries(result: ConditionResult, first: Comparison, duplicate: str) -> list[str]:
    """From best to worst, then what is not ranked.

    The duplicate's figures are a check, told in a line of their own. It has a row only where
    nothing is ranked.
    """
    every = dict.fromkeys((*first.ranking, *result.planned))
    if first.ranking or duplicate not in first.estimates:
        every.pop(duplicate, None)
    return list(every)

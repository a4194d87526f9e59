"""What the terminal shows of one run, for 80 columns.

This module imports the analysis, so commands import it when they print.
"""

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.analysis.analyse import Analysis, ConditionResult
from harness.analysis.locust import Ramps
from harness.analysis.measures import Measure, ranked
from harness.analysis.missing import Absence, MissingFigures
from harness.analysis.so_far import interim_of
from harness.analysis.stats.ties import letters
from harness.analysis.stats.verdicts import Verdict
from harness.analysis.variants import Comparison
from harness.cli.grids import SHORT, grid
from harness.cli.rows import (
    MOST_ROWS,
    chosen,
    column_titles,
    cut,
    left_out,
    load_of,
    shortened,
    spread,
    tie_letters,
)
from harness.inputs.conditions import brief, condition_title
from harness.inputs.kinds import sweeps_of
from harness.inputs.study import Condition
from harness.records.plan import DUPLICATE
from harness.records.run import Run
from harness.report.answer.caution import caution
from harness.report.answer.headline import headline
from harness.report.answer.levels import deciding
from harness.report.words import decisions, numbers
from harness.report.words.ab import change_of
from harness.report.words.bills import bill_sentences, short_source
from harness.report.words.missing import NO_FIGURE
from harness.report.words.ramps import compared_per_s, route
from harness.report.words.sentences import capital

WIDTH = 80
"""Columns of a terminal for which all of this is made."""
_MOST_BILLS = 4
"""Differences whose costs are explained; the report explains all."""
_MOST_MISSING = 4
"""Rows without figures that a table names; the report names all."""


def summary(run: Run, analysis: Analysis) -> RenderableType:
    """The answer, a table for each endpoint, what its marks mean, and one line of caution."""
    parts: list[RenderableType] = [Text(line, style="bold") for line in headline(run, analysis)]
    if analysis.ramps is not None:
        parts += [Text(), ramp_table(analysis.ramps, analysis.missing)]
    for results in _by_endpoint(analysis.conditions):
        parts += [Text(), *_tables(run, results, analysis)]
    if analysis.bills:
        parts += [Text(), *_bills(run, analysis)]
    unmeasured = _unmeasured(run, analysis)
    if unmeasured:
        parts += [Text(), Text(unmeasured, style="yellow")]
    if legend := _legend(run, analysis):
        parts.append(Text(legend, style="dim"))
    if (told := caution(run, analysis)) is not None:
        parts.append(Text(f"! {told.text}", style="yellow" if told.alarm else "dim"))
    return Group(*parts)


def _bills(run: Run, analysis: Analysis) -> list[Text]:
    """What the price list explains of each difference, and once where it comes from."""
    among = [result.condition for result in analysis.conditions]
    several = len({bill.variant for bill in analysis.bills}) > 1
    lines: list[Text] = []
    for bill in analysis.bills[:_MOST_BILLS]:
        where = brief(bill.condition, among)
        which = f"{change_of(run, bill.variant)}, {where}" if several else where
        lines.append(Text(f"{capital(which)}: {' '.join(bill_sentences(bill))}"))
    sources = dict.fromkeys(filter(None, map(short_source, analysis.bills[:_MOST_BILLS])))
    lines += [Text(source, style="dim") for source in sources]
    if (more := len(analysis.bills) - _MOST_BILLS) > 0:
        lines.append(Text(f"{more} more in the report.", style="dim"))
    return lines


def _by_endpoint(results: Sequence[ConditionResult]) -> list[list[ConditionResult]]:
    """Conditions of one endpoint and one first measure stand in one table."""
    found: dict[tuple[str, Measure], list[ConditionResult]] = {}
    for result in results:
        key = (result.condition.endpoint, ranked(result.condition)[0])
        found.setdefault(key, []).append(result)
    return list(found.values())


def _tables(
    run: Run, results: Sequence[ConditionResult], analysis: Analysis
) -> list[RenderableType]:
    """One condition with all its columns, or several side by side."""
    if len(results) == 1:
        return _one(results[0], analysis)
    results = sorted(results, key=lambda result: load_of(result.condition))
    measure = _measure(run, results, analysis)
    standings = [interim_of(result, analysis.duplicate, measure) for result in results]
    title = f"{results[0].condition.endpoint}: {SHORT[measure]}, ratio to {analysis.baseline}"
    titles = column_titles([result.condition for result in results])
    table = grid(standings, titles, analysis.baseline, width=WIDTH, rows=MOST_ROWS)
    return [Text(title, style="bold"), table, *_unranked(results, measure)]


def _measure(run: Run, results: Sequence[ConditionResult], analysis: Analysis) -> Measure:
    """The one by which the headline tells a sweep; otherwise the conditions' first."""
    own = {result.condition for result in results}
    for sweep in sweeps_of(run.study):
        if own == set(sweep.conditions):
            return deciding(analysis, sweep)
    return ranked(results[0].condition)[0]


def _unranked(results: Sequence[ConditionResult], measure: Measure) -> list[Text]:
    """Why there are no verdicts, in a line; none where there are."""
    unsaid = [
        comparison.unsaid
        for result in results
        if (comparison := result.comparisons[measure]).unsaid is not None and comparison.estimates
    ]
    if not unsaid:
        return []
    some = f" under {len(unsaid)} of {len(results)} conditions" if len(results) > 1 else ""
    return [Text(cut(f"Not ranked{some}: {unsaid[0]}.", WIDTH), style="dim")]


def _one(result: ConditionResult, analysis: Analysis) -> list[RenderableType]:
    """By the condition's first measure, with the second's values beside it."""
    order = _order(result, analysis)
    shown = chosen(order, spread(order, analysis.baseline)) if order else []
    rest = left_out(len(order) - len(shown))
    ranking = _Ranking(result, analysis.baseline, shown)
    parts: list[RenderableType] = [Text(condition_title(result.condition), style="bold")]
    if shown:
        parts.append(ranking.table())
    parts += [Text(rest, style="dim")] if rest else []
    parts += [ranking.without_figures(item) for item in _lacking(result)[:_MOST_MISSING]]
    if more := _lacking(result)[_MOST_MISSING:]:
        parts.append(Text(f"{len(more)} more without figures: see the report.", style="dim"))
    return [*parts, *_unranked([result], ranked(result.condition)[0])]


def _order(result: ConditionResult, analysis: Analysis) -> list[str]:
    """Variants with figures from best to worst; by their values where nothing is ranked."""
    return [name for name in result.first.ordered if name != analysis.duplicate]


def _lacking(result: ConditionResult) -> list[MissingFigures]:
    return [item for item in result.missing if not item.entry.endswith(DUPLICATE)]


class _Ranking:
    """The rows of one condition, in columns that fit together.

    Args:
        result: of the condition.
        baseline: to which ratios are taken.
        shown: the variants with figures, from best to worst.
    """

    def __init__(self, result: ConditionResult, baseline: str, shown: Sequence[str]) -> None:
        self._first, *others = (result.comparisons[m] for m in ranked(result.condition))
        self._baseline = baseline
        self._shown = shown
        names = [*shown, *(item.entry for item in _lacking(result)[:_MOST_MISSING])]
        self._gap = 1 if max(map(len, names), default=0) > _LONG_NAME else 2
        columns = [self._letters(), self._values(self._first), self._ratios(), self._marks()]
        columns += [self._values(other) for other in others]
        wanted = max(map(len, names), default=0)
        while len(columns) > 4 and self._room(columns) < wanted:
            columns.pop()
        self._columns = columns
        self._name = min(wanted, self._room(columns))

    def table(self) -> Table:
        """All rows with figures."""
        table = Table(box=None, padding=(0, self._gap, 0, 0), pad_edge=False)
        head, *others = self._columns
        table.add_column(head[0], no_wrap=True)
        table.add_column("variant", width=self._name, no_wrap=True)
        for at, column in enumerate(others):
            left = at in (1, 2)
            table.add_column(column[0], justify="left" if left else "right", no_wrap=True)
        for at, name in enumerate(self._shown, 1):
            letter, *cells = (Text(column[at]) for column in self._columns)
            table.add_row(letter, Text(shortened(name, self._name)), *cells)
        return table

    def without_figures(self, item: MissingFigures) -> Text:
        """The row of a variant without figures, with its reason."""
        name = shortened(item.entry, self._name)
        before = f"{'':{_width(self._columns[0]) + self._gap}}{name:{self._name + self._gap}}"
        excluded = "excluded, " if item.absence is Absence.EXCLUDED else ""
        why = cut(f"{NO_FIGURE}: {excluded}{item.reason}", WIDTH - len(before))
        return Text.assemble(before, (why, "yellow"))

    def _room(self, columns: Sequence[Sequence[str]]) -> int:
        """Characters that are left for names."""
        return WIDTH - sum(_width(column) + self._gap for column in columns)

    def _letters(self) -> list[str]:
        groups = self._first.groups
        return ["", *(tie_letters(letters(groups, name)) for name in self._shown)]

    def _values(self, comparison: Comparison) -> list[str]:
        known = (comparison.estimates.get(name) for name in self._shown)
        values = [numbers.MISSING if e is None else numbers.number(e.mean) for e in known]
        return [SHORT[comparison.measure], *values]

    def _ratios(self) -> list[str]:
        return ["ratio", *map(self._ratio, self._shown)]

    def _ratio(self, name: str) -> str:
        known = self._first.ratios.get(name)
        if name == self._baseline:
            return "1"
        if known is not None and known.low is None:
            return numbers.times(known.mean)
        return numbers.ratio(known)

    def _marks(self) -> list[str]:
        return ["", *(decisions.mark(self._first.decisions.get(name)) for name in self._shown)]


_LONG_NAME = 25
"""With longer ones, columns stand closer, so that a row is one line of 80 columns."""


def _width(column: Iterable[str]) -> int:
    return max(map(len, column), default=0)


def _unmeasured(run: Run, analysis: Analysis) -> str:
    """Planned conditions without a trial, in a line."""
    if run.study.ramped:
        return ""
    known = {result.condition for result in analysis.conditions}
    lacking = [c for c in run.study.conditions if c not in known]
    if not lacking:
        return ""
    if len(lacking) == 1:
        return cut(f"Not measured: {condition_title(lacking[0])}.", WIDTH)
    return f"Not measured: {len(lacking)} of {len(run.study.conditions)} conditions."


def _legend(run: Run, analysis: Analysis) -> str:
    """What letters and marks mean, in a line; empty without any."""
    groups = _by_endpoint(analysis.conditions)
    alone = [results[0].first for results in groups if len(results) == 1]
    beside = [
        result.comparisons[_measure(run, results, analysis)]
        for results in groups
        if len(results) > 1
        for result in results
    ]
    undecided = _marks_of(Verdict.UNDECIDED, alone, "≤ 7 %") + _marks_of(
        Verdict.UNDECIDED, beside, "?"
    )
    same = _marks_of(Verdict.SAME, alone, "same") + _marks_of(Verdict.SAME, beside, "=")
    parts = [
        "Shared letter: no difference shown." if any(c.groups for c in alone) else "",
        f"{', '.join(undecided)}: undecided." if undecided else "",
        f"{', '.join(same)}: within {numbers.percent(analysis.margin)}." if same else "",
    ]
    return " ".join(filter(None, parts))


def _marks_of(verdict: Verdict, comparisons: Sequence[Comparison], mark: str) -> list[str]:
    """The mark in a list, if some row bears it."""
    found = (d for c in comparisons for d in c.decisions.values() if d.verdict is verdict)
    return [mark] if any(found) else []


def ramp_table(ramps: Ramps, missing: Sequence[MissingFigures], rows: int | None = None) -> Table:
    """The highest rate per cell, and in brackets the published one.

    Args:
        ramps: the cells. missing: those without figures.
        rows: conditions at most, the last ones; all if None.
    """
    setups = list(dict.fromkeys(cell.setup for cell in ramps.cells))
    why = {(item.entry, item.condition): item.word for item in missing}
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("requests/s at most")
    for name in setups:
        table.add_column(Text(name.partition("/")[2]), justify="right")
    conditions = list(dict.fromkeys(cell.condition for cell in ramps.cells))
    for condition in conditions if rows is None else conditions[-rows:]:
        values = [why.get((n, condition)) or _rates(ramps, n, condition) for n in setups]
        table.add_row(Text(route(condition)), *values)
    return table


def _rates(ramps: Ramps, setup: str, condition: Condition) -> str:
    highest = compared_per_s(ramps, ramps.cell(setup, condition))
    known = ramps.in_print(setup, condition)
    ours = numbers.MISSING if highest is None else f"{highest:.1f}"
    return ours if known is None else f"{ours} ({known.highest_per_s:g})"

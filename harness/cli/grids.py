"""Several conditions side by side: a row for each variant, a column for each condition.

This module imports the analysis, so commands import it when they print.
"""

import math
import statistics
from collections.abc import Sequence

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.analysis.measures import Measure
from harness.analysis.so_far import Interim
from harness.analysis.stats.verdicts import Verdict
from harness.cli.rows import chosen, left_out, shortened, spread
from harness.report.words import numbers

SHORT = {
    Measure.CPU: "CPU µs",
    Measure.THROUGHPUT: "requests/s",
    Measure.P99: "p99 ms",
    Measure.P50: "median ms",
    Measure.SUSTAINED: "requests/s",
}
"""Measures by which variants are ranked, as heads of narrow columns."""
_GAP = 2
_MARKS = {Verdict.SAME: " =", Verdict.UNDECIDED: " ?"}
_MOST_LACKING = 4
"""Variants without figures that have a row before others, where not all fit."""
_NAME = 24
"""Columns of a terminal that names have at least, if there are longer ones."""


class _Column(msgspec.Struct, frozen=True):
    """A condition's cells: by variant the value and the ratio."""

    title: str
    cells: dict[str, tuple[str, str]]

    def width(self, *, values: bool) -> int:
        """Characters of its widest line."""
        texts = (self.text(name, values=values) for name in self.cells)
        return max((*map(len, self.title.split("\n")), *map(len, texts)))

    def text(self, name: str, *, values: bool) -> str:
        """A cell. Without values, only that of the baseline is told, in place of its ratio."""
        value, ratio = self.cells[name]
        if not values:
            return ratio or value
        most = max((len(v) for v, r in self.cells.values() if r), default=0)
        return f"{value:>{most}} {ratio}".rstrip()


def grid(
    standings: Sequence[Interim],
    titles: Sequence[str],
    baseline: str,
    *,
    width: int,
    rows: int,
) -> RenderableType:
    """The values of all conditions and their ratios to the baseline, as far as they fit.

    Args:
        standings: the columns. titles: the head of each, of a line or more.
        baseline: to which ratios are taken.
        width: columns of the terminal.
        rows: variants at most.
    """
    order = _order(standings)
    shown = chosen(order, _wanted(order, standings, baseline), rows)
    columns = [
        _Column(title, {name: _cell(standing, name, baseline) for name in shown})
        for standing, title in zip(standings, titles, strict=True)
    ]
    longest = max(map(len, shown), default=0)
    values = _width(columns, min(longest, _NAME), values=True) <= width
    kept = list(columns)
    while len(kept) > 1 and _width(kept, min(longest, _NAME), values=values) > width:
        kept.pop(-2)  # the first and the last tell most
    names = width - _width(kept, 0, values=values)
    table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False)
    table.add_column("", no_wrap=True)
    for column in kept:
        table.add_column(Text(column.title), no_wrap=True)
    for name in shown:
        cells = (Text(column.text(name, values=values)) for column in kept)
        table.add_row(Text(shortened(name, names)), *cells)
    rest = [left_out(len(order) - len(shown)), _conditions(len(columns) - len(kept))]
    return Group(table, *(Text(line, style="dim") for line in rest if line))


def _wanted(order: Sequence[str], standings: Sequence[Interim], baseline: str) -> list[str]:
    """Variants that have most of the columns come first, and some that lack figures."""

    def unplanned(name: str) -> int:
        return sum(name not in standing.entries for standing in standings)

    names = sorted(spread(order, baseline), key=unplanned) if order else []
    lacking = [name for name in names if any(name in each.missing for each in standings)]
    return list(dict.fromkeys((baseline, *lacking[:_MOST_LACKING], *names)))


def _width(columns: Sequence[_Column], names: int, *, values: bool) -> int:
    return names + sum(_GAP + column.width(values=values) for column in columns)


def _conditions(count: int) -> str:
    if not count:
        return ""
    return f"{count} more condition{'s' if count > 1 else ''}: see the report."


def _cell(standing: Interim, name: str, baseline: str) -> tuple[str, str]:
    known, ratio = standing.estimates.get(name), standing.ratios.get(name)
    if known is None:
        return standing.missing.get(name, ""), ""
    value = numbers.number(known.mean)
    if name == baseline or ratio is None:
        return value, ""
    decision = standing.decisions.get(name)
    return value, numbers.around(ratio) + (
        "" if decision is None else _MARKS.get(decision.verdict, "")
    )


def _order(standings: Sequence[Interim]) -> list[str]:
    """Variants from best to worst: by their mean ratio where all have one, the others last."""
    names = dict.fromkeys(name for standing in standings for name in standing.entries)
    return sorted(names, key=lambda name: _place(standings, name))


def _place(standings: Sequence[Interim], name: str) -> tuple[bool, float]:
    logs = [
        math.log(ratio.mean) * (1 if standing.measure.lower_is_better else -1)
        for standing in standings
        if (ratio := standing.ratios.get(name)) is not None and ratio.mean > 0
    ]
    if logs:
        return False, statistics.mean(logs)
    return not any(name in standing.estimates for standing in standings), 0.0

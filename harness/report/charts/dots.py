"""Dot plots: a row per variant, its name above or beside its estimate; brackets join tied rows."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.analysis.analyse import ConditionResult
from harness.analysis.stats.intervals import Interval
from harness.analysis.variants import Comparison
from harness.report.charts.specification import (
    DIAMOND,
    LARGE_AXIS,
    Spec,
    as_file,
    colour_of,
    layer,
    nominal,
    quantitative,
)
from harness.report.words import decisions, missing, numbers

ROOMY = 12
"""Rows that have a line for the name and one for the dot; of more, each has one line for both."""
ROW_HEIGHT, _DENSE_ROW = 36, 22
"""Pixels of a roomy row, and of another."""
_WIDTH = 366
"""Of a file: three fit side by side on a page, and one on a phone."""
_DOT_LINE = 8
"""Pixels below the middle of the row."""
_FOR_VALUES = 46
"""Pixels at the right that values may need beyond the last dot."""
_FOR_BRACKETS = 22
_BRACKET = 7
"""Pixels from one bracket to the next."""
_LETTER = 6.4
"""Pixels of a name's letter, on average, where names are a column."""
_MOST_FOR_NAMES = 190
"""Pixels of that column; the end of a longer name is left out."""
_TOOLTIP: list[Spec] = [
    nominal("variant"),
    *(quantitative(name) for name in ("value", "low", "high")),
    nominal("verdict"),
]


def name_column(names: Iterable[str]) -> int:
    """Pixels of the column that holds such names."""
    longest = max(map(len, names), default=0)
    return min(round(_LETTER * longest) + 10, _MOST_FOR_NAMES)


def dot_chart(
    palette: Mapping[str, str],
    heading: str = "",
    *,
    ratio: bool = True,
    column: int | None = None,
) -> Spec:
    """Estimates with intervals; ratios on a logarithmic axis, absolute values on one from zero.

    On a logarithmic axis half and double are equally far from one.

    Datasets: `rows` (variant, group, value, low, high, verdict, text: beside the dot); `spans`,
    those of them with an interval; `absent` (variant, text) without a value; `ties` (first, last,
    column), a bracket each; `margin` (low, high), the band of ratios that are the same for
    practice, and `one` (value), which are empty for absolute values.

    Args:
        palette: a colour for each group.
        heading: the title of the axis.
        ratio: to a baseline, rather than absolute values.
        column: pixels at the left for the names; if None, they stand above the dots.
    """
    dense = column is not None
    colour, row = colour_of("group", palette), nominal("variant", sort=None, title=None, axis=None)
    room = [column or 0, {"expr": f"width - {_FOR_VALUES + _FOR_BRACKETS}"}]
    kind = {"type": "log", "nice": False, "padding": 10} if ratio else {"zero": True, "nice": False}
    axis = {"tickCount": 5, "labelOverlap": "greedy", "gridColor": "#e3e6e9", **LARGE_AXIS}
    if dense:  # the axis is shorter than its title, which would make the chart wider
        axis |= {"labelSeparation": 8, "titleAnchor": "end", "titleFontWeight": "normal"}
    value = quantitative("value", title=heading, scale={**kind, "range": room}, axis=axis)
    low, high = quantitative("low"), {"field": "high"}
    down = 0 if dense else _DOT_LINE
    shift = {"yOffset": down}
    bar = {"type": "rule", "strokeWidth": 3, **shift}
    diamond = {**DIAMOND, "size": 70 if dense else 90, "opacity": 1, **shift}
    name = {"type": "text", "align": "left", "x": 0, "dy": 0 if dense else -7, "fontSize": 12}
    name |= {"limit": column} if dense else {"fontWeight": 600}
    beside = {"type": "text", "align": "left", "dx": 8, "dy": down, "fontSize": 12}
    side = {"expr": f"width - {_FOR_BRACKETS - 6} + {_BRACKET} * datum.column"}
    bracket = {
        "type": "rule",
        "x": side,
        "strokeWidth": 2,
        "strokeCap": "round",
        "color": "#5b6167",
    }
    lead = {"type": "rule", "color": "#d3d8dc", "strokeDash": [1, 3]}
    leads = [layer("rows", lead, x=value, x2={"value": column}, y=row)]
    return {
        "layer": [
            layer("margin", {"type": "rect", "color": "#8a94a0", "opacity": 0.22}, x=low, x2=high),
            layer("one", {"type": "rule", "color": "#8a94a0", "strokeDash": [3, 3]}, x=value),
            *(leads if dense else []),
            layer("rows", diamond, x=value, y=row, color=colour, tooltip=_TOOLTIP),
            layer("spans", bar, x=low, x2=high, y=row, color=colour, tooltip=_TOOLTIP),
            layer("rows", name, y=row, text=nominal("variant")),
            layer("rows", beside, x=quantitative("reach"), y=row, text=nominal("text")),
            layer("absent", name, y=row, text=nominal("variant")),
            layer("absent", {**beside, "x": column or 0, "dx": 0, "color": "#8a4b00"}, y=row,
                  text=nominal("text")),
            layer("ties", bracket, y=nominal("first", sort=None), y2={"field": "last"}),
        ],
        "height": {"step": _DENSE_ROW if dense else ROW_HEIGHT},
    }  # fmt: skip


def dot_file(
    result: ConditionResult,
    comparison: Comparison,
    baseline: str,
    groups: Mapping[str, str],
    palette: Mapping[str, str],
    margin: float,
) -> Spec:
    """The ratios to the baseline under one condition, or absolute values without them.

    Args:
        result, comparison: by the measure that is shown.
        baseline: of the run.
        groups: of the variants that are shown.
        palette: a colour for each group.
        margin: ratios so far from 1 are the same for practice.
    """
    ratio = bool(comparison.ratios) and baseline in comparison.estimates
    shown = [name for name in comparison.ordered if name in groups]
    rows = [_row(comparison, name, baseline, groups[name], margin, ratio=ratio) for name in shown]
    heading = comparison.measure.heading
    datasets: dict[str, Sequence[Mapping[str, Any]]] = {
        "rows": rows,
        "spans": [row for row in rows if row["low"] is not None],
        "absent": [
            {"variant": name, "text": missing.short(why)}
            for name in groups
            if name not in shown and (why := result.why_missing(name)) is not None
        ],
        "ties": brackets(comparison.groups, shown),
        "margin": [{"low": 1 / (1 + margin), "high": 1 + margin}]
        if ratio and comparison.decisions
        else [],
        "one": [{"value": 1}] if ratio else [],
    }
    title = f"{heading}, ratio to {baseline}" if ratio else heading
    column = name_column(groups) if len(groups) > ROOMY else None
    return as_file(dot_chart(palette, title, ratio=ratio, column=column), datasets, width=_WIDTH)


def brackets(groups: Sequence[Sequence[str]], shown: Sequence[str]) -> list[dict[str, Any]]:
    """A bracket for each group of tied variants, in as few columns as keep them apart.

    Args:
        groups: of variants that are not told apart; they may overlap.
        shown: rows of the chart, from the top.
    """
    spans = []
    for group in groups:
        rows = [at for at, name in enumerate(shown) if name in group]
        if len(rows) > 1:
            spans.append((rows[0], rows[-1]))
    ends: list[int] = []
    found = []
    for first, last in sorted(spans):
        column = next((at for at, end in enumerate(ends) if end < first), len(ends))
        ends[column : column + 1] = [last]
        found.append({"first": shown[first], "last": shown[last], "column": column})
    return found


def _row(
    comparison: Comparison, name: str, baseline: str, group: str, margin: float, *, ratio: bool
) -> dict[str, Any]:
    shown = _shown(comparison, name, baseline) if ratio else comparison.estimates[name]
    value = f"{numbers.times(shown.mean)}×" if ratio else numbers.number(shown.mean)
    return {
        "variant": name,
        "group": group,
        "value": shown.mean,
        "low": shown.low,
        "high": shown.high,
        "reach": shown.mean if shown.high is None else shown.high,
        "text": "1" if ratio and name == baseline else value,
        "verdict": decisions.in_full(comparison.decisions.get(name), margin) if ratio else "",
    }


def _shown(comparison: Comparison, name: str, baseline: str) -> Interval:
    if name == baseline or name not in comparison.ratios:
        return Interval(mean=1.0, low=None, high=None, se=None, blocks=0)
    return comparison.ratios[name]


def alternative(comparison: Comparison, baseline: str, shown: Mapping[str, str]) -> str:
    """The chart's content as text, with the variants that it cannot show."""
    names = [name for name in comparison.ordered if name in shown]
    ratio = bool(comparison.ratios) and baseline in comparison.estimates
    values = [
        f"{name} {numbers.times(_shown(comparison, name, baseline).mean)}"
        if ratio
        else f"{name} {numbers.number(comparison.estimates[name].mean)}"
        for name in names
    ]
    absent = [name for name in shown if name not in comparison.estimates]
    without = f" No figure: {', '.join(absent)}." if absent else ""
    what = f"{comparison.measure.heading}{f', ratio to {baseline}' if ratio else ''}"
    return f"{what}: {', '.join(values) or 'no figure'}.{without}"

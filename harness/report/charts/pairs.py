"""Every pair of variants under one condition: a triangle of ratios, as a file for articles."""

from collections.abc import Mapping, Sequence
from typing import Any

from harness.analysis.stats.verdicts import Verdict
from harness.report.charts.specification import Spec, as_file, layer, nominal, quantitative
from harness.report.drawing.figures import Figures
from harness.report.words import decisions, numbers

_CELL, _LINE = 34, 24
"""Pixels, enough for a ratio with two decimals."""
_WIDE_CELL, _HIGH_LINE = 64, 34
"""Enough for the ratio and its interval below it."""
_MOST_WITH_INTERVALS = 16
"""With more variants the chart would not fit on a page; the page's table has the intervals."""
_TINTS = ("#b5d7f0", "#ffffff", "#f7d3a8")
"""Blue for less and orange for more: safe for colour-blind readers, and light enough for grey
figures (contrast 4.5 and more)."""
_FULL = 2.0
"""The colour is full from this ratio on, and from its inverse on."""


def pair_figures(
    explored: Mapping[str, Any] | None, figures: Figures
) -> dict[str, list[dict[str, Any]]]:
    """A chart of every pair for each condition and each measure of its ranking.

    Args:
        explored: see `data.explorer.explorer_data`; None for a run without estimates.
        figures: collects the charts.

    Returns:
        By name of the condition: what the templates show of each chart.
    """
    if explored is None:
        return {}
    return {
        condition["name"]: _condition_figures(
            condition, explored["measures"], explored["margin"], figures
        )
        for condition in explored["conditions"]
    }


def _condition_figures(
    condition: Mapping[str, Any], measures: Mapping[str, Any], margin: float, figures: Figures
) -> list[dict[str, Any]]:
    return [
        figures.add(
            f"{condition['name']}-pairs-{measure}",
            f"Every pair by {measures[measure]['heading']}",
            pair_chart(comparison, measures[measure]["heading"], margin),
            alternative(comparison, margin),
        )
        for measure in condition["ranked"]
        if (comparison := condition["measures"].get(measure)) is not None
        and len(comparison["entries"]) > 1
    ]


def pair_chart(comparison: Mapping[str, Any], heading: str, margin: float) -> Spec:
    """Ratios of row to column, each pair once; pairs that do not differ are grey, with a mark.

    The mark tells those that are the same from those that are undecided. Intervals stand below the
    ratios, unless there are too many variants. If pairs may not be tested, the title says so and no
    pair is grey.

    Args:
        comparison: of one measure, as the page's explorer has it.
        heading: of the measure.
        margin: ratios so far from 1 are the same for practice.
    """
    names = _ordered(comparison)
    spacious = len(names) <= _MOST_WITH_INTERVALS
    place = {
        "x": nominal(
            "column",
            sort=names[:-1],
            title=None,
            axis={"labelLimit": 260, "labelAngle": -60, "orient": "top"},
        ),
        "y": nominal("row", sort=names[1:], title=None, axis={"labelLimit": 260}),
    }
    scale = {
        "type": "log", "domain": [1 / _FULL, 1, _FULL], "range": list(_TINTS), "clamp": True,
        "interpolate": "rgb",
    }  # fmt: skip
    tint = quantitative("ratio", scale=scale, legend=None)
    ink = {"condition": {"test": "datum.alike", "value": "#555555"}, "value": "#101010"}
    layers = [
        layer("cells", {"type": "rect"}, **place, color=tint),
        layer("cells", _text(10, -6 if spacious else 0), **place, text=nominal("text"), color=ink),
    ]
    if spacious:
        layers.append(
            layer("cells", _text(8, 7), **place, text=nominal("interval"), color=ink),
        )
    cells = _cells(comparison, names)
    tested = bool(comparison["ranking"])
    title = {
        "text": f"{heading}: row / column{'' if tested else ', not tested'}",
        "fontSize": 12,
        "anchor": "start",
    }
    if tested:
        title["subtitle"] = f"= {decisions.same(margin)}; ? undecided"
    return as_file(
        {
            "layer": layers,
            "resolve": {"scale": {"color": "independent"}},
            "title": title,
        },
        {"cells": cells},
        width=(_WIDE_CELL if spacious else _CELL) * (len(names) - 1),
        height=(_HIGH_LINE if spacious else _LINE) * (len(names) - 1),
    )


def _text(size: int, shift: int) -> Spec:
    return {"type": "text", "fontSize": size, "dy": shift}


def alternative(comparison: Mapping[str, Any], margin: float) -> str:
    """The chart's content as text; the chart's title names the measure."""
    if not comparison["ranking"]:
        why = comparison["unsaid"] or "there was nothing to test"
        return f"not tested, because {why}."
    found = [cell["verdict"] for cell in _cells(comparison, _ordered(comparison))]
    differing, same = found.count(Verdict.DIFFERS), found.count(Verdict.SAME)
    return (
        f"{differing} of {len(found)} pairs differ; {decisions.same(margin)}: {same}; "
        f"undecided: {len(found) - differing - same}."
    )


def _ordered(comparison: Mapping[str, Any]) -> list[str]:
    """In the order of the ranking, or of the study if nothing is ranked."""
    return list(comparison["ranking"] or comparison["entries"])


def _cells(comparison: Mapping[str, Any], names: Sequence[str]) -> list[dict[str, Any]]:
    place = {name: at for at, name in enumerate(comparison["entries"])}
    verdicts = comparison["verdict"] if comparison["ranking"] else None
    return [
        {
            "row": row,
            "column": column,
            "ratio": ratio,
            "text": numbers.times(ratio) + _MARKS.get(verdict or "", ""),
            "interval": _interval(comparison, place[row], place[column]),
            "verdict": verdict,
            "alike": verdict in _MARKS,
        }
        for at, row in enumerate(names)
        for column in names[:at]
        if (ratio := comparison["ratio"][place[row]][place[column]]) is not None  # no common block
        for verdict in [None if verdicts is None else verdicts[place[row]][place[column]]]
    ]


_MARKS = {Verdict.SAME.value: " =", Verdict.UNDECIDED.value: " ?"}
"""Of pairs that do not differ."""


def _interval(comparison: Mapping[str, Any], row: int, column: int) -> str:
    low, high = comparison["low"][row][column], comparison["high"][row][column]
    return "" if low is None or high is None else f"[{numbers.times(low)}, {numbers.times(high)}]"

"""Every pair of variants under one condition: a triangle of ratios, as a file for articles."""

from collections.abc import Mapping, Sequence
from typing import Any

from harness.report.drawing.figures import Figures
from harness.report.words import numbers

_CELL, _LINE = 34, 24
"""Pixels, enough for a ratio with two decimals."""
_WIDE, _HIGH = 64, 34
"""Enough for its interval below it, too."""
_MOST_WITH_INTERVALS = 16
"""Variants; with more the chart would not fit on a page, and intervals stand in the page's table
alone."""
_TINTS = ("#b5d7f0", "#ffffff", "#f7d3a8")
"""Blue for less and orange for more, told apart by colour-blind readers; both light enough for
grey figures (contrast 4.5 and more)."""
_FULL = 2.0
"""The ratio, and its inverse, from which on the colour is full."""


def pair_chart(found: Mapping[str, Any], heading: str) -> dict[str, Any]:
    """Ratios of row to column, each pair once; grey are pairs that were not told apart.

    Where pairs may not be tested, its title says so, and none is grey.

    With intervals below them, unless there are too many variants.

    Args:
        found: of one measure, as the page's explorer has it.
        heading: of the measure.
    """
    import altair as alt  # slow to import, and wanted by no other command

    names = _ordered(found)
    spacious = len(names) <= _MOST_WITH_INTERVALS
    axis = alt.Axis(labelLimit=260, labelAngle=-60, orient="top")
    chart = (
        alt.Chart(alt.InlineData(values=_cells(found, names)))
        .encode(
            x=alt.X("column:N", sort=names[:-1], title=None, axis=axis),
            y=alt.Y("row:N", sort=names[1:], title=None, axis=alt.Axis(labelLimit=260)),
        )
        .properties(
            width=(_WIDE if spacious else _CELL) * (len(names) - 1),
            height=(_HIGH if spacious else _LINE) * (len(names) - 1),
            title=alt.TitleParams(
                f"{heading}: row / column{'' if found['ranking'] else ', not tested'}",
                fontSize=12,
                anchor="start",
            ),
        )
    )
    scale = alt.Scale(
        type="log", domain=[1 / _FULL, 1, _FULL], range=list(_TINTS), clamp=True, interpolate="rgb"
    )
    ink = alt.condition("datum.alike", alt.value("#555555"), alt.value("#101010"))
    made: dict[str, Any] = (
        alt.layer(
            chart.mark_rect().encode(color=alt.Color("ratio:Q", scale=scale, legend=None)),
            chart.mark_text(fontSize=10, dy=-6 if spacious else 0).encode(text="told:N", color=ink),
            *(
                [chart.mark_text(fontSize=8, dy=7).encode(text="interval:N", color=ink)]
                if spacious
                else []
            ),
        )
        .resolve_scale(color="independent")
        .to_dict(validate=False)
    )
    return made


def alternative(found: Mapping[str, Any], heading: str) -> str:
    """What the chart shows, for those who do not see it."""
    names = _ordered(found)
    if not found["ranking"]:
        why = found["unsaid"] or "there was nothing to test"
        return f"{heading}, each variant to each other: not tested, because {why}."
    cells = _cells(found, names)
    told = sum(not cell["alike"] for cell in cells)
    return (
        f"{heading}, each variant to each other: {told} of {len(cells)} pairs differ beyond noise."
    )


def _ordered(found: Mapping[str, Any]) -> list[str]:
    """As ranked; as the study has them where nothing may be ranked."""
    return list(found["ranking"] or found["entries"])


def _cells(found: Mapping[str, Any], names: Sequence[str]) -> list[dict[str, Any]]:
    place = {name: at for at, name in enumerate(found["entries"])}
    groups = {name: set(found["groups"][place[name]]) for name in names}
    return [
        {
            "row": row,
            "column": column,
            "ratio": found["ratio"][place[row]][place[column]],
            "told": numbers.times(found["ratio"][place[row]][place[column]]),
            "interval": _interval(found, place[row], place[column]),
            "alike": bool(found["ranking"] and groups[row] & groups[column]),
        }
        for at, row in enumerate(names)
        for column in names[:at]
        if found["ratio"][place[row]][place[column]] is not None  # no block in common
    ]


def _interval(found: Mapping[str, Any], row: int, column: int) -> str:
    low, high = found["low"][row][column], found["high"][row][column]
    return "" if low is None or high is None else f"[{numbers.times(low)}, {numbers.times(high)}]"


def pair_figures(
    explored: Mapping[str, Any] | None, figures: Figures
) -> dict[str, list[dict[str, Any]]]:
    """A chart of every pair for each condition and measure that it ranks by.

    Args:
        explored: what the page's explorer is given; None where there is nothing to show.
        figures: where the charts are kept.

    Returns:
        By the name of the condition, what the templates show of each.
    """
    if explored is None:
        return {}
    return {
        condition["name"]: _pairs(condition, explored, figures)
        for condition in explored["conditions"]
    }


def _pairs(
    condition: Mapping[str, Any], explored: Mapping[str, Any], figures: Figures
) -> list[dict[str, Any]]:
    made = []
    for measure in condition["ranked"]:
        found = condition["measures"].get(measure)
        if found is None or len(found["entries"]) < 2:
            continue
        heading = explored["measures"][measure]["heading"]
        made.append(
            figures.add(
                f"{condition['name']}-pairs-{measure}",
                f"Every pair by {heading}",
                pair_chart(found, heading),
                alternative(found, heading),
            )
        )
    return made

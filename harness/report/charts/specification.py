"""Parts that charts share: colours of variants, and pieces of Vega-Lite specifications.

A chart's function returns a specification as plain values that names its datasets. `as_file` and
`on_page` complete it: for a file with its data, and for the page, whose script adds the data.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

type Spec = dict[str, Any]
"""A Vega-Lite specification, or a part of one."""
type Rows = Sequence[Mapping[str, Any]]
"""A dataset."""

PALETTE = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#8C6D31", "#637939",
    "#6B6ECF", "#B5651D", "#7B4173", "#17807E",
)  # fmt: skip
"""Okabe and Ito (2008), safe for colour-blind readers, then darker colours for more variants."""
_NAMES = ("blue", "orange", "green", "pink", "light blue", "yellow", "brown", "olive")
"""Of the first colours of the palette, in words."""
GREYS = ("#2F3B47", "#76828E", "#A3ABB2", "#C9D0D6")
"""For roles and for values of a factor, so that they do not look like a variant."""
INK = "#1a1c1e"
DIAMOND: Spec = {"type": "point", "filled": True, "shape": "diamond"}
LEGEND: Spec = {"orient": "bottom", "columns": 1, "labelLimit": 300, "symbolLimit": 0}
"""Legends of colours and of dashes merge only if they are alike. They name every variant: Vega
would leave out those from the thirtieth on, and warn."""
LARGE_AXIS: Spec = {"labelFontSize": 12, "titleFontSize": 12}
_BELOW: Spec = {"direction": "vertical", "anchor": "start"}
"""One legend below the other: side by side, Vega cuts what is wider than the chart."""
_DASHES = [[1, 0], [6, 3], [2, 2], [9, 3, 2, 3]]


def colours(variants: Sequence[str]) -> dict[str, str]:
    """One colour per variant, the same in every chart of a report."""
    return {name: PALETTE[at % len(PALETTE)] for at, name in enumerate(variants)}


def group_colours(groups: Iterable[str]) -> dict[str, str]:
    """One colour per group of variants, by their order; each is named where it stands."""
    return colours(list(dict.fromkeys(groups)))


def colour_name(colour: str) -> str:
    """One of the first eight colours of the palette in words; another one as it is written."""
    return dict(zip(PALETTE, _NAMES, strict=False)).get(colour, colour)


def dashes(variants: Sequence[str]) -> dict[str, list[int]]:
    """One dash pattern per variant; it separates the lines of variants that share a colour."""
    return {name: _DASHES[at // len(PALETTE) % len(_DASHES)] for at, name in enumerate(variants)}


def quantitative(field: str, **options: Any) -> Spec:
    """A channel that shows a number."""
    return {"field": field, "type": "quantitative", **options}


def ordinal(field: str, **options: Any) -> Spec:
    """A channel that shows ordered values."""
    return {"field": field, "type": "ordinal", **options}


def nominal(field: str, **options: Any) -> Spec:
    """A channel that shows a name."""
    return {"field": field, "type": "nominal", **options}


def layer(dataset: str, mark: Spec, **channels: Any) -> Spec:
    """A mark for every row of a named dataset."""
    return {"data": {"name": dataset}, "mark": mark, "encoding": channels}


def variant_rows() -> Spec:
    """A line of the chart per variant, in the order of the first layer's data."""
    axis = {"labelLimit": 260, "labelFontSize": 12}
    return nominal("variant", sort=None, title=None, axis=axis)


def colour_of(field: str, palette: Mapping[str, str], legend: Spec | None = None) -> Spec:
    """A colour per name; without a legend, other marks name the variant."""
    scale = {"domain": list(palette), "range": list(palette.values())}
    return nominal(field, title=None, scale=scale, legend=legend)


def dash_of(field: str, patterns: Mapping[str, Sequence[int]], legend: Spec) -> Spec:
    """A dash pattern per name."""
    scale = {"domain": list(patterns), "range": list(patterns.values())}
    return nominal(field, title=None, scale=scale, legend=legend)


def as_file(spec: Spec, datasets: Mapping[str, Rows], **size: Any) -> Spec:
    """A specification with its data, for a file.

    Args:
        spec: of one chart.
        datasets: by the names that it has for them.
        size: width and height, where the chart has none.
    """
    return {**spec, "datasets": {name: list(rows) for name, rows in datasets.items()}, **size}


def on_page(spec: Spec) -> Spec:
    """A specification as wide as its container, so that a phone shows all of it."""
    return {
        **spec,
        "width": "container",
        "autosize": {"type": "fit-x", "contains": "padding"},
        "config": {"view": {"stroke": None}, "legend": {"layout": {"bottom": _BELOW}}},
    }

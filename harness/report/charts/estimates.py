"""Charts of a comparison: a row per variant with its estimate and interval."""

from collections.abc import Mapping, Sequence
from typing import Any

from harness.analysis.variants import Comparison
from harness.report.charts.specification import (
    DIAMOND,
    INK,
    LARGE_AXIS,
    Spec,
    as_file,
    colour_of,
    layer,
    nominal,
    quantitative,
    variant_rows,
)

ROW_HEIGHT = 26
"""Pixels of a row in the page."""
_FILE_ROW_HEIGHT = 30
_ROOM = 1.15
"""The axis ends at this multiple of the highest block."""
_BAR: Spec = {"type": "rule", "strokeWidth": 3, "clip": True}
_TOOLTIP: list[Spec] = [
    {"field": "variant", "type": "nominal"},
    *(quantitative(name) for name in ("value", "low", "high")),
]
_JUDGED: list[Spec] = [*_TOOLTIP, {"field": "verdict", "type": "nominal"}]


def estimate_chart(palette: Mapping[str, str], heading: str = "", end: float | None = None) -> Spec:
    """Absolute values: a diamond, its interval as a bar, and a tick per block.

    The axis begins at zero, so lengths may be compared. With an `end`, an arrow at the edge marks
    an interval that goes on beyond it.

    Datasets: `rows` and `spans` (variant, value, low, high), where spans have an interval; `dots`
    (variant, block, value); with an end also `cut` (variant, edge).
    """
    variant, colour = variant_rows(), colour_of("variant", palette)
    if end is None:
        value = quantitative("value", title=heading, scale={"zero": True})
    else:
        scale = {"domain": [0, end], "nice": False}
        axis = {"tickCount": 5, **LARGE_AXIS}
        value = quantitative("value", title=heading, scale=scale, axis=axis)
    dot_tooltip = [
        {"field": "variant", "type": "nominal"},
        {"field": "block", "type": "ordinal"},
        quantitative("value"),
    ]
    tick = {"type": "tick", "size": 14, "thickness": 1.5, "color": INK}
    return {
        "layer": [
            _diamonds(value, variant, colour),
            _bars(variant, colour),
            *([] if end is None else [_arrows(variant, colour)]),
            layer("dots", tick, x=quantitative("value"), y=variant, tooltip=dot_tooltip),
        ],
        "height": {"step": ROW_HEIGHT},
    }


def ratio_chart(palette: Mapping[str, str], heading: str = "") -> Spec:
    """Ratios to a baseline, on a logarithmic axis: half and double are equally far from one.

    Datasets: `rows` and `spans` as for `estimate_chart`, with a verdict; `margin` (low, high,
    label, side) is the band of ratios that are the same for practice, with the side of its label;
    `one` (value) holds 1.
    """
    variant, colour = variant_rows(), colour_of("variant", palette)
    scale = {"type": "log", "nice": False, "padding": 24}
    axis = {"labelSeparation": 8, "labelOverlap": "greedy"}
    value = quantitative("value", title=heading, scale=scale, axis=axis)
    band = {"type": "rect", "color": "#8a94a0", "opacity": 0.25}
    line = {"type": "rule", "color": INK, "strokeDash": [3, 3]}
    side = {"expr": "datum.side"}
    label = {"type": "text", "y": -7, "align": side, "fontSize": 11, "color": "#555555"}
    return {
        "layer": [
            layer("margin", band, x=quantitative("low"), x2={"field": "high"}),
            layer("one", line, x=quantitative("value")),
            _diamonds(value, variant, colour, _JUDGED),
            _bars(variant, colour, _JUDGED),
            layer("margin", label, x=quantitative("high"), text=nominal("label")),
        ],
        "height": {"step": ROW_HEIGHT},
    }


def _diamonds(value: Spec, variant: Spec, colour: Spec, tooltip: Sequence[Spec] = _TOOLTIP) -> Spec:
    mark = {**DIAMOND, "size": 90, "opacity": 1}
    return layer("rows", mark, x=value, y=variant, color=colour, tooltip=tooltip)


def _bars(variant: Spec, colour: Spec, tooltip: Sequence[Spec] = _TOOLTIP) -> Spec:
    low, high = quantitative("low"), {"field": "high"}
    return layer("spans", _BAR, x=low, x2=high, y=variant, color=colour, tooltip=tooltip)


def _arrows(variant: Spec, colour: Spec) -> Spec:
    mark = {"type": "point", "filled": True, "size": 70, "shape": "triangle-right"}
    return layer("cut", mark, x=quantitative("edge"), y=variant, color=colour)


def estimate_file(
    comparison: Comparison, variants: Sequence[str], palette: Mapping[str, str]
) -> Spec:
    """The chart of absolute values, with its data, for a file.

    The axis ends a little beyond the highest block, so one wide interval does not squeeze all
    others. The table has the bounds of an interval that is cut. One block has no interval.
    """
    rows = _rows(comparison, variants)
    dots = _dots(comparison, variants)
    end = _ROOM * max((dot["value"] for dot in dots), default=1.0)
    spans = [row for row in rows if row["high"] is not None]
    cut = [{"variant": row["variant"], "edge": end} for row in spans if row["high"] > end]
    return as_file(
        estimate_chart(palette, comparison.measure.heading, end),
        {"rows": rows, "spans": spans, "cut": cut, "dots": dots},
        width=340,
        height={"step": _FILE_ROW_HEIGHT},
    )


def _rows(comparison: Comparison, variants: Sequence[str]) -> list[dict[str, Any]]:
    """Estimates with bounds, which are None for a single block."""
    estimates = [(name, comparison.estimates.get(name)) for name in variants]
    return [
        {"variant": name, "value": estimate.mean, "low": estimate.low, "high": estimate.high}
        for name, estimate in estimates
        if estimate is not None
    ]


def _dots(comparison: Comparison, variants: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {"variant": name, "block": str(block), "value": value}
        for name in variants
        for block, value in comparison.points.get(name, {}).items()
    ]


def alternative(comparison: Comparison, variants: Sequence[str]) -> str:
    """The chart's content as text, with the variants that it cannot show."""
    values = [f"{row['variant']} {row['value']:.4g}" for row in _rows(comparison, variants)]
    absent = [name for name in variants if name not in comparison.estimates]
    without = f" No figure: {', '.join(absent)}." if absent else ""
    return (
        f"{comparison.measure.heading}: {', '.join(values) or 'no figure'}.{without} The table "
        "below has intervals."
    )

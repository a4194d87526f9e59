"""The chart of two identical servers: one interval per condition, over all runs of a site."""

from harness.analysis.twins import TwinTally
from harness.report.charts.specification import Spec, as_file, nominal, ordinal, quantitative
from harness.report.words import twin_tally

_STEP = 6
"""Pixels per condition."""
_COLOURS = {"contains 1": "#33414d", "does not": "#D55E00"}


def twins_chart(tally: TwinTally) -> Spec:
    """Intervals from the top in the order of the page's tables; a line stands at 1.

    Args:
        tally: with one check or more.
    """
    checks = [check for run in tally.runs for check in run.checks]
    names = {True: "contains 1", False: "does not"}
    rows = [
        {
            "at": at,
            "ratio": check.ratio.mean,
            "low": check.ratio.low,
            "high": check.ratio.high,
            "interval": names[check.holds_one],
        }
        for at, check in enumerate(checks)
    ]
    y = ordinal("at", axis=None)
    scale = {"type": "log", "zero": False, "nice": False}
    x = quantitative("low", title="ratio of two identical servers", scale=scale)
    colour = nominal(
        "interval",
        title=None,
        scale={"domain": list(_COLOURS), "range": list(_COLOURS.values())},
        legend={"orient": "top"},
    )
    return as_file(
        {
            "data": {"name": "rows"},
            "layer": [
                {
                    "mark": {"type": "rule", "color": "#76828E", "strokeDash": [4, 3]},
                    "encoding": {"x": {"datum": 1}},
                },
                {
                    "mark": {"type": "rule", "strokeWidth": 2},
                    "encoding": {"x": x, "x2": {"field": "high"}, "y": y, "color": colour},
                },
                {
                    "mark": {"type": "point", "filled": True, "size": 18, "opacity": 1},
                    "encoding": {"x": quantitative("ratio"), "y": y, "color": colour},
                },
            ],
            "width": 400,
            "height": {"step": _STEP},
        },
        {"rows": rows},
    )


def alternative(tally: TwinTally) -> str:
    """The chart's content as text."""
    return f"{twin_tally.result(tally)} The tables have the intervals."

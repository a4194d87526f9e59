"""Charts of single trials: every trial, latency by percentile, and use of the processors."""

from collections.abc import Mapping, Sequence
from typing import Any

from harness.analysis.labels.trials import Standing
from harness.analysis.measures import Measure, ranked
from harness.inputs.study import Condition
from harness.records.plan import DUPLICATE
from harness.records.run import Run
from harness.report.charts.dots import ROW_HEIGHT
from harness.report.charts.specification import (
    GREYS,
    LEGEND,
    Spec,
    as_file,
    colour_of,
    colours,
    dash_of,
    dashes,
    nominal,
    on_page,
    ordinal,
    quantitative,
    variant_rows,
)
from harness.report.data.explorer import MEASURES
from harness.report.drawing.figures import Figures
from harness.report.words import numbers

_WIDTH, _HEIGHT = 640, 320
_ROLES = ("server", "PostgreSQL", "generator", "relay")
_NINES: tuple[tuple[float, str], ...] = (
    (1, "0 %"), (2, "50 %"), (10, "90 %"), (100, "99 %"), (1_000, "99.9 %"), (10_000, "99.99 %"),
    (100_000, "99.999 %"),
)  # fmt: skip
"""Ticks of the percentile axis: 1 / (1 - percentile / 100), and its label."""
type _Rows = list[dict[str, Any]]


def trials_chart(palette: Mapping[str, str], heading: str = "") -> Spec:
    """A point per trial, by block; its shape is the standing.

    Dataset: `rows` (variant, block, attempt, value, standing, labels).
    """
    shapes = {
        "domain": [standing.value for standing in Standing],
        "range": ["circle", "cross", "triangle-down"],
    }
    return {
        "data": {"name": "rows"},
        "mark": {"type": "point", "size": 70, "filled": False, "strokeWidth": 2},
        "encoding": {
            "x": ordinal("block", title="block", axis={"labelAngle": 0}),
            "y": quantitative("value", title=heading, scale={"zero": False}),
            "color": colour_of("variant", palette, LEGEND),
            "shape": nominal(
                "standing", title=None, scale=shapes, legend=LEGEND
            ),
            "xOffset": nominal("variant", sort=None),
            "tooltip": [
                nominal("variant"), ordinal("block"), ordinal("attempt"), quantitative("value"),
                nominal("standing"), nominal("labels"),
            ],
        },
        "height": _HEIGHT,
    }  # fmt: skip


def latency_chart(palette: Mapping[str, str], patterns: Mapping[str, Sequence[int]]) -> Spec:
    """Latency by percentile, as HdrHistogram plots it: each further nine takes the same width.

    Dataset: `rows` (variant, percentile, value in ms).
    """
    labels = " : ".join(f"datum.value == {at:g} ? '{text}'" for at, text in _NINES)
    axis = {"values": [at for at, _ in _NINES], "labelExpr": f"{labels} : ''"}
    return {
        "data": {"name": "rows"},
        "transform": [{"calculate": "1 / (1 - datum.percentile / 100)", "as": "inverse"}],
        "mark": {"type": "line", "point": {"size": 25}, "strokeWidth": 1.8},
        "encoding": {
            "x": quantitative("inverse", title="percentile", scale={"type": "log"}, axis=axis),
            "y": quantitative("value", title="latency (ms)", scale={"type": "log"}),
            "color": colour_of("variant", palette, LEGEND),
            "strokeDash": dash_of("variant", patterns, LEGEND),
            "tooltip": [nominal("variant"), quantitative("percentile"), quantitative("value")],
        },
        "height": _HEIGHT,
    }


def resource_chart() -> Spec:
    """Cores that each role used, side by side in one bar per variant.

    Dataset: `rows` (variant, role, value, at: position of the role, limit).
    """
    roles = {"domain": list(_ROLES), "range": list(GREYS)}
    return {
        "data": {"name": "rows"},
        "mark": {"type": "bar"},
        "encoding": {
            "x": quantitative("value", title="processors used", stack=True, scale={"zero": True}),
            "y": variant_rows(),
            "color": nominal("role", title=None, scale=roles, legend={"orient": "bottom"}),
            "order": quantitative("at"),
            "tooltip": [
                nominal("variant"), nominal("role"), quantitative("value"), nominal("limit"),
            ],
        },
        "height": {"step": ROW_HEIGHT},
    }  # fmt: skip


def trial_figures(
    run: Run, trials: Mapping[Condition, Mapping[str, Any]], figures: Figures
) -> dict[str, list[dict[str, Any]]]:
    """The three charts of every condition.

    Args:
        run: what was measured.
        trials: see `data.explorer.trial_data`.
        figures: collects the charts.

    Returns:
        By name of the condition: what the templates show of each chart.
    """
    return {
        condition.name: _condition_figures(run, condition, data, figures)
        for condition, data in trials.items()
    }


def _condition_figures(
    run: Run, condition: Condition, data: Mapping[str, Any], figures: Figures
) -> list[dict[str, Any]]:
    palette, patterns = colours(run.measured), dashes(run.measured)
    measure = _measure(condition, data["trials"])
    charts = (
        (
            "trials", f"Every trial by {measure.heading}", trials_chart(palette, measure.heading),
            _trial_rows(run, data["trials"], measure), _trials_text(data),
        ),
        (
            "latencies", "Latency by percentile, all blocks pooled",
            latency_chart(palette, patterns), _latency_rows(data), _latencies_text(data),
        ),
        (
            "resources", "Who used the processors", resource_chart(), _resource_rows(data),
            _resources_text(data),
        ),
    )  # fmt: skip
    return [
        figures.add(
            f"{condition.name}-{name}",
            title,
            as_file(on_page(spec), {"rows": rows}, width=_WIDTH),
            text,
        )
        for name, title, spec, rows, text in charts
        if rows
    ]


def _measure(condition: Condition, trials: Sequence[Mapping[str, Any]]) -> Measure:
    """The first measure of the ranking, or else of all, that a trial has a value of."""
    candidates = (*ranked(condition), *MEASURES)
    known = (m for m in candidates if any(m.value in trial["values"] for trial in trials))
    return next(known, candidates[0])


def _trial_rows(run: Run, trials: Sequence[Mapping[str, Any]], measure: Measure) -> _Rows:
    return [
        {
            "variant": _variant(run, trial["entry"]),
            "block": trial["block"],
            "attempt": trial["attempt"],
            "value": trial["values"][measure.value],
            "standing": trial["standing"],
        }
        for trial in trials
        if measure.value in trial["values"]
    ]


def _variant(run: Run, entry: str) -> str:
    """The hidden duplicate has the colour of the baseline."""
    return run.study.baseline if entry == run.study.baseline + DUPLICATE else entry


def _latency_rows(data: Mapping[str, Any]) -> _Rows:
    return [
        {"variant": name, "percentile": percentile, "value": ms}
        for name, latencies in data["latencies"].items()
        for percentile, ms in latencies
    ]


def _resource_rows(data: Mapping[str, Any]) -> _Rows:
    return [
        {"variant": name, "role": role, "value": value, "at": at, "limit": data["limits"][name]}
        for name, shares in data["shares"].items()
        for at, (role, value) in enumerate((shares or {}).items())
        if value
    ]


def _trials_text(data: Mapping[str, Any]) -> str:
    standings = [trial["standing"] for trial in data["trials"]]
    counts = [f"{standings.count(name)} {name}" for name in dict.fromkeys(standings)]
    return f"{len(standings)} trials ({'; '.join(counts)})."


def _latencies_text(data: Mapping[str, Any]) -> str:
    values = [
        f"{name} {numbers.number(ms)} ms"
        for name, latencies in data["latencies"].items()
        for percentile, ms in latencies
        if percentile == 99 and ms is not None
    ]
    return (
        f"99th percentile: {', '.join(values) or 'not known'}. The table has the mean over blocks."
    )


def _resources_text(data: Mapping[str, Any]) -> str:
    parts = [
        f"{name}: {', '.join([*_used(data['shares'][name]), f'limited by: {_limit(limit)}'])}"
        for name, limit in data["limits"].items()
    ]
    return f"{'; '.join(parts)}."


def _used(shares: Mapping[str, float | None] | None) -> list[str]:
    return [f"{role} {value:.2g}" for role, value in (shares or {}).items() if value]


def _limit(labels: str) -> str:
    """What the labels name: `server` for `server-bound`."""
    return labels.replace("-bound", "")

"""The explorer's charts, drawn by the library that draws them in the page."""

import json
import re
from typing import Any

import pytest

from harness.analysis.labels.trials import Standing
from harness.report.charts.specs import filled, specifications
from harness.report.drawing.draw import svg_of

SPECS = specifications()
ROWS = [
    {"variant": "a/x", "value": 1.5, "low": 1.4, "high": 1.6},
    {"variant": "b/y", "value": 0.5, "low": 0.4, "high": 0.6},
]
DATA: dict[str, dict[str, list[dict[str, Any]]]] = {
    "absolute": {
        "rows": ROWS,
        "spans": ROWS[1:],
        "dots": [{"variant": "a/x", "block": "1", "value": 1.45}],
    },
    "ratio": {
        "rows": ROWS,
        "spans": ROWS[1:],
        "floor": [{"low": 0.98, "high": 1.02}],
        "one": [{"value": 1}],
    },
    "trials": {
        "rows": [
            {"variant": "a/x", "block": 1, "attempt": 1, "value": 2.0, "standing": s, "labels": "x"}
            for s in Standing
        ]
    },
    "latencies": {
        "rows": [
            {"variant": "a/x", "percentile": p, "value": 5.0, "inverse": 1 / (1 - p / 100)}
            for p in (0.0, 50.0, 99.0)
        ]
    },
    "resources": {
        "rows": [
            {"variant": "a/x", "role": "server", "value": 0.9, "at": 0, "limit": "server-bound"}
        ]
    },
}


BOTH = {
    "colours": {"a/x": "#0072B2", "b/y": "#D55E00"},
    "dashes": {"a/x": [1, 0], "b/y": [6, 3]},
}


@pytest.mark.parametrize("name", SPECS)
def test_each_chart_draws_what_it_is_given(name: str) -> None:
    spec = filled(SPECS[name], DATA[name], BOTH, "a heading", 300)
    assert not re.search(r"\{(domain|range|dashes)", json.dumps(spec))
    svg = svg_of(spec)
    assert "a/x" in svg
    wanted = {"trials": "a heading", "latencies": "percentile", "resources": "processors used"}
    assert wanted.get(name, "a heading") in svg


def test_every_chart_is_as_wide_as_its_place() -> None:
    assert all(spec["width"] == "container" for spec in SPECS.values())


@pytest.mark.parametrize("name", ["absolute", "ratio"])
def test_a_variant_without_an_interval_keeps_its_place(name: str) -> None:
    svg = svg_of(filled(SPECS[name], DATA[name], BOTH, "x", 300))
    assert svg.index(">a/x<") < svg.index(">b/y<")


def test_lines_that_share_a_colour_are_told_apart_by_their_dashes() -> None:
    rows = [
        {**row, "variant": name} for row in DATA["latencies"]["rows"] for name in ("a/x", "b/y")
    ]
    svg = svg_of(filled(SPECS["latencies"], {"rows": rows}, BOTH, "x", 300))
    lines = re.findall(r'<path aria-label="[^"]*percentile[^>]*stroke-dasharray="([^"]*)"', svg)
    assert len(set(lines)) == 2


def test_trials_are_drawn_by_their_standing() -> None:
    svg = svg_of(filled(SPECS["trials"], DATA["trials"], BOTH, "x", 300))
    assert all(standing.value in svg for standing in Standing)

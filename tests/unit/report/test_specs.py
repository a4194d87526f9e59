"""The explorer's charts, drawn by the library that draws them in the page."""

import json
from typing import Any

import pytest

from harness.report.charts import svg_of
from harness.report.specs import specifications

SPECS = specifications()
ROWS = [
    {"variant": "a/x", "value": 1.5, "low": 1.4, "high": 1.6},
    {"variant": "b/y", "value": 0.5, "low": 0.4, "high": 0.6},
]
DATA: dict[str, dict[str, list[dict[str, Any]]]] = {
    "absolute": {"rows": ROWS, "dots": [{"variant": "a/x", "block": "1", "value": 1.45}]},
    "ratio": {"rows": ROWS, "floor": [{"low": 0.98, "high": 1.02}], "one": [{"value": 1}]},
    "trials": {
        "rows": [
            {"variant": "a/x", "block": 1, "attempt": 1, "value": 2.0, "state": s, "labels": "none"}
            for s in ("sound", "labelled")
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


@pytest.mark.parametrize("name", SPECS)
def test_each_chart_draws_what_it_is_given(name: str) -> None:
    text = json.dumps(SPECS[name]).replace('["{domain}"]', '["a/x", "b/y"]')
    text = text.replace('["{range}"]', '["#0072B2", "#D55E00"]')
    text = text.replace('"{title}"', '"a title"').replace('"{heading}"', '"a heading"')
    assert "{" + "domain" not in text
    svg = svg_of({**json.loads(text), "datasets": DATA[name], "width": 300})
    assert "a/x" in svg
    wanted = {"trials": "a heading", "latencies": "percentile", "resources": "processors used"}
    assert wanted.get(name, "a title") in svg


def test_every_chart_is_as_wide_as_its_place() -> None:
    assert all(spec["width"] == "container" for spec in SPECS.values())

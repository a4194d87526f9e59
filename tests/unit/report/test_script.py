"""The page's scripts, and the charts that vl-convert draws in place of the page."""

import base64
import gzip
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from harness.analysis.labels.trials import Standing
from harness.report.charts.specification import as_file
from harness.report.drawing.draw import svg_of
from harness.report.script import packed, page_charts, vega
from tests.toys.runs import make_run, make_study

VARIANTS = ("a/x", "b/y")
RUN = make_run(make_study(VARIANTS))
CHARTS = page_charts(RUN)
ROWS = [
    {"variant": "a/x", "group": "Toy", "value": 1.5, "low": 1.4, "high": 1.6, "reach": 1.6,
     "text": "1.50", "verdict": "differs"},
    {"variant": "b/y", "group": "Toy", "value": 0.5, "low": 0.4, "high": 0.6, "reach": 0.6,
     "text": "0.50", "verdict": "differs"},
]  # fmt: skip
DOTS: dict[str, list[dict[str, Any]]] = {
    "rows": ROWS, "spans": ROWS[1:], "absent": [], "ties": [], "margin": [], "one": [],
}  # fmt: skip
RATIOS = DOTS | {"margin": [{"low": 0.98, "high": 1.02}], "one": [{"value": 1}]}
DATA: dict[str, dict[str, list[dict[str, Any]]]] = {
    "absolute": DOTS,
    "ratio": RATIOS,
    "absolute-dense": DOTS,
    "ratio-dense": RATIOS,
    "trials": {
        "rows": [
            {"variant": "a/x", "block": 1, "attempt": 1, "value": 2.0, "standing": s, "labels": "x"}
            for s in Standing
        ]
    },
    "latencies": {
        "rows": [
            {"variant": name, "percentile": p, "value": 5.0}
            for name in VARIANTS
            for p in (0.0, 50.0, 99.0)
        ]
    },
    "resources": {
        "rows": [
            {"variant": "a/x", "role": "server", "value": 0.9, "at": 0, "limit": "server-bound"}
        ]
    },
}


def drawn(name: str) -> str:
    return svg_of(as_file(CHARTS[name], DATA[name], width=300))


@pytest.mark.parametrize("name", CHARTS)
def test_each_chart_draws_the_data_that_it_gets(name: str) -> None:
    svg = drawn(name)
    assert "a/x" in svg
    axes = {"trials": "block", "latencies": "percentile", "resources": "processors used"}
    assert axes.get(name, "a/x") in svg


def test_every_chart_is_as_wide_as_its_container() -> None:
    assert all(spec["width"] == "container" for spec in CHARTS.values())


@pytest.mark.parametrize("name", ["absolute", "ratio"])
def test_a_variant_without_an_interval_keeps_its_row(name: str) -> None:
    svg = drawn(name)
    assert svg.index(">a/x<") < svg.index(">b/y<")


@pytest.mark.parametrize(("name", "channel"), [("absolute", "x"), ("ratio", "x"), ("trials", "y")])
def test_the_script_can_title_one_axis_of_a_chart(name: str, channel: str) -> None:
    spec = CHARTS[name]
    titles = [
        view["encoding"][channel]["title"]
        for view in spec.get("layer", [spec])
        if view["encoding"].get(channel, {}).get("title")
    ]
    assert set(titles) == {"value"}


def test_lines_that_share_a_colour_differ_in_their_dashes() -> None:
    names = [f"a/{number}" for number in range(13)]
    rows = [row | {"variant": name} for row in DATA["latencies"]["rows"][:3] for name in names]
    svg = svg_of(
        as_file(page_charts(make_run(make_study(names)))["latencies"], {"rows": rows}, width=300)
    )
    lines = re.findall(r'<path aria-label="[^"]*percentile[^>]*stroke-dasharray="([^"]*)"', svg)
    assert len(set(lines)) == 2


def test_trials_are_drawn_by_their_standing() -> None:
    svg = drawn("trials")
    assert all(standing.value in svg for standing in Standing)


def test_the_charts_library_is_bundled_once_and_then_taken_from_the_cache(tmp_path: Path) -> None:
    bundle = vega(tmp_path)
    assert "vegaEmbed" in bundle
    assert "</script" not in bundle
    (kept,) = (tmp_path / "page").iterdir()
    kept.write_text("from the cache")
    assert vega(tmp_path) == "from the cache"


def test_of_many_at_once_one_bundles_the_charts_library_and_all_have_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def bundle(_: str) -> str:
        made.append(f"bundle {len(made)}")
        time.sleep(0.1)  # all others ask meanwhile
        return made[-1]

    monkeypatch.setattr("vl_convert.javascript_bundle", bundle)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: vega(tmp_path), range(4)))
    assert made == ["bundle 0"]
    assert found == made * 4


def test_a_packed_script_is_the_script_in_a_third_of_the_room(tmp_path: Path) -> None:
    script = vega(tmp_path)
    small = packed(script)
    assert gzip.decompress(base64.b64decode(small)).decode() == script
    assert len(small) < len(script) / 2

from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest

from harness.report.charts.dumbbells import NARROW, WIDE, Dumbbell, DumbbellSize, dumbbell_chart
from harness.report.drawing.draw import svg_of

SIZES = pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])


def row(published: float | None, measured: float | None, **changes: Any) -> Dumbbell:
    usual: dict[str, Any] = {"label": "insert, +200 ms", "group": "a / b", "told": "264 → 183"}
    return Dumbbell(published=published, measured=measured, **(usual | changes))


def text_of(spec: dict[str, Any]) -> list[str]:
    return list(ElementTree.fromstring(svg_of(spec)).itertext())


@SIZES
def test_every_row_has_its_dots_its_label_and_its_figures(size: DumbbellSize) -> None:
    spec = dumbbell_chart([row(264.0, 183.0), row(0.07, 1.0)], "ratio", "as fast as b", size)
    text = text_of(spec)
    for wanted in ("a / b", "264 → 183", "published", "measured", "as fast as b", "ratio", "100"):
        assert wanted in text
    assert len(spec["datasets"]["bars"]) == 2


@SIZES
def test_texts_keep_apart_and_the_picture_keeps_its_width(size: DumbbellSize) -> None:
    """Eighteen rows, names of forty characters, and dots upon each other."""
    groups = (f"{'x' * 38}/1 / {'y' * 40}", f"{'x' * 38}/2 / {'y' * 40}")
    rows = [row(2.0, 2.0, group=group) for group in groups for _ in range(9)]
    spec = dumbbell_chart(rows, "ratio", f"as fast as {'y' * 40}", size)
    drawn = ElementTree.fromstring(svg_of(spec))
    assert float(drawn.attrib["width"]) <= size.width * 1.06
    at = [(t["x"], t["y"]) for t in spec["datasets"]["texts"]]
    assert len(set(at)) == len(at)
    first, second = (t for t in spec["datasets"]["texts"] if t["text"] in ("published", "measured"))
    assert first["y"] == second["y"]
    assert {first["side"].split()[1], second["side"].split()[1]} == {"left", "right"}
    heights = sorted({y for _, y in at})
    assert all(b - a >= size.font * 0.99 for a, b in pairwise(heights))


def test_a_ratio_that_is_missing_leaves_its_dot_out_and_keeps_the_row() -> None:
    spec = dumbbell_chart([row(2.0, None, told="2 → no figure"), row(None, 3.0)], "r", "even")
    data = spec["datasets"]
    assert (len(data["published"]), len(data["measured"]), data["bars"]) == (1, 1, [])
    assert "2 → no figure" in text_of(spec)
    assert "published" not in text_of(spec), "no row has both"


def test_an_interval_that_is_much_wider_than_all_ratios_is_cut() -> None:
    spec = dumbbell_chart([row(None, 2.0, low=1e-9, high=1e9)], "ratio", "even")
    (span,) = spec["datasets"]["spans"]
    assert span["low"] > 0.01
    assert span["high"] < 100

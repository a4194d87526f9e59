import re
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest

from harness.report.charts.lines import (
    MOST_NAMED,
    NARROW,
    WIDE,
    Axes,
    Curve,
    Mark,
    Point,
    Size,
    crossing_of,
    line_chart,
)
from harness.report.drawing.draw import svg_of

AXES = Axes(x="connections", y="throughput (requests/s)")
LONG = "framework/" + "a-rather-long-name-of-forty-characters"[:30]


def curve(name: str, *values: float | None, note: str = "") -> Curve:
    """At 1, 10, 100 and so on."""
    points = (
        Point(10.0**at, y, None if y is None else y * 0.9, None if y is None else y * 1.1)
        for at, y in enumerate(values)
    )
    return Curve(name, "#0072B2", tuple(points), note)


def names_of(spec: dict[str, Any]) -> list[tuple[float, float, str]]:
    return [(row["x"], row["y"], row["text"]) for row in spec["datasets"]["names"]]


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("count", [2, 12])
def test_names_at_the_ends_never_cover_each_other_and_the_picture_keeps_its_width(
    count: int, size: Size
) -> None:
    """All curves end at one place, and names have forty characters."""
    curves = [curve(f"{LONG}{number:02}", 10, 100, 1_000) for number in range(count)]
    spec = line_chart(curves, AXES, size)
    heights = sorted(y for _, y, _ in names_of(spec))
    assert all(b - a >= size.font for a, b in pairwise(heights))
    drawn = ElementTree.fromstring(svg_of(spec))
    assert float(drawn.attrib["width"]) <= size.width * 1.05
    assert float(drawn.attrib["height"]) <= max(size.height, 480) + 120


def test_a_curve_without_an_answer_is_hollow_at_zero_and_says_why() -> None:
    note = "0 of 4,900 requests answered in 10 s; 4,906 threads"
    spec = line_chart([curve("a", 10, 100, 1_000), curve("b", 10, 90, None, note=note)], AXES)
    data = spec["datasets"]
    (hollow,) = data["hollow"]
    assert (hollow["name"], hollow["x"]) == ("b", 100.0)
    assert hollow["y"] < min(row["y"] for row in data["filled"])
    text = " ".join(ElementTree.fromstring(svg_of(spec)).itertext())
    for words in ("4,900", "4,906", "threads"):
        assert words in text
    assert re.search(r"\b0\b", text), "the axis has its zero"


def test_a_latency_without_an_answer_stands_at_the_upper_edge() -> None:
    axes = Axes(x="connections", y="ms", answerless_high=True)
    data = line_chart([curve("a", 1, 2, 3), curve("b", 1, 2, None)], axes)["datasets"]
    (hollow,) = data["hollow"]
    assert hollow["y"] > max(row["y"] for row in data["filled"])


def test_of_more_curves_than_can_be_named_the_rest_is_grey() -> None:
    curves = [curve(f"x/{number}", 10, 20) for number in range(MOST_NAMED + 3)]
    data = line_chart(curves, AXES)["datasets"]
    assert len(data["names"]) == MOST_NAMED
    assert len({row["name"] for row in data["lines"] if row["colour"] != "#0072B2"}) == 3


def test_crossings_have_rings_and_labels_and_near_ones_share_theirs() -> None:
    marks = [Mark(10.0, 100.0, "1 to 100"), Mark(10.1, 101.0, "1 to 100"), Mark(90.0, 10.0, "b")]
    spec = line_chart([curve("a", 10, 100, 1_000)], AXES, marks=marks, captions=["a crosses b."])
    assert len(spec["datasets"]["marks"]) == 2
    text = " ".join(ElementTree.fromstring(svg_of(spec)).itertext())
    assert "1 to 100" in text
    assert "a crosses b." in text


def test_curves_cross_where_they_are_drawn_to_cross() -> None:
    """On logarithmic axes, from 1 to 100 and back: in the middle."""
    up, down = curve("a", 1, 10, 100), curve("b", 100, 10, 1)
    places = crossing_of([up, down], up, down)
    assert places[0] == pytest.approx((10.0, 10.0))
    assert crossing_of([up, down], up, curve("c", 2, 20, 200)) == []
    assert crossing_of([up, down], up, curve("c", None, None, None)) == []


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_ticks_of_added_latency_are_plain_numbers(size: Size) -> None:
    points = tuple(Point(x, 10.0 + x) for x in (0.0, 50.0, 100.0))
    text = ElementTree.fromstring(svg_of(line_chart([Curve("a", "#0072B2", points)], AXES, size)))
    assert {"0", "50", "100"} <= set(text.itertext())

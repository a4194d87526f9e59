"""The forest plot: what stands where, and that one odd row does not spoil the others."""

from typing import Any

import pytest

from harness.report.charts.forest import (
    ForestAxis,
    ForestRow,
    Tone,
    forest_alternative,
    forest_chart,
)
from harness.report.drawing.draw import svg_of

AXIS = ForestAxis("B / A: CPU per request", "less in B", "more in B", 0.03, "the same within 3 %")


def row(
    label: str,
    ratio: float | None,
    within: float | None = 0.02,
    tone: Tone = Tone.SAME,
    group: str = "an insert",
) -> ForestRow:
    bounds: tuple[float | None, float | None] = (None, None)
    if ratio is not None and within is not None:
        bounds = ratio / (1 + within), ratio * (1 + within)
    return ForestRow(label, group, ratio, *bounds, tone, f"{label} told", "short")


def datasets(*rows: ForestRow, phone: bool = False) -> dict[str, list[dict[str, Any]]]:
    data: dict[str, list[dict[str, Any]]] = forest_chart(rows, AXIS, phone=phone)["datasets"]
    return data


def axis_of(*rows: ForestRow, phone: bool = False) -> tuple[list[float], list[float]]:
    """Its domain and its ticks."""
    spec = forest_chart(rows, AXIS, phone=phone)
    x = next(part["encoding"]["x"] for part in spec["layer"] if part["data"]["name"] == "one")
    return x["scale"]["domain"], x["axis"]["values"]


def test_every_row_has_its_label_and_its_verdict_even_without_a_figure() -> None:
    data = datasets(row("a", 1.1), row("silent", None, tone=Tone.OPEN))
    assert [r["label"] for r in data["rows"]] == ["a", "silent"]
    assert [r["told"] for r in data["rows"]] == ["a told", "silent told"]
    assert [r["label"] for r in data["figures"]] == ["a"]


def test_one_block_is_a_mark_without_an_interval() -> None:
    data = datasets(row("a", 1.1, within=None, tone=Tone.OPEN))
    assert len(data["figures"]) == 1
    assert data["spans"] == []


def test_rows_of_a_group_stand_below_its_heading() -> None:
    data = datasets(row("a", 1.0), row("b", 1.0), row("a", 1.0, group="a read"))
    first, second = data["headings"]
    assert (first["group"], second["group"]) == ("an insert", "a read")
    places = [r["y"] for r in data["rows"]]
    assert first["text_y"] < places[0] < places[1] < second["text_y"] < places[2]


def test_without_groups_there_is_no_heading() -> None:
    assert datasets(row("a", 1.0, group=""))["headings"] == []


@pytest.mark.parametrize("ratios", [(1.0, 1.001), (0.2, 1.0), (1.0, 40.0), (1e-4, 1e4), (1.3, 1.4)])
@pytest.mark.parametrize("phone", [False, True])
def test_the_axis_holds_every_ratio_and_the_band_and_marks_one(
    ratios: tuple[float, float], phone: bool
) -> None:
    (low, high), ticks = axis_of(*(row("x", ratio) for ratio in ratios), phone=phone)
    assert low < min(*ratios, 1 / 1.03)
    assert high > max(*ratios, 1.03)
    assert 1.0 in ticks
    assert len(ticks) <= (6 if phone else 9)
    assert all(low <= tick <= high for tick in ticks)


def test_an_interval_far_wider_than_the_others_ends_in_arrows_and_does_not_squeeze_them() -> None:
    steady = [row(str(at), 1.0 + at / 100) for at in range(6)]
    (low, high), _ = axis_of(*steady, row("wild", 1.0, within=50.0))
    assert high / low < 1.5
    arrows = datasets(*steady, row("wild", 1.0, within=50.0))["arrows"]
    assert {(a["label"], a["shape"]) for a in arrows} == {
        ("wild", "triangle-left"),
        ("wild", "triangle-right"),
    }
    assert {a["edge"] for a in arrows} == {low, high}


def test_intervals_alike_are_not_cut() -> None:
    assert datasets(*(row(str(at), 1.0, within=0.4) for at in range(3)))["arrows"] == []


def test_verdicts_differ_in_colour_and_shape() -> None:
    data = datasets(*(row(tone, 1.0, tone=tone) for tone in Tone))
    looks = {(r["colour"], r["fill"], r["shape"]) for r in data["rows"]}
    assert len(looks) == len(Tone)


def test_the_band_is_of_the_margin_and_named() -> None:
    (band,) = datasets(row("a", 1.2))["band"]
    assert (band["low"], band["high"]) == (pytest.approx(1 / 1.03), pytest.approx(1.03))
    assert band["label"] == "the same within 3 %"


def test_a_margin_of_zero_has_no_band() -> None:
    spec = forest_chart([row("a", 1.2)], ForestAxis("B / A"))
    assert spec["datasets"]["band"] == []
    assert "<svg" in svg_of(spec)


def test_a_phone_gets_a_narrow_chart_with_brief_words() -> None:
    spec = forest_chart([row("a", 1.2)], AXIS, phone=True)
    assert spec["width"] <= 360
    assert spec["datasets"]["rows"][0]["told"] == "short"


@pytest.mark.parametrize("phone", [False, True])
def test_hostile_and_right_to_left_names_are_drawn_as_text(phone: bool) -> None:
    rows = [row("<script>alert(1)</script>\x00", 1.2), row("משתנה", 0.9, group="קבוצה")]
    svg = svg_of(forest_chart(rows, AXIS, phone=phone))
    assert "<script" not in svg
    assert "&lt;script" in svg
    assert "משתנה" in svg
    assert "קבוצה" in svg


def test_the_text_alternative_counts_every_row_and_names_those_that_differ() -> None:
    rows = [
        row("a", 1.2, tone=Tone.WORSE),
        row("b", 0.8, tone=Tone.BETTER),
        *(row("c", 1.0) for _ in range(3)),
        row("d", 1.0, tone=Tone.OPEN),
    ]
    text = forest_alternative(rows, AXIS)
    assert "6 rows" in text
    assert "a (an insert) a told" in text
    assert "b (an insert) b told" in text
    assert "No difference: 3." in text
    assert "Open: 1." in text


def test_the_text_alternative_of_many_stays_short() -> None:
    text = forest_alternative([row(f"v{at}", 1.2, tone=Tone.WORSE) for at in range(60)], AXIS)
    assert "v0 " in text
    assert "v59" not in text
    assert "52 more" in text

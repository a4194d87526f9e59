import re
from itertools import pairwise
from xml.etree import ElementTree

import msgspec
import pytest

from harness.analysis.analyse import analyse
from harness.analysis.measures import Measure
from harness.analysis.variants import Comparison
from harness.report.charts.dots import (
    ROOMY,
    ROW_HEIGHT,
    alternative,
    brackets,
    dot_file,
    name_column,
)
from harness.report.charts.specification import Spec
from harness.report.drawing.draw import svg_of
from tests.toys.runs import BASELINE, make_run, make_study, simulate

RUN = make_run(make_study(blocks=3))
TRIALS = simulate(RUN, {BASELINE: 500, "b/other": 700}, 1)
RESULT = analyse(RUN, TRIALS).conditions[0]
GROUPS = dict.fromkeys(RUN.study.variants, "Toy")
PALETTE = {"Toy": "#0072B2"}


def comparison(measure: Measure = Measure.CPU) -> Comparison:
    return RESULT.comparisons[measure]


def drawn(found: Comparison) -> ElementTree.Element:
    spec = dot_file(RESULT, found, BASELINE, GROUPS, PALETTE, 0.03)
    return ElementTree.fromstring(svg_of(spec))


def texts(found: Comparison) -> list[str]:
    return [node.text or "" for node in drawn(found).iter() if node.tag.endswith("text")]


@pytest.mark.parametrize("measure", [Measure.CPU, Measure.THROUGHPUT, Measure.DATABASE_CPU])
def test_a_chart_names_every_variant_with_its_ratio_and_the_unit(measure: Measure) -> None:
    told = texts(comparison(measure))
    assert set(RUN.study.variants) <= set(told)
    assert f"{comparison(measure).ratios['b/other'].mean:.2f}×" in told
    assert any(measure.heading in text for text in told)


def test_without_the_baseline_absolute_values_are_shown() -> None:
    known = comparison()
    bare = msgspec.structs.replace(
        known, ratios={}, estimates={"b/other": known.estimates["b/other"]}, ranking=("b/other",)
    )
    told = texts(bare)
    assert f"{known.estimates['b/other'].mean:.3g}" in told
    assert not any("×" in text for text in told)


def intervals(found: Comparison) -> int:
    """Horizontal lines with two ends; the line at 1 and brackets are vertical."""
    roles = [node.get("aria-label", "") for node in drawn(found).iter()]
    return sum("low" in role and "high" in role and "variant" in role for role in roles)


def test_one_block_has_no_interval_and_none_is_drawn() -> None:
    known = comparison()
    ratio = msgspec.structs.replace(known.ratios["b/other"], low=None, high=None)
    single = msgspec.structs.replace(known, ratios=known.ratios | {"b/other": ratio})
    assert "b/other" in texts(single)
    lines = [
        sum(node.get("aria-roledescription") == "rule" for node in drawn(found).iter())
        for found in (known, single)
    ]
    assert lines[1] < lines[0] or intervals(single) < intervals(known)


def test_rows_follow_the_ranking_and_else_the_values() -> None:
    assert comparison().ordered == [BASELINE, "b/other"]
    unranked = msgspec.structs.replace(comparison(Measure.THROUGHPUT), ranking=())
    shown = [name for name in unranked.ordered if name in GROUPS]
    assert shown == [BASELINE, "b/other"], "the first answers more"


def places(spec: Spec) -> dict[str, tuple[float, float]]:
    """Where each text of a chart stands."""
    found = {}
    for node in ElementTree.fromstring(svg_of(spec)).iter():
        at = re.match(r"translate\(([\d.-]+),([\d.-]+)\)", node.get("transform", ""))
        if node.tag.endswith("text") and at:
            found[node.text or ""] = float(at[1]), float(at[2])
    return found


def test_of_many_rows_each_has_one_line_and_names_keep_clear_of_the_figures() -> None:
    names = [f"some/variant-{at:02}" for at in range(ROOMY + 1)]
    run = make_run(make_study(names, blocks=2))
    result = analyse(run, simulate(run, {n: 500.0 + 50 * at for at, n in enumerate(names)}, 1))
    groups = dict.fromkeys(names, "Toy")
    first = result.conditions[0]
    spec = dot_file(first, first.first, names[0], groups, PALETTE, 0.03)
    found = places(spec)
    rows = sorted(found[name][1] for name in names)
    steps = {round(after - before, 3) for before, after in pairwise(rows)}
    assert len(steps) == 1
    assert steps.pop() < ROW_HEIGHT * 0.7
    figures = [(x, y) for text, (x, y) in found.items() if text.endswith("×") or text == "1"]
    for name in names:
        (x,) = [x for x, y in figures if y == pytest.approx(found[name][1], abs=5)]
        assert x > found[name][0] + name_column(names)


def test_brackets_join_tied_rows_and_do_not_touch_each_other() -> None:
    shown = ["a", "b", "c", "d", "e"]
    groups = [("a", "b"), ("b", "c"), ("d", "e"), ("e",), ("x", "y")]
    found = {(item["first"], item["last"]): item["column"] for item in brackets(groups, shown)}
    assert set(found) == {("a", "b"), ("b", "c"), ("d", "e")}
    assert found["a", "b"] != found["b", "c"]
    assert found["d", "e"] == found["a", "b"]


def test_the_text_has_every_figure_and_names_what_has_none() -> None:
    text = alternative(comparison(), BASELINE, {**GROUPS, "c/absent": "Toy"})
    assert f"b/other {comparison().ratios['b/other'].mean:.2f}" in text
    assert "No figure: c/absent" in text

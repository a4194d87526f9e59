import xml.etree.ElementTree as ET

import pytest

from harness.analysis.causes.explain import explain
from harness.report.charts.causes import interaction_chart, slope_chart, waterfall_chart
from harness.report.charts.specification import colours
from harness.report.drawing.draw import svg_of
from tests.toys.labelling import measured_condition
from tests.toys.ladder import HOPS, NATIVE, STOCK, WATERFALL, ladder_run, ladder_trials

CAUSES = [f"cause {number}" for number in range(1, len(WATERFALL.steps))]
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def drawn() -> dict[str, str]:
    run = ladder_run()
    trials = ladder_trials(run, noise=0.001)
    (condition,) = [c for c in run.study.conditions if c.endpoint == "io_read"]
    measured = measured_condition(run, condition, [t for t in trials if t.condition == condition])
    (found,) = explain(run, [measured]).conditions
    return {
        "waterfall": svg_of(waterfall_chart(found.falls[0], CAUSES, 600)),
        "interaction": svg_of(interaction_chart(found.interactions[0])),
        "slope": svg_of(slope_chart(found.slopes, colours(run.study.everyone))),
    }


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(svg).iter(f"{SVG}text")]


def test_a_waterfall_has_a_bar_for_each_step_and_one_at_each_end(drawn: dict[str, str]) -> None:
    told = texts(drawn["waterfall"])
    assert {f"+ {cause}" for cause in CAUSES} <= set(told)
    assert WATERFALL.steps[0] in told
    assert f"= {STOCK}" in told
    assert "+240 µs" in told, "two threads of 120 µs"


def test_an_interaction_names_both_factors_and_their_values(drawn: dict[str, str]) -> None:
    assert {"lifecycle", "bridge", "zero-hop", "stock", "per-query", "none"} <= set(
        texts(drawn["interaction"])
    )


def test_a_slope_names_its_family_and_reaches_its_last_hop(drawn: dict[str, str]) -> None:
    told = texts(drawn["slope"])
    assert NATIVE in told
    assert str(max(HOPS)) in told

from xml.etree import ElementTree

from harness.analysis.analyse import analyse
from harness.analysis.measures import Measure
from harness.report.drawing.draw import svg_of
from harness.report.site.trend_chart import alternative, trend_chart
from harness.report.site.trends import trends
from tests.toys.runs import simulate
from tests.toys.shelves import COST, dated_run

RUNS = [dated_run(month) for month in (1, 2, 3)]
FOUND = trends([(run, analyse(run, simulate(run, COST, seed))) for seed, run in enumerate(RUNS)])


def test_a_chart_is_an_svg_with_a_panel_for_every_variant_and_a_place_for_every_run() -> None:
    drawn = ElementTree.fromstring(svg_of(trend_chart(FOUND, Measure.CPU)))
    assert drawn.tag.endswith("svg")
    assert {*COST, "1", "2", "3"} <= {text.strip() for text in drawn.itertext()}


def test_its_alternative_tells_every_run() -> None:
    told = alternative(FOUND, Measure.CPU)
    assert told.startswith(Measure.CPU.heading)
    for name in COST:
        assert name in told
    assert told.count("in run 3") == len(COST)


def test_a_measure_that_nobody_has_is_not_told() -> None:
    assert "in run" not in alternative(FOUND, Measure.SUSTAINED)

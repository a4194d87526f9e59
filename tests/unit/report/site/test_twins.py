"""The chart of identical servers."""

from xml.etree import ElementTree

from harness.analysis.measures import Measure
from harness.analysis.stats.intervals import Interval
from harness.analysis.twins import RunTwins, TwinCheck, TwinTally, tally_twins
from harness.report.drawing.draw import svg_of
from harness.report.site.twins import alternative, twins_chart
from tests.toys.runs import CONDITION


def tally(*means: float) -> TwinTally:
    checks = tuple(
        TwinCheck(
            CONDITION,
            Measure.CPU,
            Interval(mean, mean - 0.02, mean + 0.02, 0.008, 6),
            holds_one=abs(mean - 1) < 0.02,
            agree=True,
        )
        for mean in means
    )
    return tally_twins([RunTwins("one", "", checks[:1]), RunTwins("two", "", checks[1:])])


def test_each_condition_has_a_line_in_the_colour_of_what_it_says() -> None:
    spec = twins_chart(tally(1.0, 0.99, 1.1))
    rows = spec["datasets"]["rows"]
    assert [row["at"] for row in rows] == [0, 1, 2]
    assert [row["interval"] for row in rows] == ["contains 1", "contains 1", "does not"]
    drawn = svg_of(spec)
    ElementTree.fromstring(drawn)
    assert drawn.count("#D55E00") >= 2, "a line and a point, besides the legend"


def test_a_chart_of_one_condition_and_one_of_two_hundred_can_be_drawn() -> None:
    for count in (1, 200):
        ElementTree.fromstring(svg_of(twins_chart(tally(*[1.0] * count))))


def test_its_text_is_the_result() -> None:
    assert "1 in 2 of 3 conditions" in alternative(tally(1.0, 0.99, 1.1))

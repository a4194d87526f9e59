"""The small picture of a claim: marks against a band, within its edges, and in words."""

import math

import msgspec
import pytest

from harness.analysis.judgements import Evidence, Kind, Quantity
from harness.analysis.stats.interval import Interval
from harness.report.charts.claims import WIDTH, Picture, claim_picture
from tests.toys.evidence import ONE_BLOCK, evidence, judgement


def picture(*found: Evidence) -> Picture:
    made = claim_picture(judgement(*found))
    assert made is not None
    return made


def about(
    mean: float, least: float | None, most: float | None, kind: Kind = Kind.RATIO
) -> Evidence:
    """A value with a bound below it or above it."""
    value = Interval(mean, mean * 0.9, mean * 1.1, mean * 0.05, 5)
    return Evidence("tiny-1", "x", "x", value, least, most, None, "", Quantity(kind, "throughput"))


def test_a_value_in_the_claimed_range_lies_in_the_band_and_another_outside() -> None:
    (strip,) = picture(evidence(True), evidence(False)).strips
    inside, outside = strip.marks
    assert strip.low < inside.x < strip.high == WIDTH
    assert outside.x < strip.low
    assert (inside.holds, outside.holds) == (True, False)
    assert strip.edges == (strip.low,)
    assert inside.low is not None
    assert inside.high is not None
    assert inside.low < inside.x < inside.high


def test_ratios_lie_on_a_logarithmic_axis_and_amounts_on_a_linear_one() -> None:
    for kind, middle in ((Kind.RATIO, 10.0), (Kind.MEMORY, 50.5)):
        items = [about(mean, 1.0, 100.0, kind) for mean in (1.0, middle, 100.0)]
        (strip,) = picture(*items).strips
        one, two, three = (mark.x for mark in strip.marks)
        assert two - one == pytest.approx(three - two, abs=0.3)


def test_each_claimed_range_has_a_line_and_ratios_share_one_axis() -> None:
    near, far = about(2.0, 40.0, None), about(60.0, 230.0, None)
    first, second = picture(near, far).strips
    assert (first.ticks, bool(second.ticks)) == ((), True)
    assert first.y < second.y
    assert "at least 40" in first.title
    assert "at least 230" in second.title


def test_values_of_two_measures_have_a_line_each() -> None:
    titles = [s.title for s in picture(evidence(True), evidence(True, measure="p99")).strips]
    assert [title.partition(":")[0] for title in titles] == ["throughput", "p99 latency"]


@pytest.mark.parametrize(
    ("least", "most", "edges"), [(1.0, None, 1), (None, 2.0, 1), (1.0, 2.0, 2), (4.0, 4.0, 1)]
)
def test_a_band_reaches_to_the_picture_where_the_claim_has_no_bound(
    least: float | None, most: float | None, edges: int
) -> None:
    (strip,) = picture(about(1.5, least, most)).strips
    assert len(strip.edges) == edges
    assert (strip.low == 0.0) is (least is None)
    assert (strip.high == WIDTH) is (most is None)


def test_one_block_is_a_mark_without_an_interval() -> None:
    ((mark,),) = (
        s.marks for s in picture(msgspec.structs.replace(evidence(None), value=ONE_BLOCK)).strips
    )
    assert (mark.low, mark.high, mark.holds) == (None, None, None)


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize(
    ("mean", "low", "high"),
    [
        (0.0, 0.0, 0.0), (-3.0, -4.0, 2.0), (1e-300, 1e-308, 1e300), (1.7e308, 1.0, 1.7e308),
        (1.0, 1.0, 1.0), (0.97, 0.96, 0.98), (4.0, 4.0, 4.0),
    ],
)  # fmt: skip
def test_everything_stays_within_the_picture_whatever_was_measured(
    kind: Kind, mean: float, low: float, high: float
) -> None:
    item = Evidence(
        "tiny-1", "x", "x", Interval(mean, low, high, 1.0, 3), 1.0, 2.0, None, "", Quantity(kind)
    )
    made = picture(item)
    (strip,) = made.strips
    places = [strip.low, strip.high, *strip.edges, *(tick.x for tick in strip.ticks)]
    places += [x for mark in strip.marks for x in (mark.x, mark.low, mark.high) if x is not None]
    assert all(math.isfinite(x) and 0 <= x <= WIDTH for x in places)
    assert 1 <= len(strip.ticks) <= 6
    assert strip.y < made.height


def test_a_narrow_axis_has_two_marks_at_least() -> None:
    (strip,) = picture(about(1.0, None, 1.05)).strips
    assert len(strip.ticks) >= 2
    assert len({tick.text for tick in strip.ticks}) == len(strip.ticks)


def test_a_claim_without_figures_has_no_picture() -> None:
    assert claim_picture(judgement()) is None
    lost = msgspec.structs.replace(evidence(None), value=Interval(math.nan, None, None, None, 1))
    assert claim_picture(judgement(lost)) is None


def test_few_values_are_told_one_by_one_and_many_in_sum() -> None:
    few = picture(evidence(True), evidence(False)).alt
    assert "claimed at least 40" in few
    assert "45 [40, 50] holds; 2 [1.5, 2.5] does not hold" in few
    many = picture(*(evidence(holds) for holds in (True, False, False, None, True))).alt
    assert "5 values from 2 to 45, 2 hold, 2 do not" in many

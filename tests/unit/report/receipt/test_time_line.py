"""The picture of a request: lanes, order, and labels that fit."""

from itertools import pairwise

import pytest

from harness.analysis.receipt.receipt import Cause, CauseKind, Span, TimeLine
from harness.records.observation import Amount
from harness.report.receipt.time_line import LinePicture, time_line_picture
from tests.toys.receipts import COUNT, LIFE_CYCLE, LIST, middleware, time_line


def drawn(*spans: Span, narrow: bool = False) -> LinePicture:
    return time_line_picture(TimeLine(5_000, spans), "event loop", narrow=narrow)


def hop(begin: float, end: float, cause: Cause | None = LIST, thread: int = 1) -> Span:
    return Span(Amount.HOPS, begin, end, thread, cause)


def texts(of: LinePicture) -> list[str]:
    return [label.text for label in of.labels]


def test_each_thread_has_a_lane_beside_the_loop() -> None:
    of = drawn(hop(0, 10), hop(20, 30, thread=2))
    assert [lane.name for lane in of.lanes] == ["event loop", "thread 1", "thread 2"]
    assert of.lanes[0].x < of.lanes[1].x < of.lanes[2].x


def test_a_hop_goes_from_the_loop_to_its_lane_and_back() -> None:
    of = drawn(hop(0, 10))
    there, back = of.arrows
    assert (there.x, there.back) == (of.lanes[0].x, False)
    assert (back.to, back.back) == (of.lanes[0].x, True)
    assert there.y < back.y


def test_later_is_lower_and_no_two_labels_overlap() -> None:
    of = time_line_picture(time_line(), "event loop")
    heights = [label.y for label in of.labels]
    assert len(heights) > 12
    assert all(other - one >= 14 for one, other in pairwise(heights))
    assert max(heights) < of.height


def test_hops_asked_for_at_the_same_time_have_labels_of_their_own() -> None:
    of = drawn(hop(5, 10), hop(5, 20, COUNT), hop(5, 30, middleware("a.B")))
    heights = [label.y for label in of.labels]
    assert all(other - one >= 14 for one, other in pairwise(heights))


def test_a_hop_that_waits_for_its_thread_is_drawn_beside_it_until_it_runs() -> None:
    of = drawn(hop(0, 100), hop(10, 200, COUNT))
    first, waits = of.blocks[0], next(b for b in of.blocks if b.tone == "wait")
    second = of.blocks[1]
    assert second.y == pytest.approx(first.y + first.height)
    assert waits.y + waits.height == pytest.approx(second.y)
    assert waits.x > first.x + first.width


def test_a_statement_belongs_to_the_hop_that_runs_and_to_none_that_waits() -> None:
    statement = Span(Amount.STATEMENTS, 50, 60, 1, LIST)
    of = drawn(hop(0, 100), hop(10, 200, COUNT), statement)
    assert texts(of)[0].endswith("1 statement")
    assert "statement" not in texts(of)[1]


def test_a_hop_within_a_hop_is_narrower() -> None:
    outer, inner, *_ = drawn(hop(0, 500, COUNT), hop(100, 200)).blocks
    assert outer.x < inner.x
    assert inner.x + inner.width < outer.x + outer.width
    assert "wait" not in (outer.tone, inner.tone)


def test_equal_hops_that_follow_each_other_are_one() -> None:
    of = drawn(hop(0, 10), hop(20, 30), hop(40, 50), hop(60, 70, COUNT))
    assert texts(of)[0].startswith("3 × Post.objects.afirst")
    assert len(of.labels) == 3


def test_statements_are_counted_where_they_are_made() -> None:
    statement = Span(Amount.STATEMENTS, 2, 4, 1, LIST)
    of = drawn(hop(0, 10), statement)
    assert texts(of)[0].endswith("1 statement")
    assert [block.tone for block in of.blocks] == ["own", "statement"]
    alone = drawn(Span(Amount.STATEMENTS, 2, 4, 0, LIST))
    assert "statement" in texts(alone)[0]


def test_tones_tell_the_project_from_the_framework_and_from_waits() -> None:
    wait = Span(Amount.POOL_WAIT_US, 40, 50, 1, None)
    of = drawn(hop(0, 10, LIFE_CYCLE), hop(20, 30, COUNT), wait)
    assert [block.tone for block in of.blocks] == ["cycle", "own", "wait"]
    assert "waits for a connection" in texts(of)


def test_labels_fit_their_picture_and_classes_are_not_cut_on_a_desk() -> None:
    name = f"mysite.{'very.' * 30}SessionMiddleware"
    for narrow in (False, True):
        of = drawn(hop(0, 10, middleware(name)), narrow=narrow)
        label = of.labels[0]
        assert label.x + 7 * len(label.text) <= of.width
        assert "SessionMiddleware" in label.text
        assert name in label.full
        assert any(name in line for line in of.says)


def test_a_page_with_two_hundred_hops_stays_a_picture() -> None:
    spans = [
        hop(20 * n, 20 * n + 10, Cause(CauseKind.QUERY, f"Post.objects.q{n}")) for n in range(200)
    ]
    of = time_line_picture(TimeLine(5_000, tuple(spans)), "event loop")
    assert len(of.labels) <= 62
    assert "and 140 more" in texts(of)


def test_ten_threads_leave_room_for_labels_on_a_phone() -> None:
    spans = [hop(20 * n, 20 * n + 10, middleware(f"a.B{n}"), thread=n + 1) for n in range(10)]
    of = drawn(*spans, narrow=True)
    assert all(label.x < 0.6 * of.width for label in of.labels)


def test_what_is_done_after_the_answer_is_drawn_below_it() -> None:
    of = drawn(hop(10, 20), hop(6_000, 6_100, LIFE_CYCLE))
    assert [label.text.partition(" ")[0] for label in of.labels] == [
        "Post.objects.afirst", "answered", "request_started"
    ]  # fmt: skip


def test_a_request_without_a_hop_is_a_line() -> None:
    of = drawn()
    assert texts(of) == ["answered"]
    assert len(of.lanes) == 1

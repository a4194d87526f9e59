from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from harness.report.charts.labels import Slot, in_lines, shortened, spread

SLOTS = st.lists(
    st.builds(Slot, wish=st.floats(-50, 400), height=st.floats(5, 40)), min_size=1, max_size=12
)


@given(slots=SLOTS)
def test_labels_never_cover_each_other(slots: list[Slot]) -> None:
    middles = spread(slots, 0.0, 300.0)
    halves = [slot.height / 2 for slot in slots]
    boxes = sorted((at - half, at + half) for at, half in zip(middles, halves, strict=True))
    assert all(after[0] >= before[1] - 1e-6 for before, after in pairwise(boxes))


@given(slots=SLOTS)
def test_labels_that_fit_stay_within_their_room(slots: list[Slot]) -> None:
    room = sum(slot.height for slot in slots) + 1.0
    middles = spread(slots, 0.0, room)
    for middle, slot in zip(middles, slots, strict=True):
        assert middle - slot.height / 2 >= -1e-6
        assert middle + slot.height / 2 <= room + 1e-6


def test_a_label_with_room_stands_where_it_wishes() -> None:
    assert spread([Slot(200.0, 10.0), Slot(100.0, 10.0)], 0.0, 300.0) == [200.0, 100.0]


def test_two_labels_that_wish_the_same_place_part_evenly() -> None:
    assert spread([Slot(100.0, 10.0), Slot(100.0, 10.0)], 0.0, 300.0) == [95.0, 105.0]


@given(text=st.text("ab-/_. ", min_size=1, max_size=60), most=st.integers(5, 20))
def test_lines_are_no_longer_and_no_more_than_asked(text: str, most: int) -> None:
    lines = in_lines(text, most, 3)
    assert len(lines) <= 3
    assert all(len(line) <= most for line in lines)


def test_a_name_breaks_at_its_joints_and_a_long_one_loses_its_middle() -> None:
    assert in_lines("django/sync-threads", 12, 3) == ["django/sync-", "threads"]
    assert in_lines("short", 12, 3) == ["short"]
    cut = shortened("a" * 20 + "b" * 20, 11)
    assert (len(cut), cut[0], cut[5], cut[-1]) == (11, "a", "…", "b")

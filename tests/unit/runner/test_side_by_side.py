"""Items at a time: their order, their number, and how an error or the end of interest ends them."""

import threading
from contextlib import closing

import pytest

from harness.runner.side_by_side import side_by_side
from tests.waiting import PATIENCE_S


def test_a_slow_item_holds_up_the_telling_and_not_the_work() -> None:
    """The first ends only after all others have ended; the results come in the items' order."""
    others = threading.Semaphore(0)

    def act(item: int) -> int:
        if item:
            others.release()
        else:
            for _ in range(4):
                assert others.acquire(timeout=PATIENCE_S)
        return item * 10

    assert list(side_by_side(act, range(5), 2)) == [0, 10, 20, 30, 40]


def test_so_many_are_under_way_and_no_more() -> None:
    guard, together = threading.Lock(), threading.Barrier(3)
    under_way: set[int] = set()
    most = 0

    def act(item: int) -> int:
        nonlocal most
        with guard:
            under_way.add(item)
            most = max(most, len(under_way))
        together.wait(PATIENCE_S)  # passes only where three are under way
        with guard:
            under_way.discard(item)
        return item

    assert list(side_by_side(act, range(9), 3)) == list(range(9))
    assert most == 3


def test_an_error_is_raised_at_once_and_nothing_more_is_begun() -> None:
    """Also while an earlier item is under way, which would never end."""
    never, first, begun = threading.Event(), threading.Event(), []

    def act(item: int) -> int:
        begun.append(item)
        if item == 1:
            assert first.wait(PATIENCE_S)
            raise ValueError("the second")
        first.set()
        never.wait()
        return item

    with pytest.raises(ValueError, match="the second"):
        list(side_by_side(act, range(9), 2))
    never.set()
    assert sorted(begun) == [0, 1]


def test_a_closed_iterator_begins_nothing_more() -> None:
    gate, begun = threading.Event(), []
    ended = threading.Semaphore(0)

    def act(item: int) -> int:
        begun.append(item)
        if item:
            assert gate.wait(PATIENCE_S)
            ended.release()
        return item

    with closing(side_by_side(act, range(9), 2)) as results:
        assert next(results) == 0
    gate.set()
    for _ in range(len(begun) - 1):
        assert ended.acquire(timeout=PATIENCE_S)
    assert len(begun) <= 3


def test_nothing_to_do_yields_nothing() -> None:
    assert list(side_by_side(str, [], 3)) == []

"""When a variant is not waited for any longer."""

import msgspec
import pytest

from harness.load.protocol import Tally
from harness.runner.holdups import HoldUps


def tally(correct: int, **errors: int) -> Tally:
    return Tally(
        correct=correct, errors=dict(errors), samples=[], reconnects=0, start_ns=0, end_ns=1,
        latencies=b"", sent=correct + sum(errors.values()),
    )  # fmt: skip


@pytest.mark.parametrize("drained", [True, False])
def test_timeouts_alone_are_enough(drained: bool) -> None:
    reason = HoldUps(30.0).note(tally(0, timeout=64), drained=drained)
    assert reason is not None
    assert "64" in reason
    assert "30 s" in reason


def test_a_second_turn_in_a_row_that_is_held_up_is_the_last() -> None:
    holdups = HoldUps(30.0)
    assert holdups.note(tally(16, timeout=48), drained=True) is None
    reason = holdups.note(tally(16, timeout=48), drained=True)
    assert reason is not None
    assert "48 of 64" in reason
    assert "2 turns" in reason


def test_now_and_then_it_may_be_an_accident_but_not_four_times() -> None:
    holdups = HoldUps(30.0)
    for _ in range(3):
        assert holdups.note(tally(100, timeout=1), drained=True) is None
        assert holdups.note(tally(100), drained=True) is None
    assert holdups.note(tally(100, timeout=1), drained=True) is not None


def test_a_window_may_be_offered_more_than_a_server_can_do() -> None:
    holdups = HoldUps(30.0)
    assert [holdups.note(tally(100, timeout=900), drained=False) for _ in range(9)] == [None] * 9


def test_errors_that_cost_no_time_hold_nothing_up() -> None:
    errors = {"status 503": 10, "timeout": 0}
    holdups = HoldUps(30.0)
    assert [holdups.note(tally(0, **errors), drained=True) for _ in range(9)] == [None] * 9


def test_the_first_turn_that_is_held_up_is_told_at_once_and_only_that() -> None:
    holdups, held_up = HoldUps(2.0), tally(16, timeout=48)
    holdups.note(held_up, drained=True)
    warning = holdups.warning(held_up)
    assert warning is not None
    assert "48 of 64" in warning
    good = tally(64)
    holdups.note(good, drained=True)
    assert holdups.warning(good) is None


@pytest.mark.parametrize("kind", ["connect", "closed"])
def test_a_port_that_never_answers_is_left_after_two_turns(kind: str) -> None:
    holdups = HoldUps(30.0)
    assert holdups.note(tally(0, **{kind: 64}), drained=True) is None
    reason = holdups.note(tally(0, **{kind: 64}), drained=True)
    assert reason is not None
    assert "none of 64" in reason
    assert kind in reason


def test_a_server_that_has_answered_may_lose_its_connections_later() -> None:
    holdups = HoldUps(30.0)
    assert holdups.note(tally(1), drained=True) is None
    assert [holdups.note(tally(0, connect=64), drained=True) for _ in range(9)] == [None] * 9


def test_answers_after_a_windows_end_are_answers() -> None:
    slow = msgspec.structs.replace(tally(0, timeout=9), in_flight=40)
    assert HoldUps(30.0).note(slow, drained=False) is None

"""What befalls a turn, from looks before and after it; clocks and readers are given by hand."""

import numpy as np
import pytest

from harness.lab.clocks import Offsets
from harness.load.protocol import Tally
from harness.runner.lookout import SLOW, STALL_S, Sight, between, stalled, stalls

SECOND = 1_000_000_000
START = 100 * SECOND


def sight(at_s: float, **changes: object) -> Sight:
    found: dict[str, object] = {
        "real_ns": 10**18, "asleep_ns": 5 * SECOND, "throttled_ns": 7, "backbone": 42,
    } | changes  # fmt: skip
    offsets = Offsets(real_ns=found.pop("real_ns"), asleep_ns=found.pop("asleep_ns"))  # type: ignore[arg-type]
    return Sight(at_ns=round(at_s * SECOND), offsets=offsets, **found)  # type: ignore[arg-type]


def kinds(before: Sight, after: Sight) -> dict[str, object]:
    return {event.kind: event.seconds for event in between(before, after)}


def tally(answers: list[tuple[float, float]], end_s: float, before: list[float] = []) -> Tally:  # noqa: B006
    """Of answers by the times, in seconds, at which they were sent and came."""
    answers = sorted(answers, key=lambda pair: pair[1])
    starts = np.array([START + round(sent * SECOND) for sent, _ in answers], np.int64)
    latencies = np.array([round((came - sent) * SECOND) for sent, came in answers], np.int64)
    ends = np.array([START + round(came * SECOND) for came in before], np.int64)
    return Tally(
        correct=len(answers), errors={}, samples=[], reconnects=0, start_ns=START,
        end_ns=START + round(end_s * SECOND), latencies=latencies.tobytes(),
        starts=starts.tobytes(), ends_before=ends.tobytes(),
    )  # fmt: skip


def test_a_quiet_turn_has_no_event() -> None:
    assert kinds(sight(0), sight(0.2)) == {}


def test_slow_corrections_by_ntp_are_no_jump() -> None:
    slewed = 10**18 + round(0.0005 * 3600 * SECOND)
    assert kinds(sight(0), sight(3600, real_ns=slewed)) == {}


@pytest.mark.parametrize("jump_s", [-3600.0, -0.2, 0.2, 5.0])
def test_setting_the_time_of_day_is_a_clock_jump(jump_s: float) -> None:
    jumped = sight(0.2, real_ns=10**18 + round(jump_s * SECOND))
    (event,) = between(sight(0), jumped)
    assert event.kind == "clock-jumped"
    assert event.seconds == pytest.approx(abs(jump_s))
    assert ("back" in event.detail) is (jump_s < 0)


def test_a_suspend_is_no_jump_of_the_clock_although_the_time_of_day_ran_on() -> None:
    (event,) = between(sight(0), sight(0.2, real_ns=10**18 + 30 * SECOND, asleep_ns=35 * SECOND))
    assert event.kind == "suspended"
    assert event.seconds == pytest.approx(30.0)


def test_a_quota_that_withholds_processors_throttles() -> None:
    (event,) = between(sight(0), sight(0.2, throttled_ns=7 + SECOND // 20))
    assert event.kind == "throttled"
    assert event.seconds == pytest.approx(0.05)


@pytest.mark.parametrize("throttled_ns", [8, None])
def test_a_trace_of_throttling_or_no_quota_is_no_event(throttled_ns: int | None) -> None:
    assert kinds(sight(0), sight(0.2, throttled_ns=throttled_ns)) == {}
    assert kinds(sight(0, throttled_ns=throttled_ns), sight(0.2)) == {}


@pytest.mark.parametrize("later", [None, 43])
def test_another_checkpointer_means_that_postgresql_restarted(later: int | None) -> None:
    assert kinds(sight(0), sight(0.2, backbone=later)) == {"database-restarted": None}
    assert kinds(sight(0, backbone=None), sight(0.2, backbone=later)) == {}


def test_a_time_without_an_answer_while_requests_are_under_way_is_a_stall() -> None:
    answers = [(n / 100, n / 100 + 0.01) for n in range(20)]
    assert stalls(tally([*answers, (0.2, 3.2), (0.2, 3.3)], 3.3)) == [pytest.approx(3.0)]


def test_time_without_requests_is_none() -> None:
    """An open loop at a low rate: nothing is due for ten seconds."""
    assert stalls(tally([(0.0, 0.01), (10.0, 10.01)], 20)) == []


def test_a_stall_that_began_before_its_requests_counts_from_them() -> None:
    assert stalls(tally([(0.0, 0.01), (5.0, 7.0)], 20)) == [pytest.approx(2.0)]


def test_of_a_window_answers_to_earlier_requests_count_too() -> None:
    rest = [(0.05, 2.4)]
    assert stalls(tally(rest, 2.5, before=[n / 2 for n in range(5)])) == []
    assert stalls(tally(rest, 2.5, before=[0.0])) == [pytest.approx(2.35)]


def test_no_answers_are_no_stall() -> None:
    """They are errors, or a server that starves."""
    assert stalls(tally([], 30)) == []


def test_a_server_that_is_slow_by_nature_does_not_stall() -> None:
    (gap,) = stalls(tally([(0.0, 2.0)], 2.0))
    assert stalled(gap, typical_s=2.0) is None
    event = stalled(gap, typical_s=0.01)
    assert event is not None
    assert event.kind == "stalled"
    assert event.seconds == pytest.approx(2.0)
    assert "2.0 s" in event.detail
    assert "10 ms" in event.detail


def test_the_limit_of_a_stall_is_a_second_or_a_multiple_of_the_latency() -> None:
    assert stalled(STALL_S - 0.01, 0.01) is None
    assert stalled(STALL_S, 0.01) is not None
    assert stalled(SLOW * 0.9, 1.0) is None
    assert stalled(SLOW, 1.0) is not None

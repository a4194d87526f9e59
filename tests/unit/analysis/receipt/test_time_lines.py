"""The time line of a request: the usual one, its threads, its order."""

from harness.analysis.receipt.receipt import Cause, CauseKind
from harness.analysis.receipt.time_lines import time_line
from harness.records.observation import Amount, Happening, ObservedRequest

LOOP, WORKER, OTHER = 4_100, 4_101, 4_102


def did(
    what: Amount, begin_us: float, end_us: float | None, thread: int | None, by: int = LOOP
) -> Happening:
    end = None if end_us is None else 1_000_000 + round(end_us * 1e3)
    return Happening(what, 1_000_000 + round(begin_us * 1e3), end, thread, by, ())


def request(*happenings: Happening, took_us: float = 900) -> ObservedRequest:
    return ObservedRequest(200, 1_000_000, 1_000_000 + round(took_us * 1e3), {}, happenings)


def cause(happening: Happening) -> Cause:
    return Cause(CauseKind.CALL, happening.what)


HOP = did(Amount.HOPS, 10, 50, WORKER)


def test_the_loop_is_thread_0_and_others_follow_as_they_appear() -> None:
    statement = did(Amount.STATEMENTS, 5, 8, LOOP)
    line = time_line([request(statement, HOP, did(Amount.HOPS, 60, 70, OTHER))], cause)
    assert line is not None
    assert [(span.what, span.thread) for span in line.spans] == [
        (Amount.STATEMENTS, 0), (Amount.HOPS, 1), (Amount.HOPS, 2)
    ]  # fmt: skip


def test_times_count_from_the_first_byte_sent_in_microseconds() -> None:
    line = time_line([request(HOP)], cause)
    assert line is not None
    assert line.took_us == 900
    (span,) = line.spans
    assert (span.begin_us, span.end_us, span.cause) == (10, 50, cause(HOP))


def test_the_request_that_took_what_most_took_is_drawn() -> None:
    odd = request(HOP, HOP, took_us=100)
    line = time_line([odd, *(request(HOP, took_us=us) for us in (300, 500, 400))], cause)
    assert line is not None
    assert (len(line.spans), line.took_us) == (1, 400)


def test_a_hop_that_has_not_ended_lasts_until_all_that_is_known() -> None:
    late = did(Amount.HOPS, 900, 1_200, OTHER)
    line = time_line([request(did(Amount.HOPS, 10, None, None), late)], cause)
    assert line is not None
    assert [span.end_us for span in line.spans] == [1_200, 1_200]


def test_only_what_has_a_length_is_drawn() -> None:
    started = did(Amount.THREADS, 10, None, None)
    line = time_line([request(started, did(Amount.RETURNS, 10, 20, None))], cause)
    assert line is not None
    assert line.spans == ()


def test_without_a_request_there_is_none() -> None:
    assert time_line([], cause) is None

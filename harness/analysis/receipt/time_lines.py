"""The time line of one request: which thread did what, from the first byte sent to its rest."""

from collections import Counter
from collections.abc import Callable, Sequence

from harness.analysis.receipt.receipt import PRICED, Cause, Span, TimeLine
from harness.records.observation import Amount, Happening, ObservedRequest

_DRAWN = (
    Amount.HOPS, Amount.HANDOVERS, Amount.POOL_WAIT_US, Amount.CONNECTIONS, Amount.STATEMENTS,
)  # fmt: skip
_TELLING = (*PRICED, Amount.HANDOVERS, Amount.STATEMENTS)
"""Their numbers tell whether two requests took the same."""
_US = 1000


def time_line(
    observed: Sequence[ObservedRequest], cause_of: Callable[[Happening], Cause]
) -> TimeLine | None:
    """The time line of a request that took what most took; None where nothing was observed.

    Args:
        observed: requests to one URL.
        cause_of: names the cause of a happening.
    """
    usual = _usual(observed)
    if usual is None:
        return None
    spans = [h for h in usual.happenings if h.what in _DRAWN]
    end = max([usual.answered_ns, *(h.end_ns for h in spans if h.end_ns is not None)])
    numbers = _numbers(spans)
    return TimeLine(
        took_us=(usual.answered_ns - usual.sent_ns) / _US,
        spans=tuple(
            Span(
                what=one.what,
                begin_us=(one.begin_ns - usual.sent_ns) / _US,
                end_us=((end if one.end_ns is None else one.end_ns) - usual.sent_ns) / _US,
                thread=numbers[_worker(one)],
                cause=cause_of(one),
            )
            for one in sorted(spans, key=lambda one: one.begin_ns)
        ),
    )


def _usual(observed: Sequence[ObservedRequest]) -> ObservedRequest | None:
    """Of the requests that took the same as most, the one of median length."""
    if not observed:
        return None
    taken = [_taken(request) for request in observed]
    (most, _), *_ = Counter(taken).most_common(1)
    alike = [request for request, what in zip(observed, taken, strict=True) if what == most]
    alike.sort(key=lambda request: request.answered_ns - request.sent_ns)
    return alike[len(alike) // 2]


def _taken(request: ObservedRequest) -> tuple[int, ...]:
    counts = Counter(happening.what for happening in request.happenings)
    return tuple(counts[amount] for amount in _TELLING)


def _numbers(spans: Sequence[Happening]) -> dict[int, int]:
    """By native id: 0 for the thread that asks for hops, or is first; others as they appear."""
    ordered = sorted(spans, key=lambda one: one.begin_ns)
    first = next((one.by for one in ordered if one.what is Amount.HOPS), None)
    threads = [] if first is None else [first]
    for one in ordered:
        threads += [one.by, _worker(one)]
    return {thread: number for number, thread in enumerate(dict.fromkeys(threads))}


def _worker(one: Happening) -> int:
    """The thread that did it; the asker's, where it has not begun."""
    return one.by if one.thread is None else one.thread

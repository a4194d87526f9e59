"""Does `/cpu` run its loop? Asked of the CPU clock, which no closed formula can deceive."""

import time
from functools import cache

from harness.audit.http_checks import Subject, expect
from harness.inputs.contract import cpu_sum
from harness.lab.clocks import TreeClock

_REQUESTS = 3
LEAST_SHARE = 0.4
"""Share of the harness's own time for the same loop. It is below 1 because the two run at different
moments on cores whose speed varies; a formula needs less than a thousandth."""


def cpu_per_request_ns(subject: Subject, clock: TreeClock) -> float:
    """CPU nanoseconds of the server per `/cpu` request, the answers checked."""
    expected = cpu_sum(subject.settings.cpu_iterations)
    subject.answer("cpu")
    before = clock.read_ns()
    for _ in range(_REQUESTS):
        expect(subject.answer("cpu")["ct"] == expected, f"expected ct = {expected}")
    return (clock.read_ns() - before) / _REQUESTS


def check_cpu_scales(few: tuple[int, float], many: tuple[int, float]) -> None:
    """CPU time per request grows with the iterations as the loop itself does.

    Args:
        few, many: iterations, and CPU nanoseconds per request, of two servers.
    """
    iterations = many[0] - few[0]
    grown = many[1] - few[1]
    own = _own_loop_ns(iterations)
    expect(
        grown >= LEAST_SHARE * own,
        f"{iterations} more iterations cost {grown / 1e6:.2f} ms more CPU time per request, and "
        f"the loop alone takes {own / 1e6:.2f} ms here: /cpu does not run it",
    )


@cache
def _own_loop_ns(iterations: int) -> float:
    """The fastest of three, in this interpreter."""
    best = float("inf")
    for _ in range(3):
        before = time.thread_time_ns()
        ct = 0
        for i in range(iterations):
            ct += i * i
        best = min(best, time.thread_time_ns() - before)
    return best

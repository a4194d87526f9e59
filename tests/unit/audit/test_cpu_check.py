import time

import pytest

from harness.audit.cpu_check import check_cpu_scales
from harness.audit.http_checks import Violation

FEW, MANY = 1_000, 400_000


def loop_ns(iterations: int) -> float:
    before = time.thread_time_ns()
    ct = 0
    for i in range(iterations):
        ct += i * i
    return time.thread_time_ns() - before


def test_the_loop_itself_scales() -> None:
    """The slowest of a few, so that a core that changes its speed does not decide."""
    many = max(loop_ns(MANY) for _ in range(5))
    check_cpu_scales((FEW, loop_ns(FEW)), (MANY, many))


def test_a_constant_cost_however_high_is_no_loop() -> None:
    """A formula that hides behind busy work that does not grow."""
    cost = 10 * loop_ns(MANY)
    with pytest.raises(Violation, match="does not run it"):
        check_cpu_scales((FEW, cost), (MANY, cost))


def test_a_tenth_of_the_loop_is_not_the_loop() -> None:
    with pytest.raises(Violation, match=f"{MANY - FEW} more iterations"):
        check_cpu_scales((FEW, 0), (MANY, loop_ns(MANY // 10)))

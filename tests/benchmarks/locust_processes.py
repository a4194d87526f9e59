"""Locust's HttpUser in four processes against one: the most requests per second, all checked.

Usage: `uv run python -m tests.benchmarks.locust_processes [ROUNDS]`. Both go up the same ramp, by
the driver that a run uses, against the bare server, and both may use the same processors: first
one, which shows the cost of the division, then two. The server needs little, and shares them.
"""

import os
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

from harness.base.workspace import cache_folder
from harness.lab.network import HOST
from harness.load.bare_server import BODY
from harness.load.ceiling import bare_server
from harness.load.locust.driver import LocustsHere, RampPlan, climb, prepare_locust
from tests.benchmarks.comparison import LOAD_CPU, SERVER_CPU, drawn, ratio, rounds

USERS, SECONDS = 32, 5
PROCESSES = (1, 4)


def ceiling_per_s(python: Path, folder: Path, processes: int, cpus: Sequence[int]) -> float:
    """Median of the correct answers in each whole second with all users."""
    plan = RampPlan(
        path="/", users=USERS, per_s=USERS, hold_s=SECONDS, client="http", body=BODY.decode(),
        processes=processes,
    )  # fmt: skip
    with bare_server([SERVER_CPU]) as (_, port):
        result = climb(
            [LocustsHere(python, folder, cpus)], plan, f"http://{HOST}:{port}", name="ceiling",
            meanwhile=lambda: None,
        )  # fmt: skip
    assert not result.errors, result.errors
    assert result.users == USERS
    seconds = [int(at_s) for at_s, _ in result.answers]
    return statistics.median(seconds.count(second) for second in range(1, SECONDS + 1))


def main() -> None:
    """Measure and print."""
    allowed = os.sched_getaffinity(0)
    python, numbers = prepare_locust(cache_folder()), rounds(3)
    os.sched_setaffinity(0, allowed)
    cores = {"one core": [LOAD_CPU], "two cores": [LOAD_CPU, SERVER_CPU]}
    rates: dict[tuple[str, int], list[float]] = {(c, n): [] for c in cores for n in PROCESSES}
    print(f"{USERS} HttpUsers, {SECONDS} s each")
    with tempfile.TemporaryDirectory() as name:
        for number in numbers:
            for case, processes in drawn(rates):
                rate = ceiling_per_s(python, Path(name), processes, cores[case])
                rates[case, processes].append(rate)
            told = (f"{n} on {case} {r[-1]:,.0f}/s" for (case, n), r in rates.items())
            print(f"round {number}: {', '.join(told)}", flush=True)
    for case in cores:
        print(f"4 processes / 1, {case}: {ratio(rates[case, 4], rates[case, 1])}")


if __name__ == "__main__":
    main()

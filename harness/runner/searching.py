"""A search, carried out on a server: each step is a window at its rate."""

import numpy as np

from harness.inputs.study import Objective
from harness.records.observations import Try
from harness.runner.rate_search import Search, Step
from harness.runner.slices import Turns, Window
from harness.runner.trial_builder import Gathering, Turn

_ALL, _NEVER = 100.0, 101.0
"""Percentiles: the last that there is, and one that no distribution has."""
_START_SHARE = 0.7
"""Of the closed loop's capacity: about where a queue of random arrivals begins to grow long."""


def search_for(
    objective: Objective,
    turns: Turns,
    gathering: Gathering,
    turn: Turn,
    highest_per_s: float | None,
) -> None:
    """Find the highest rate that meets the objective; the tries are kept, each with its window."""
    assert gathering.capacity_per_s is not None
    search = Search(_START_SHARE * gathering.capacity_per_s, highest_per_s)
    while (step := search.next_step()) is not None and gathering.server.running.running:
        window = turns.window(gathering, turn, step.rate_per_s, draw=len(gathering.tries))
        tried = judge(objective, step, window)
        gathering.slices.append(window.record)
        gathering.tries.append(tried)
        search.observe(tried.met)
    gathering.sustained_per_s.append(search.sustained_per_s)


def judge(objective: Objective, step: Step, window: Window) -> Try:
    """Whether a window met the objective. Dropped arrivals count as not achieved."""
    details = window.record.window
    assert details is not None
    offered = details.offered or 0
    failed = sum(window.record.errors.values())
    latencies = np.frombuffer(window.tally.latencies, dtype=np.int64)
    # Arrivals without an answer came later than all that have one.
    share = latencies.size / offered if offered else 0.0
    asked = objective.percentile / share if share else _NEVER
    latency = int(np.percentile(latencies, asked, method="inverted_cdf")) if asked <= _ALL else None
    achieved = window.record.correct / offered if offered else 0.0
    errors = failed / offered if offered else 0.0
    met = (
        latency is not None
        and latency <= objective.latency_ms * 1e6
        and errors <= objective.errors
        and achieved >= objective.achieved
    )
    return Try(
        rate_per_s=step.rate_per_s,
        achieved_per_s=window.record.correct / window.record.elapsed_ns * 1e9,
        latency_ns=latency,
        errors=errors,
        met=met,
        confirming=step.confirming,
    )

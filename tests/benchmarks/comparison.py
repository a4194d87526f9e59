"""What every comparison of generators has in common: cores, rounds, ratios."""

import os
import random
import statistics
import sys
from collections.abc import Iterable, Sequence

from harness.load.protocol import Tally
from harness.runner.trial_builder import Latencies

SERVER_CPU, LOAD_CPU = 0, 1


def rounds(default: int) -> range:
    """Their numbers, as many as the command line says. Moves this idle process to the load's core.

    Without that it could be woken on the server's.
    """
    os.sched_setaffinity(0, [LOAD_CPU])
    return range(1, (int(sys.argv[1]) if len(sys.argv) > 1 else default) + 1)


def drawn[T](items: Iterable[T]) -> list[T]:
    """In an order of this round's own, so that what the machine does befalls all alike."""
    chosen = list(items)
    random.shuffle(chosen)
    return chosen


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """Ours to theirs, taken within rounds."""
    ratios = [our / their for our, their in zip(ours, theirs, strict=True)]
    return f"{spread(ratios, '.2f')} (median, least and greatest of {len(ratios)})"


def spread(values: Sequence[float], form: str) -> str:
    """Median, least and greatest."""
    return f"{statistics.median(values):{form}} [{min(values):{form}}, {max(values):{form}}]"


def percentiles_us(tally: Tally, connections: int) -> tuple[float, float]:
    """p50 and p99 as a run takes them: without the first and the last N responses."""
    found = Latencies(connections).add(tally)
    if found.p50_ns is None or found.p99_ns is None:
        sys.exit(f"{tally.correct} responses are too few for {connections} connections")
    return found.p50_ns / 1e3, found.p99_ns / 1e3

"""Due times of an open loop's requests, drawn beforehand so that the load cannot shift them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.load.protocol import Arrivals

type _Floats = NDArray[np.floating[Any]]

_SPARE = 1.2
"""Gaps drawn beyond the expected number, before drawing more."""


def due_times(arrivals: Arrivals, start_ns: int, end_ns: int) -> list[int]:
    """All arrivals in [start_ns, end_ns), ascending, in nanoseconds on the same clock.

    The same seed gives the same distances from the start. There are none where the end lies before
    the start: the generator was halted meanwhile.
    """
    seconds = max(0, end_ns - start_ns) / 1e9
    draw = _constant if arrivals.kind == "constant" else _poisson
    offsets = draw(arrivals, seconds)
    times: list[int] = (start_ns + np.rint(offsets * 1e9).astype(np.int64)).tolist()
    return times


def _constant(arrivals: Arrivals, seconds: float) -> _Floats:
    gap = 1 / arrivals.rate_per_s
    count = max(0, int(np.ceil((seconds - arrivals.offset_s) / gap)))
    return arrivals.offset_s + np.arange(count) * gap


def _poisson(arrivals: Arrivals, seconds: float) -> _Floats:
    draw = np.random.default_rng(arrivals.seed)
    at_once = int(arrivals.rate_per_s * seconds * _SPARE) + 16
    times = np.cumsum(draw.exponential(1 / arrivals.rate_per_s, at_once))
    while times[-1] < seconds:
        more = np.cumsum(draw.exponential(1 / arrivals.rate_per_s, at_once))
        times = np.concatenate((times, times[-1] + more))
    return times[times < seconds]

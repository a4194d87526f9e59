"""Latencies of a trial: trimmed per slice, kept as an HDR histogram."""

import msgspec
import numpy as np
from hdrh.histogram import HdrHistogram
from numpy.typing import NDArray

from harness.load.protocol import Tally
from harness.records.histogram import DIGITS, HIGHEST_NS, LOWEST_NS


class SliceLatency(msgspec.Struct, frozen=True):
    """Percentiles of one slice or window, or None where too few responses are left."""

    p50_ns: int | None
    p99_ns: int | None


class Latencies:
    """Gathers the latencies of one trial.

    Args:
        connections: N. In a slice all N send at once at its start, and the last N answers come
            while nothing new is sent; both are left out, for they queued behind an edge of ours.
        window: a window has no such edges, and nothing is left out.
    """

    def __init__(self, connections: int, *, window: bool = False) -> None:
        self._edge = 0 if window else connections
        self._histogram = HdrHistogram(LOWEST_NS, HIGHEST_NS, DIGITS)

    def add(self, tally: Tally) -> SliceLatency:
        """Take a slice's or a window's latencies; return their percentiles."""
        every = np.frombuffer(tally.latencies, dtype=np.int64)
        kept = (
            every[self._edge : every.size - self._edge]
            if every.size > 2 * self._edge
            else every[:0]
        )
        self._take(kept)
        if kept.size == 0:
            return SliceLatency(None, None)
        p50, p99 = np.percentile(kept, [50, 99], method="inverted_cdf")
        return SliceLatency(int(p50), int(p99))

    def add_raw(self, values: bytes) -> None:
        """Take durations as they come from the generator."""
        self._take(np.frombuffer(values, dtype=np.int64))

    def encoded(self) -> str | None:
        """The histogram in its standard base64 encoding; None if nothing was recorded."""
        if self._histogram.get_total_count() == 0:
            return None
        encoded: bytes = self._histogram.encode()
        return encoded.decode("ascii")

    def _take(self, kept: NDArray[np.int64]) -> None:
        # Rounded to the histogram's own precision first, so that each distinct value is recorded
        # once with its count: recording one by one would take longer than the slice.
        steps = np.maximum(10 ** (np.floor(np.log10(np.maximum(kept, 1_000))) - 4), 1)
        values, counts = np.unique(np.rint(kept / steps) * steps, return_counts=True)
        for value, count in zip(values.astype(np.int64), counts, strict=True):
            self._histogram.record_value(int(value), int(count))

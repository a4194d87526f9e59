"""Percentiles from the latency histograms that trials keep."""

import binascii
import math
import struct
import zlib
from collections.abc import Sequence
from functools import lru_cache

import msgspec
import numpy as np
from hdrh.histogram import HdrHistogram
from numpy.typing import NDArray

LOWEST_NS, HIGHEST_NS, DIGITS = 1_000, 3_600_000_000_000, 3
"""Of every histogram: a microsecond to an hour, to a thousandth of the value."""
LEAST_BEYOND = 10
"""Values that must lie beyond a percentile for it to be more than the luck of a few: a 99th
percentile takes a thousand latencies."""
QUANTILES = (0.0, 25.0, 50.0, 75.0, 90.0, 95.0, 97.5, 99.0, 99.5, 99.75, 99.9, 99.95, 99.99, 99.999)
"""Percentiles of a distribution's plot; as many as have values enough beyond them are given."""
_ALL = 100.0
_SCALE = HdrHistogram(LOWEST_NS, HIGHEST_NS, DIGITS)
_BROKEN = (
    ValueError, TypeError, IndexError, OverflowError, binascii.Error, struct.error, zlib.error,
)  # fmt: skip


class Distribution(msgspec.Struct, frozen=True):
    """A histogram as arrays: where it has counts, how many, and these added up."""

    places: NDArray[np.int64]
    counts: NDArray[np.int64]
    total: int

    def holds(self, percentile: float) -> bool:
        """Whether enough values lie beyond it; none do beyond one above 100."""
        return self.total * (1 - percentile / _ALL) >= LEAST_BEYOND

    def at(self, percentile: float) -> int:
        """The value at a percentile (0-100), in nanoseconds, as HdrHistogram defines it."""
        wanted = max(1, int(min(percentile, _ALL) * self.total / _ALL + 0.5))
        index = int(np.searchsorted(np.cumsum(self.counts), wanted))
        value = _SCALE.get_value_from_index(int(self.places[min(index, self.places.size - 1)]))
        if percentile:
            return int(_SCALE.get_highest_equivalent_value(value))
        return int(_SCALE.get_lowest_equivalent_value(value))


def sample_percentile(values: NDArray[np.int64], percentile: float) -> int | None:
    """A percentile of raw values; None if there are none, or it is above 100.

    It is always one of the values: the smallest that as many per cent of them do not exceed
    (`inverted_cdf`, Hyndman and Fan 1996, definition 1).
    """
    if not values.size or percentile > _ALL:
        return None
    return int(np.percentile(values, percentile, method="inverted_cdf"))


def of_answered(percentile: float, answered: float) -> float:
    """Which percentile of the answers is that of all requests; above 100 where it is unknown.

    answered: the share of all requests; the others count as later than all that were answered.
    """
    return percentile / answered if answered else math.inf


def percentile_ns(encoded: str | None, percentile: float) -> int | None:
    """A percentile of an encoded HDR histogram, in nanoseconds.

    Returns:
        None where there is no histogram, or it has too few values for that percentile.
    """
    if encoded is None:
        return None
    found = decoded(encoded)
    return found.at(percentile) if found.holds(percentile) else None


def quantiles_ms(encoded: Sequence[str], answered: float = 1.0) -> list[tuple[float, float]]:
    """Percentiles and latencies in milliseconds, of several histograms added up.

    Args:
        encoded: the histograms, of what was answered.
        answered: see `of_answered`.
    """
    if not encoded:
        return []
    every = [decoded(text) for text in encoded]
    places, inverse = np.unique(np.concatenate([d.places for d in every]), return_inverse=True)
    counts = np.zeros(places.size, dtype=np.int64)
    np.add.at(counts, inverse, np.concatenate([d.counts for d in every]))
    whole = Distribution(places, counts, int(counts.sum()))
    asked = {p: of_answered(p, answered) for p in QUANTILES}
    return [(p, whole.at(own) / 1e6) for p, own in asked.items() if whole.holds(own)]


def is_readable(encoded: str | None) -> bool:
    """Whether it is a histogram of ours; None is as good, and means that there is none."""
    if encoded is None:
        return True
    try:
        decoded(encoded)
    except _BROKEN:
        return False
    except Exception as error:
        if type(error).__module__.startswith("hdrh"):
            return False  # its own errors have no base but this
        raise
    return True


@lru_cache(maxsize=16_384)
def decoded(encoded: str) -> Distribution:
    """Its counts, which are few; the percentiles of the library's own walk through all places.

    Raises:
        ValueError: of another range or precision than ours. The library raises others.
    """
    histogram = HdrHistogram.decode(encoded)
    range_ = histogram.lowest_trackable_value, histogram.highest_trackable_value
    if (*range_, histogram.significant_figures) != (LOWEST_NS, HIGHEST_NS, DIGITS):
        raise ValueError("a histogram of another range or precision")
    every = np.ctypeslib.as_array(histogram.counts).astype(np.int64)
    every = every[: histogram.encoder.payload.counts_len]
    places = np.flatnonzero(every)
    if not places.size or every.min() < 0:
        raise ValueError("a histogram without values")
    return Distribution(places.astype(np.int64), every[places], int(every.sum()))

"""Percentiles from the latency histograms that trials keep."""

import binascii
import struct
import zlib
from collections.abc import Sequence
from functools import lru_cache

from hdrh.histogram import HdrHistogram

LEAST_BEYOND = 10
"""Values that must lie beyond a percentile for it to be more than the luck of a few: a 99th
percentile takes a thousand latencies."""
QUANTILES = (0.0, 25.0, 50.0, 75.0, 90.0, 95.0, 97.5, 99.0, 99.5, 99.75, 99.9, 99.95, 99.99, 99.999)
"""Percentiles of a distribution's plot; as many as have values enough beyond them are given."""
_USUAL = (50.0, 99.0)


def percentile_ns(encoded: str | None, percentile: float) -> int | None:
    """A percentile (0-100) of an encoded HDR histogram, in nanoseconds.

    Returns:
        None where there is no histogram, or it has too few values for that percentile.
    """
    if encoded is None:
        return None
    total, values = _told(encoded)
    if total * (1 - percentile / 100) < LEAST_BEYOND:
        return None
    if percentile in values:
        return values[percentile]
    return int(HdrHistogram.decode(encoded).get_value_at_percentile(percentile))


def is_readable(encoded: str | None) -> bool:
    """Whether it is a histogram; None is as good, and means that there is none."""
    if encoded is None:
        return True
    try:
        _told(encoded)
    except (ValueError, IndexError, OverflowError, binascii.Error, struct.error, zlib.error):
        return False
    except Exception as error:
        if type(error).__module__.startswith("hdrh"):
            return False  # its own errors have no base but this
        raise
    return True


@lru_cache(maxsize=16_384)
def _told(encoded: str) -> tuple[int, dict[float, int]]:
    """How many values, and the percentiles that every report asks for: decoding takes its time."""
    histogram = HdrHistogram.decode(encoded)
    values = {p: int(histogram.get_value_at_percentile(p)) for p in _USUAL}
    return int(histogram.get_total_count()), values


def quantiles_ms(encoded: Sequence[str]) -> list[tuple[float, float]]:
    """Percentiles and latencies in milliseconds, of several histograms added up."""
    if not encoded:
        return []
    histogram = HdrHistogram.decode(encoded[0])
    for other in encoded[1:]:
        histogram.add(HdrHistogram.decode(other))
    total = histogram.get_total_count()
    kept = [p for p in QUANTILES if total * (1 - p / 100) >= LEAST_BEYOND]
    return [(p, histogram.get_value_at_percentile(p) / 1e6) for p in kept]

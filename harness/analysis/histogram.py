"""Percentiles from the latency histograms that trials keep."""

from functools import lru_cache

from hdrh.histogram import HdrHistogram

LEAST_BEYOND = 10
"""Values that must lie beyond a percentile for it to be more than the luck of a few: a 99th
percentile takes a thousand latencies."""


@lru_cache(maxsize=4096)
def percentile_ns(encoded: str | None, percentile: float) -> int | None:
    """A percentile (0-100) of an encoded HDR histogram, in nanoseconds.

    Returns:
        None where there is no histogram, or it has too few values for that percentile.
    """
    if encoded is None:
        return None
    histogram = HdrHistogram.decode(encoded)
    beyond = histogram.get_total_count() * (1 - percentile / 100)
    if beyond < LEAST_BEYOND:
        return None
    return int(histogram.get_value_at_percentile(percentile))

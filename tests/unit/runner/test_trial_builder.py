"""Latencies and single requests, as a trial keeps them."""

import io
import math

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from harness.load.protocol import Tally
from harness.runner.trial_builder import Latencies, Requests


def latency_tally(values: object) -> Tally:
    data = np.asarray(values, dtype=np.int64)
    return Tally(
        correct=data.size, errors={}, samples=[], reconnects=0, start_ns=0, end_ns=1,
        latencies=data.tobytes(),
    )  # fmt: skip


@given(
    values=st.lists(st.integers(1_000, 3_000_000_000), min_size=1, max_size=300),
    edge=st.integers(0, 20),
)
def test_a_slices_percentiles_are_numpys_without_the_first_and_last_n(
    values: list[int], edge: int
) -> None:
    latencies = Latencies(edge)
    seen = latencies.add(latency_tally(values))
    kept = values[edge : len(values) - edge] if len(values) > 2 * edge else []
    if not kept:
        assert (seen.p50_ns, seen.p99_ns) == (None, None)
        assert latencies.encoded() is None
    else:
        wanted = np.percentile(kept, [50, 99], method="inverted_cdf")
        assert (seen.p50_ns, seen.p99_ns) == tuple(wanted)


def test_the_edges_are_cut_in_order_of_completion_not_of_size() -> None:
    seen = Latencies(2).add(latency_tally([9_000, 9_000, 1_000, 2_000, 3_000, 9_000, 9_000]))
    assert (seen.p50_ns, seen.p99_ns) == (2_000, 3_000)


@pytest.mark.parametrize("scale", [2e5, 3e7, 5e9])
def test_the_histogram_of_several_slices_gives_percentiles_to_a_thousandth(scale: float) -> None:
    """From fractions of a millisecond to seconds, against numpy on the raw values."""
    draw = np.random.default_rng(3)
    slices = [np.rint(draw.lognormal(np.log(scale), 0.7, 4_000)) for _ in range(3)]
    latencies = Latencies(5)
    for values in slices:
        latencies.add(latency_tally(values))
    every = np.concatenate([values[5:-5] for values in slices])
    wanted = (1.0, 50.0, 90.0, 99.0, 99.9, 100.0)
    histogram = HdrHistogram.decode(latencies.encoded())
    seen = [histogram.get_value_at_percentile(percentile) for percentile in wanted]
    ordered = np.sort(every)
    for percentile, value in zip(wanted, seen, strict=True):
        rank = percentile / 100 * ordered.size  # rounded up or down: both are in use
        low = ordered[max(0, math.floor(rank) - 1)]
        high = ordered[min(ordered.size, math.ceil(rank)) - 1]
        assert low * (1 - 1.5e-3) <= value <= high * (1 + 1.5e-3)


def test_every_kept_response_is_in_the_histogram_once() -> None:
    latencies = Latencies(1)
    latencies.add(latency_tally(range(1_000, 1_000_000, 1_000)))
    latencies.add(latency_tally([5_000] * 10))
    encoded = latencies.encoded()
    assert encoded is not None
    assert HdrHistogram.decode(encoded).get_total_count() == (999 - 2) + (10 - 2)


@given(values=st.lists(st.integers(1_000, 3_000_000_000), min_size=1, max_size=100))
def test_of_a_window_nothing_is_left_out(values: list[int]) -> None:
    """It has no edges of ours: however many connections there are."""
    latencies = Latencies(50, window=True)
    seen = latencies.add(latency_tally(values))
    wanted = np.percentile(values, [50, 99], method="inverted_cdf")
    assert (seen.p50_ns, seen.p99_ns) == tuple(wanted)
    assert HdrHistogram.decode(latencies.encoded()).get_total_count() == len(values)


def test_an_empty_window_has_no_percentiles() -> None:
    latencies = Latencies(3, window=True)
    seen = latencies.add(latency_tally([]))
    assert (seen.p50_ns, seen.p99_ns) == (None, None)
    assert latencies.encoded() is None


def test_raw_durations_are_taken_whole_those_of_nothing_too() -> None:
    """A request that was sent when it was due was late by nothing."""
    lags = Latencies(5)
    lags.record(np.array([0, 0, 500, 2_000_000], dtype=np.int64))
    lags.record(np.zeros(0, dtype=np.int64))
    histogram = HdrHistogram.decode(lags.encoded())
    assert histogram.get_total_count() == 4
    assert histogram.get_value_at_percentile(50) < 1_000
    assert histogram.get_value_at_percentile(100) == pytest.approx(2_000_000, rel=1e-3)


NANOSECONDS = st.integers(0, 2**62)
TURNS = st.lists(
    st.tuples(
        st.integers(0, 2**31 - 1), st.lists(st.tuples(NANOSECONDS, NANOSECONDS), max_size=20)
    ),
    max_size=6,
)


def request_tally(requests: list[tuple[int, int]]) -> Tally:
    starts, latencies = (
        np.array([request[part] for request in requests], dtype=np.int64) for part in (0, 1)
    )
    return Tally(
        correct=len(requests), errors={}, samples=[], reconnects=0, start_ns=0, end_ns=1,
        latencies=latencies.tobytes(), starts=starts.tobytes(),
    )  # fmt: skip


@given(turns=TURNS)
def test_every_request_of_every_turn_is_read_back_in_order(
    turns: list[tuple[int, list[tuple[int, int]]]],
) -> None:
    kept = Requests()
    for round_, requests in turns:
        kept.add(round_, request_tally(requests))
    with np.load(io.BytesIO(kept.compressed())) as archive:
        found = {name: archive[name] for name in archive.files}
    assert {name: values.dtype for name, values in found.items()} == {
        "round": np.int32, "start_ns": np.int64, "latency_ns": np.int64,
    }  # fmt: skip
    wanted = [(round_, *request) for round_, requests in turns for request in requests]
    told = zip(*(found[name].tolist() for name in ("round", "start_ns", "latency_ns")), strict=True)
    assert list(told) == wanted


def test_the_archive_is_smaller_than_the_numbers() -> None:
    kept = Requests()
    kept.add(0, request_tally([(10**15 + n * 100_000, 5_000_000) for n in range(5_000)]))
    assert len(kept.compressed()) < 5_000 * (4 + 8 + 8) / 2

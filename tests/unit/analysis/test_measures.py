import math

import pytest
from hdrh.histogram import HdrHistogram

from harness.analysis.measures import Measure, block_effect, slice_value, trial_value
from tests.toys.runs import make_slice, make_trial

PIECE = make_slice(
    correct=200, elapsed_ns=50_000_000, server_cpu_ns=40_000_000, database_cpu_ns=10_000_000,
)  # fmt: skip
SUMS = (Measure.CPU, Measure.THROUGHPUT, Measure.DATABASE_CPU)


def histogram(ms: float) -> str:
    """Ten thousand latencies between `ms` and twice that, evenly spread."""
    made = HdrHistogram(1_000, 3_600_000_000_000, 3)
    for value in range(10_000):
        made.record_value(int(ms * 1e6 * (1 + value / 10_000)))
    encoded: bytes = made.encode()
    return encoded.decode("ascii")


@pytest.mark.parametrize(
    ("measure", "value"),
    [
        (Measure.CPU, 200.0),  # 40 ms over 200 requests, in microseconds
        (Measure.THROUGHPUT, 4_000.0),
        (Measure.DATABASE_CPU, 50.0),
    ],
)
def test_values_by_hand(measure: Measure, value: float) -> None:
    assert slice_value(measure, PIECE) == pytest.approx(value)
    assert trial_value(measure, make_trial(slices=[PIECE, PIECE])) == pytest.approx(value)


@pytest.mark.parametrize("measure", SUMS)
@pytest.mark.parametrize("changes", [{"correct": 0}, {"elapsed_ns": 0}])
def test_a_slice_without_answers_tells_nothing(measure: Measure, changes: dict[str, int]) -> None:
    empty = make_slice(**changes)
    assert slice_value(measure, empty) is None
    assert trial_value(measure, make_trial(slices=[empty])) is None
    assert trial_value(measure, make_trial(slices=[])) is None
    full = trial_value(measure, make_trial(slices=[PIECE]))
    assert trial_value(measure, make_trial(slices=[empty, PIECE])) == full


def test_what_was_not_measured_is_not_known() -> None:
    unknown = make_slice(database_cpu_ns=None)
    assert slice_value(Measure.DATABASE_CPU, unknown) is None
    assert trial_value(Measure.DATABASE_CPU, make_trial(slices=[PIECE, unknown])) is None
    assert trial_value(Measure.P99, make_trial(latency_hdr=None)) is None


def test_cpu_and_throughput_of_a_trial_are_sums_over_sums() -> None:
    """A slice with few requests weighs little."""
    small = make_slice(correct=1, elapsed_ns=50_000_000, server_cpu_ns=40_000_000)
    trial = make_trial(slices=[PIECE, small])
    assert trial_value(Measure.CPU, trial) == pytest.approx(80_000 / 201)
    assert trial_value(Measure.THROUGHPUT, trial) == pytest.approx(201 / 0.1)


def test_latencies_are_percentiles_of_the_whole_trial() -> None:
    trial = make_trial(latency_hdr=histogram(2.0))
    assert trial_value(Measure.P50, trial) == pytest.approx(3.0, rel=3e-3)
    assert trial_value(Measure.P99, trial) == pytest.approx(3.98, rel=3e-3)
    assert slice_value(Measure.P50, PIECE) is None
    other = make_trial(latency_hdr=histogram(4.0))
    assert block_effect(Measure.P99, other, trial) == pytest.approx(math.log(2), abs=5e-3)
    assert block_effect(Measure.P99, other, make_trial(latency_hdr=None)) is None


def test_the_effect_of_a_block_cancels_what_a_round_shares() -> None:
    """The machine's speed changes by a factor of 4 from round to round; the ratio is exact."""
    speeds = (1.0, 0.5, 2.0)
    one = [make_slice(n, server_cpu_ns=round(3e7 * s), correct=100) for n, s in enumerate(speeds)]
    other = [make_slice(n, server_cpu_ns=round(2e7 * s), correct=100) for n, s in enumerate(speeds)]
    effect = block_effect(Measure.CPU, make_trial(slices=one), make_trial(slices=other))
    assert effect == pytest.approx(math.log(1.5))


def test_the_effect_uses_only_rounds_that_both_took_part_in() -> None:
    one = [make_slice(0, 100), make_slice(1, 100), make_slice(2, 100)]
    other = [make_slice(2, 200), make_slice(3, 9_999), make_slice(0, 200, correct=0)]
    effect = block_effect(Measure.CPU, make_trial(slices=one), make_trial(slices=other))
    assert effect == pytest.approx(math.log(0.5), abs=0.01)
    assert block_effect(Measure.CPU, make_trial(slices=one), make_trial(slices=[])) is None


def test_a_zero_is_left_out_instead_of_dividing_by_it() -> None:
    zero = make_trial(slices=[make_slice(0, server_cpu_ns=0)])
    assert block_effect(Measure.CPU, zero, make_trial(slices=[make_slice(0)])) is None
    assert block_effect(Measure.CPU, make_trial(slices=[make_slice(0)]), zero) is None


def test_only_of_throughput_is_more_better() -> None:
    assert [m for m in Measure if not m.lower_is_better] == [Measure.THROUGHPUT]
    assert len({m.heading for m in Measure}) == len(Measure)

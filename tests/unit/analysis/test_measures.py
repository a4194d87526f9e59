from typing import Any

import pytest

from harness.analysis.measures import COSTS, Measure, ranked, slice_value, trial_value
from harness.inputs.study import Beside, Condition, Latency, Objective
from harness.records.trial import BesideRecord
from tests.toys.runs import histogram, make_slice, make_trial, make_window

PIECE = make_slice(
    correct=200, elapsed_ns=50_000_000, server_cpu_ns=40_000_000, database_cpu_ns=10_000_000,
)  # fmt: skip
SUMS = (Measure.CPU, Measure.THROUGHPUT, Measure.DATABASE_CPU)


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


def test_a_search_yields_its_rate_and_nothing_that_its_windows_would() -> None:
    condition = Condition("io_read", window_s=1.0, objective=Objective())
    found = make_trial(slices=[PIECE], condition=condition, sustained_per_s=123.0)
    assert trial_value(Measure.SUSTAINED, found) == 123.0
    assert trial_value(Measure.THROUGHPUT, found) is None


@pytest.mark.parametrize(
    ("condition", "measures"),
    [
        (Condition("cpu"), (Measure.CPU, Measure.THROUGHPUT)),
        (Condition("cpu", window_s=5.0), (Measure.CPU, Measure.THROUGHPUT)),
        (Condition("cpu", window_s=5.0, rate=10.0), (Measure.CPU, Measure.P99)),
        (Condition("cpu", window_s=5.0, share=0.5), (Measure.CPU,)),
        (Condition("cpu", window_s=5.0, objective=Objective()), (Measure.SUSTAINED,)),
        (Condition("cpu", window_s=5.0, beside=Beside("noop")), (Measure.P99, Measure.P50)),
        (Condition("cpu", window_s=5.0, latency=Latency()), (Measure.CPU, Measure.THROUGHPUT)),
        (
            Condition("cpu", window_s=5.0, latency=Latency(client_ms=100.0)),
            (Measure.THROUGHPUT, Measure.CPU),
        ),
        (
            Condition("cpu", window_s=5.0, rate=10.0, beside=Beside("noop")),
            (Measure.P99, Measure.P50),
        ),
    ],
)
def test_variants_are_ranked_by_what_the_load_leaves_free(
    condition: Condition, measures: tuple[Measure, ...]
) -> None:
    assert ranked(condition) == measures


BESIDE = Condition("io_wait", window_s=1.0, beside=Beside("cpu", connections=2))
SECOND_LOAD = BesideRecord(correct=40, errors={}, latency_p50_ns=None, latency_p99_ns=None)


@pytest.mark.parametrize("measure", COSTS)
def test_what_a_request_costs_is_not_known_where_two_loads_share_the_time(measure: Measure) -> None:
    window, alone = make_window(beside=SECOND_LOAD), make_window()
    assert slice_value(measure, window) is None
    assert slice_value(measure, alone) is not None
    assert trial_value(measure, make_trial(slices=[window], condition=BESIDE)) is None
    assert trial_value(measure, make_trial(slices=[alone])) is not None


def test_rates_and_latencies_beside_a_second_load_are_the_first_loads() -> None:
    window = make_window(beside=SECOND_LOAD)
    trial = make_trial(slices=[window], condition=BESIDE, latency_hdr=histogram(2.0))
    assert slice_value(Measure.THROUGHPUT, window) == pytest.approx(2_000.0)
    assert trial_value(Measure.THROUGHPUT, trial) == pytest.approx(2_000.0)
    assert trial_value(Measure.SECOND, trial) == pytest.approx(SECOND_LOAD.correct)
    assert trial_value(Measure.SECOND, make_trial()) is None
    assert trial_value(Measure.P50, trial) == pytest.approx(3.0, rel=3e-3)
    assert trial_value(Measure.P99, trial) == pytest.approx(3.98, rel=3e-3)


def test_only_of_rates_is_more_better() -> None:
    assert [m for m in Measure if not m.lower_is_better] == [
        Measure.THROUGHPUT, Measure.SUSTAINED, Measure.SECOND,
    ]  # fmt: skip
    assert len({m.heading for m in Measure}) == len(Measure)


@pytest.mark.parametrize(
    ("changes", "p50"),
    [
        ({"offered": 10_000}, 3.0),
        ({"offered": 12_500, "dropped": 2_500}, 3.25),  # the 62.5th percentile of the answers
        ({"offered": 12_500, "errors": {"timeout": 2_500}}, 3.25),
        ({"offered": 10_000, "dropped": 6_000}, None),
        ({"offered": 10_000, "dropped": 10_000}, None),
        ({"offered": None, "errors": {"timeout": 2_500}}, 3.0),  # a closed loop has no arrivals
    ],
)
def test_arrivals_without_an_answer_are_later_than_all_others(
    changes: dict[str, Any], p50: float | None
) -> None:
    trial = make_trial(slices=[make_window(**changes)], latency_hdr=histogram(2.0))
    value = trial_value(Measure.P50, trial)
    assert value == (None if p50 is None else pytest.approx(p50, rel=3e-3))

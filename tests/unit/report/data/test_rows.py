from collections.abc import Sequence

import msgspec
import pytest

from harness.analysis.analyse import analyse
from harness.analysis.measures import Measure, trial_value
from harness.inputs.settings import LoadSettings
from harness.inputs.study import Beside, Condition, Latency, Objective
from harness.records.plan import DUPLICATE
from harness.records.run import Run
from harness.records.trial import BesideRecord, Event, RampRecord, RoundTrips, Trial
from harness.report.data.rows import COLUMNS, Value
from tests.toys.labelling import rows_of
from tests.toys.runs import (
    BASELINE,
    CONDITION,
    SLICE_NS,
    histogram,
    make_run,
    make_slice,
    make_study,
    make_trial,
    make_window,
    simulate,
)

RUN = make_run(make_study(blocks=2))
TRIALS = simulate(RUN, {BASELINE: 500, "b/other": 600}, 1)
NAMES = [column.name for column in COLUMNS]


def told(trials: Sequence[Trial], run: Run = RUN) -> list[dict[str, Value]]:
    return [dict(zip(NAMES, row, strict=True)) for row in rows_of(run, trials)]


def one(trial: Trial, run: Run = RUN) -> dict[str, Value]:
    (row,) = told([trial], run)
    return row


def locust() -> Run:
    study = msgspec.structs.replace(make_study(), load=LoadSettings(engine="locust"))
    return msgspec.structs.replace(RUN, study=study)


def test_no_column_stands_twice_and_each_value_is_of_its_kind() -> None:
    assert len(set(NAMES)) == len(NAMES)
    for row in rows_of(RUN, TRIALS):
        for column, value in zip(COLUMNS, row, strict=True):
            assert value is None or type(value) is column.kind


def test_there_is_a_row_for_every_trial_in_a_fixed_order() -> None:
    rows = told(TRIALS)
    assert [(row["block"], row["entry"]) for row in rows] == [
        (block, entry) for block in (1, 2) for entry in (BASELINE, BASELINE + DUPLICATE, "b/other")
    ]
    assert rows_of(RUN, TRIALS[::-1]) == rows_of(RUN, TRIALS)
    assert [row["duplicate"] for row in rows[:3]] == [False, True, False]
    assert rows_of(RUN, []) == ()


def test_a_row_says_of_which_run_and_condition_it_is() -> None:
    row = one(make_trial())
    assert (row["run"], row["study"]) == (RUN.id, RUN.study_name)
    assert (row["condition"], row["endpoint"]) == (CONDITION.name, "io_read")
    assert (row["connections"], row["rows"], row["variant"]) == (8, 100, BASELINE)


def test_sums_are_over_all_slices() -> None:
    slices = [make_slice(0, errors={"timeout": 2}, reconnects=1), make_slice(1, errors={"x": 1})]
    row = one(make_trial(slices=slices))
    assert row["correct"] == sum(s.correct for s in slices)
    assert (row["errors"], row["reconnects"]) == (3, 1)
    assert row["elapsed_s"] == pytest.approx(2 * SLICE_NS / 1e9)
    assert row["server_cpu_s"] == pytest.approx(sum(s.server_cpu_ns for s in slices) / 1e9)
    assert row["generator_cpu_s"] == pytest.approx(SLICE_NS / 5 / 1e9)
    assert row["memory_peak_mib"] == 40.0


def test_measures_are_those_of_the_analysis() -> None:
    trial = make_trial(latency_hdr=histogram(2.0))
    row = one(trial)
    for measure in Measure:
        assert row[measure.value] == trial_value(measure, trial)
    assert row["latency_p50_ms"] == pytest.approx(3.0, rel=0.01)


def test_what_is_not_known_is_missing_and_not_nought() -> None:
    row = one(make_trial(slices=[make_slice(database_cpu_ns=None)], rss_peak_kib=None))
    for name in (
        "window_s", "windows", "rate_per_s", "share", "arrivals", "database_ms", "client_ms",
        "beside_endpoint", "beside_connections", "beside_correct", "second_load_per_s", "problem",
        "database_cpu_us_per_request",
        "latency_p50_ms", "latency_p99_ms", "sustained_rate_per_s", "database_cpu_s",
        "memory_peak_mib", "users", "under_way_at_stop", "database_trip_before_ms",
    ):  # fmt: skip
        assert row[name] is None
    assert row["errors"] == 0


def test_a_trial_without_slices_has_no_sums() -> None:
    row = one(make_trial(slices=(), problem="the server died\nTraceback"))
    assert (row["complete"], row["problem"]) == (False, "the server died")
    for name in ("correct", "errors", "elapsed_s", "throughput_per_s", "steal_s"):
        assert row[name] is None
    assert (row["labels"], row["standing"]) == ("incomplete", "not counted")


def test_events_stand_in_a_row_with_their_place_and_figures() -> None:
    stall = Event("stalled", 2, 1, "no answer came for 3.1 s", seconds=3.1)
    probe = Event("probe-lost", None, None, "it never started", repeated=True)
    told_events = str(one(make_trial(events=(stall, probe)))["events"])
    assert "stalled (round 2, position 1): no answer came for 3.1 s" in told_events
    assert "probe-lost: it never started, measured again" in told_events
    assert one(make_trial())["events"] is None


def test_what_is_no_number_is_missing() -> None:
    assert one(make_trial(idle_cpu_share=float("nan")))["idle_cpu_share"] is None


def test_a_window_with_all_that_a_condition_may_name() -> None:
    condition = Condition(
        "io_read", 8, 100, window_s=1.0, windows=2, rate=50.0,
        latency=Latency(database_ms=100.0), beside=Beside("cpu", 3),
    )  # fmt: skip
    beside = BesideRecord(
        correct=30, errors={"timeout": 1}, latency_p50_ns=None, latency_p99_ns=None
    )
    trips = RoundTrips(100.1, 100.2, 0.3, 0.4)
    trial = make_trial(slices=[make_window(beside=beside)], condition=condition, round_trips=trips)
    row = one(trial)
    assert (row["window_s"], row["windows"], row["rate_per_s"]) == (1.0, 2, 50.0)
    assert (row["arrivals"], row["database_ms"], row["client_ms"]) == ("poisson", 100.0, 0.0)
    assert (row["beside_endpoint"], row["beside_connections"]) == ("cpu", 3)
    assert (row["beside_correct"], row["beside_errors"]) == (30, 1)
    assert row["second_load_per_s"] == pytest.approx(30 / trial.slices[0].elapsed_ns * 1e9)
    assert row["server_cpu_us_per_request"] is None  # of two loads
    assert (row["database_trip_after_ms"], row["client_trip_before_ms"]) == (100.2, 0.3)


def test_a_search_has_the_rate_that_it_found() -> None:
    condition = Condition("io_read", 8, 100, window_s=1.0, objective=Objective())
    row = one(make_trial(slices=[make_window()], condition=condition, sustained_per_s=120.0))
    assert (row["sustained_rate_per_s"], row["throughput_per_s"]) == (120.0, None)


def test_an_attempt_that_does_not_count_stays_and_says_so() -> None:
    again = make_trial(attempt=2, problem="cut off")
    rows = told([make_trial(), again])
    assert [(row["attempt"], row["counted"]) for row in rows] == [(1, True), (2, False)]
    assert [row["complete"] for row in rows] == [True, False]
    assert [row["standing"] for row in rows] == ["counted", "not counted"]
    assert [str(row["file"]).count("~2") for row in rows] == [0, 1]


def test_labels_are_those_of_the_analysis() -> None:
    loud = [make_slice(n, steal_ns=SLICE_NS // 2) for n in range(4)]
    trials = [make_trial(slices=loud), make_trial("b/other")]
    result = analyse(RUN, trials).conditions[0]
    for row in told(trials):
        labels = str(row["labels"]).split()
        assert len(labels) == len(set(labels))
        entry = str(row["entry"])
        assert sorted(labels) == sorted(count.label.value for count in result.findings[entry])
    assert "noisy" in str(one(make_trial(slices=loud))["labels"])


def test_of_ramps_the_last_attempt_at_a_cell_counts() -> None:
    ramp = RampRecord(
        users=8, failed_per_second=(0,), under_way_at_stop=3, warned=False, max_connections=100
    )
    window = make_window()
    first = make_trial(slices=[window], ramp=ramp)
    second = make_trial(slices=(), attempt=2, problem="cut off")
    rows = told([first, second, make_trial("b/other", slices=[window], ramp=ramp)], locust())
    assert [row["counted"] for row in rows] == [False, True, True]
    assert (rows[0]["users"], rows[0]["under_way_at_stop"]) == (8, 3)
    assert rows[1]["users"] is None

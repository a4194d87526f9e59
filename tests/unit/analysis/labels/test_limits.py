"""What limited a trial: pool, locks and disk within PostgreSQL, and the generator."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytest

from harness.analysis.labels.labels import Finding, Label
from harness.analysis.labels.rules import (
    Circumstances,
    bounds,
    findings_of,
    idle_cores,
    shares,
)
from harness.inputs.study import Condition, Latency
from harness.records.run import Cores, Run
from harness.records.trial import Statements, Trial, Waits
from harness.runner.trial_builder import Latencies
from tests.toys.runs import (
    BASELINE,
    CONDITION,
    SLICE_NS,
    make_run,
    make_slice,
    make_study,
    make_trial,
    make_window,
)

CORES = Cores(application=(0,), database=(1,), load=(2,))
POOLED = Circumstances(CORES, workers=1, pool_size=4)


def trial(server: float = 0.3, database: float = 0.2, **changes: Any) -> Trial:
    """Whose roles used that share of a core."""
    piece = make_slice(
        server_cpu_ns=round(server * SLICE_NS), database_cpu_ns=round(database * SLICE_NS)
    )
    return make_trial(slices=[piece] * 4, **changes)


def found(made: Trial, around: Circumstances = POOLED) -> list[Finding]:
    used = shares(made, len(around.cores.all))
    assert used is not None
    return bounds(made, used, around)


def labels(made: Trial, around: Circumstances = POOLED) -> set[Label]:
    return {f.label for f in found(made, around)}


def told(made: Trial, label: Label, around: Circumstances = POOLED) -> str:
    (one,) = [f for f in found(made, around) if f.label is label]
    return one.detail


def busy(samples: Sequence[int], **states: int) -> Waits:
    named = {name.replace("__", ":").replace("_", " "): n for name, n in states.items()}
    return Waits(busy=tuple(samples), states=named)


FULL = busy([4] * 10, active=40)


def test_a_pool_that_is_all_busy_while_nobody_computes_is_what_limits() -> None:
    detail = told(trial(waits=FULL), Label.POOL_BOUND)
    assert detail == "its 4 connections were lent for 100% of the time"
    one = msgspec.structs.replace(POOLED, pool_size=1)
    alone = told(trial(waits=busy([1] * 10, active=10)), Label.POOL_BOUND, one)
    assert alone == "its only connection was lent for 100% of the time"


def test_connections_whose_bytes_are_under_way_are_lent_though_postgresql_sees_them_idle() -> None:
    """By Little's law: 20 requests per second, of two statements of 100 ms each, lend four."""
    far = msgspec.structs.replace(CONDITION, window_s=1.0, latency=Latency(database_ms=100.0))
    window = make_window(correct=20, server_cpu_ns=10**8, database_cpu_ns=10**8)
    idle = busy([0] * 10, idle=40)
    asked = Statements(calls=40, requests=20, expected=2)
    made = make_trial(slices=[window], condition=far, waits=idle, statements=asked)
    assert told(made, Label.POOL_BOUND) == "its 4 connections were lent for 100% of the time"
    assert Label.POOL_BOUND not in labels(msgspec.structs.replace(made, condition=CONDITION))


@pytest.mark.parametrize(
    "waits",
    [None, busy([]), busy([4] * 8 + [1] * 2), busy([3] * 10)],
    ids=["not asked", "never seen", "busy for 85 %", "one is free"],
)
def test_a_pool_with_connections_to_spare_is_not_what_limits(waits: Waits | None) -> None:
    assert Label.POOL_BOUND not in labels(trial(waits=waits))


def test_nine_tenths_of_its_connections_time_are_enough() -> None:
    """Between two statements a connection is idle for a moment, however long the queue is."""
    assert Label.POOL_BOUND in labels(trial(waits=busy([4] * 9 + [0])))
    assert Label.POOL_BOUND in labels(trial(waits=busy([4, 3] * 5 + [4] * 5)))


@pytest.mark.parametrize(("server", "database"), [(0.75, 0.2), (0.2, 0.75), (0.95, 0.2)])
def test_a_full_pool_before_a_busy_server_or_database_is_not_blamed(
    server: float, database: float
) -> None:
    assert Label.POOL_BOUND not in labels(trial(server, database, waits=FULL))


def test_a_variant_without_a_pool_is_never_bound_by_it() -> None:
    assert Label.POOL_BOUND not in labels(trial(waits=FULL), Circumstances(CORES, workers=1))


def test_the_database_is_blamed_where_most_busy_connections_wait_for_one_thing() -> None:
    waits = busy([2] * 10, **{"active Lock__tuple": 12, "active": 8})
    detail = told(trial(waits=waits), Label.DATABASE_BOUND)
    assert detail == "60% of busy connections waited for Lock:tuple"


@pytest.mark.parametrize(
    "states",
    [
        {"active Lock__tuple": 10, "active": 10},
        {"active Lock__tuple": 10, "active IO__WalSync": 10},
        {"active Client__ClientRead": 20},
        {"active Timeout__PgSleep": 20},
        {"idle in transaction Client__ClientRead": 20},
        {"idle": 200, "active": 20},
    ],
    ids=["half", "no single one", "the client", "asked to sleep", "in a transaction", "idle"],
)
def test_the_database_is_not_blamed_for_less(states: dict[str, int]) -> None:
    assert Label.DATABASE_BOUND not in labels(trial(waits=busy([2] * 10, **states)))


def test_a_saturated_server_is_what_limits_whatever_its_connections_wait_for() -> None:
    waits = busy([4] * 10, **{"active Lock__tuple": 40})
    assert labels(trial(server=0.95, waits=waits)) == {Label.SERVER_BOUND}


def rate(made: Trial) -> float:
    return sum(s.correct for s in made.slices) / sum(s.elapsed_ns for s in made.slices) * 1e9


@pytest.mark.parametrize("generators", [1, 3])
def test_more_than_half_of_the_generators_ceiling_is_too_much(generators: int) -> None:
    made = trial()
    half = rate(made) * 2 / generators
    low, high = (
        Circumstances(CORES, 1, generators=generators, ceiling_per_s=half * factor)
        for factor in (0.99, 1.01)
    )
    assert "requests/s, and the generator reaches" in told(made, Label.GENERATOR_BOUND, low)
    assert Label.GENERATOR_BOUND not in labels(made, high)
    assert Label.GENERATOR_BOUND not in labels(made, Circumstances(CORES, 1))


def test_generators_share_their_cpu_limit_as_far_as_they_have_cores() -> None:
    piece = make_slice(generator_cpu_ns=round(1.5 * SLICE_NS))
    made = make_trial(slices=[piece])
    two_cores = msgspec.structs.replace(CORES, load=(2, 3))
    assert Label.GENERATOR_BOUND in labels(made, Circumstances(two_cores, 1))
    assert Label.GENERATOR_BOUND not in labels(made, Circumstances(two_cores, 1, generators=2))
    assert Label.GENERATOR_BOUND in labels(made, Circumstances(CORES, 1, generators=2))


def test_processes_of_locust_are_generators_too() -> None:
    study = make_study([BASELINE])
    load = msgspec.structs.replace(study.load, engine="locust", processes=4)
    run = make_run(msgspec.structs.replace(study, load=load))
    assert Circumstances.of(run, BASELINE).generators == 4


def histogram(nanoseconds: int) -> str:
    latencies = Latencies(0, window=True)
    latencies.record(np.full(2_000, nanoseconds, dtype=np.int64))
    encoded = latencies.encoded()
    assert encoded is not None
    return encoded


def late(latency_ns: int | None, *lag_ns: int | None) -> Trial:
    """Windows whose requests were sent so late, at the 99th percentile."""
    return make_trial(
        slices=[make_window(lag_p99_ns=lag, generator_cpu_ns=0) for lag in lag_ns],
        latency_hdr=None if latency_ns is None else histogram(latency_ns),
    )


def test_a_generator_that_sends_late_is_what_limits() -> None:
    detail = told(late(4_000_000, 500_000), Label.GENERATOR_BOUND)
    assert "500 µs late" in detail
    assert re.search(r"median latency is (4,00\d|3,99\d) µs", detail)


def test_one_window_in_which_the_generator_was_held_up_does_not_decide() -> None:
    assert Label.GENERATOR_BOUND not in labels(late(4_000_000, 50_000, 9_000_000, 60_000))
    assert Label.GENERATOR_BOUND in labels(late(4_000_000, 50_000, 500_000, 600_000))


@pytest.mark.parametrize(
    "made",
    [late(4_000_000, 300_000), late(None, 500_000), late(4_000_000, None)],
    ids=["a small one", "no latency to compare with", "a closed loop's"],
)
def test_a_lag_that_is_small_or_compares_with_nothing_is_no_limit(made: Trial) -> None:
    assert Label.GENERATOR_BOUND not in labels(made)


def run_with(pool: str | None, workers: int = 2) -> Run:
    study = make_study([BASELINE])
    server = msgspec.structs.replace(study.server, workers=workers, pool_size=5)
    load = msgspec.structs.replace(study.load, generators=3)
    run = make_run(msgspec.structs.replace(study, server=server, load=load))
    factors = {} if pool is None else {"pool": pool}
    variant = msgspec.structs.replace(run.variants[BASELINE], factors=factors)
    return msgspec.structs.replace(run, variants={BASELINE: variant}, generator_ceiling_per_s=9e4)


def test_circumstances_are_those_of_the_run() -> None:
    around = Circumstances.of(run_with("pooled"), BASELINE)
    assert around.pool_size == 10  # of each worker
    assert (around.workers, around.generators, around.ceiling_per_s) == (2, 3, 9e4)


def test_connections_that_threads_keep_are_as_many_as_its_threads() -> None:
    assert Circumstances.of(run_with("per-thread"), BASELINE).pool_size == 32


def test_a_variant_that_keeps_no_connection_has_no_pool_size() -> None:
    assert Circumstances.of(run_with("per-request"), BASELINE).pool_size is None


def test_a_variant_that_does_not_say_how_it_pools_has_the_pool_of_the_contract() -> None:
    """Or a missing factor would switch off the label `pool-bound`."""
    assert Circumstances.of(run_with(None), BASELINE).pool_size == 10


def test_what_idle_servers_use_is_nothing_that_the_loaded_one_could() -> None:
    made = trial(server=0.88)
    around = msgspec.structs.replace(POOLED, idle_cores=0.06)
    assert Label.SERVER_BOUND not in labels(made)
    assert told(made, Label.SERVER_BOUND, around) == "94% of its CPU used"


def test_idle_servers_are_all_of_a_block_but_the_loaded_one() -> None:
    run = make_run(make_study((BASELINE, "b/other", "c/third")))
    trials = [make_trial(idle_cpu_share=0.001), make_trial(idle_cpu_share=0.003)]
    assert idle_cores(run, trials) == pytest.approx(3 * 0.002)  # two variants and the duplicate
    assert idle_cores(run, [make_trial(idle_cpu_share=None)]) == 0.0


def test_an_open_loop_that_leaves_everybody_time_is_not_latency_bound() -> None:
    idle = make_slice(0, server_cpu_ns=1_000_000, database_cpu_ns=1, generator_cpu_ns=1)
    closed = make_trial(slices=[idle])
    rate = Condition("io_read", window_s=1.0, rate=10.0)
    opened = msgspec.structs.replace(closed, condition=rate)
    around = Circumstances(Cores(application=(0,), database=(1,), load=(2,)), workers=1)
    for trial, expected in ((closed, True), (opened, False)):
        labels = {finding.label for finding in findings_of(trial, around)}
        assert (Label.LATENCY_BOUND in labels) == expected

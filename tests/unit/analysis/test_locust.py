"""Locust's cells, summed up from trials made up in memory."""

import math
import random
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.analyse import analyse
from harness.analysis.labels.labels import LIMITS, Label
from harness.analysis.locust import (
    PEAK_S,
    Cell,
    Gain,
    Ramps,
    charted_per_s,
    highest_per_s,
    log_ratios,
    pairs_of,
    summarise,
)
from harness.analysis.stats.intervals import t_interval
from harness.inputs.published_tables import PublishedCell
from harness.inputs.settings import Setup
from harness.inputs.study import Condition, Latency
from harness.records.run import Run
from harness.records.trial import RoundTrips, Trial, Waits
from tests.toys.ramps import FAR, NEAR, OTHER, beside, lost_cell, make_cell, ramp_run
from tests.toys.runs import BASELINE, histogram, make_run

RUN = ramp_run()
RISING = (*range(10), *(10,) * 10, 7)
"""Successes in each second: ten in which they rise, ten at the top, and one that was cut short."""


def only(trials: Sequence[Trial], run: Run = RUN, setup: str = BASELINE) -> Cell:
    return summarise(run, trials).cell(setup, NEAR)


def gain_of(trials: Sequence[Trial], run: Run = RUN) -> Gain:
    (gain,) = summarise(run, trials).gains
    return gain


@pytest.mark.parametrize(
    ("series", "highest"),
    [
        ((), 0.0),
        ((3,), 3.0),
        ((5, 7), 6.0),
        ((2,) * 10, 2.0),
        ((*(0,) * 30, *(10,) * 10, *(0,) * 30), 10.0),
        ((*(0,) * 5, *(20,) * 5, *(0,) * 20), 10.0),
        ((100, *(0,) * 9, 100), 10.0),
        (RISING, 10.0),
    ],
)
def test_the_highest_rate_is_the_best_mean_over_ten_seconds_or_over_fewer_where_there_are_fewer(
    series: tuple[int, ...], highest: float
) -> None:
    assert highest_per_s(series) == highest


@given(series=st.lists(st.integers(0, 10_000), min_size=PEAK_S, max_size=60))
def test_no_ten_neighbouring_seconds_are_better_than_the_highest_rate(series: list[int]) -> None:
    tens = [series[at : at + PEAK_S] for at in range(len(series) - PEAK_S + 1)]
    assert highest_per_s(series) == pytest.approx(max(sum(ten) for ten in tens) / PEAK_S)


def test_a_cells_rates_are_by_hand() -> None:
    """Two seconds in which users come, and the last one, which is none, are not steady."""
    cell = only([make_cell(per_second=RISING)])
    assert (cell.trials, cell.problem) == (1, None)
    assert cell.highest_per_s == 10.0
    assert cell.steady_per_s == (sum(range(2, 10)) + 100) / 18
    assert (cell.successes, cell.failures, cell.failed_share) == (152, 0, 0.0)
    assert cell.series == RISING
    assert cell.failed == (0,) * 21


def test_a_ramp_that_ended_before_all_users_had_come_was_never_steady() -> None:
    assert only([make_cell(per_second=(5, 5))]).steady_per_s is None


def test_users_of_whom_some_never_came_were_never_steady() -> None:
    assert only([make_cell(users=9)]).steady_per_s is None


def test_from_when_all_users_were_there_is_as_locust_says() -> None:
    cell = only([make_cell(per_second=(0,) * 15 + (10,) * 5, settled_s=14.5)])
    assert cell.steady_per_s == 10.0


def test_a_point_of_locusts_chart_by_hand() -> None:
    """After 5 s it is a mean over the seconds before the last two; later over ten of them."""
    assert charted_per_s((0, 8, 0, 0, 4, *(0,) * 5), (0,) * 10) == 4.0
    assert charted_per_s((4,) * 30, (0,) * 30) == 4.0
    assert charted_per_s((0,) * 30, (0,) * 30) == 0.0
    burst = (*(0,) * 20, 50, *(0,) * 20)
    assert charted_per_s(burst, (0,) * 41) == 0.0, "it ends two seconds before the last answer"
    assert charted_per_s(burst, (*(0,) * 23, 1, *(0,) * 17)) == 5.0


def test_a_ramp_of_a_few_seconds_has_no_rate_in_locusts_chart() -> None:
    """Nor has one whose first success comes after the last point's seconds."""
    assert only([make_cell(per_second=(9, 9, 9))]).charted_per_s is None
    assert only([make_cell(per_second=(*(0,) * 13, 9, 9))]).charted_per_s is None
    assert only([make_cell(per_second=(9,) * 20)]).charted_per_s == 9.0


def test_one_block_without_a_charted_rate_leaves_the_cell_without_one() -> None:
    trials = [make_cell(), make_cell(block=2, per_second=(9, 9, 9))]
    assert only(trials, ramp_run(blocks=2)).charted_per_s is None


def test_a_success_in_no_whole_second_makes_no_rate() -> None:
    cell = only([make_cell(per_second=(0, 0), correct=1)])
    assert (cell.trials, cell.successes, cell.highest_per_s) == (1, 1, None)


def test_no_gain_is_charted_where_one_setups_chart_is_empty() -> None:
    run = beside(RUN, in_print(BASELINE, 5.0), in_print(OTHER, 20.0))
    trials = [make_cell(), make_cell(OTHER, per_second=(30, 30))]
    ramps = summarise(run, trials)
    assert not ramps.charted(NEAR)
    assert gain_of(trials, run).charted is None


def test_labels_of_every_block_are_a_cells() -> None:
    trials = [make_cell(), make_cell(block=2, users=9)]
    assert Label.GENERATOR_BOUND in {f.label for f in only(trials, ramp_run(blocks=2)).findings}


def test_what_else_a_cell_tells_is_that_of_its_trial() -> None:
    waits = Waits(busy=(1, 2), states={"idle": 6, "active": 4})
    cell = only([make_cell(waits=waits, latency_hdr=histogram(2.0), threads=77)])
    assert (cell.users, cell.under_way, cell.max_connections) == (10, 3, 100)
    assert cell.connections == 5.0  # per sample, idle ones too
    assert (cell.threads, cell.memory_mib) == (77, 40.0)
    assert cell.latency_p50_ms == pytest.approx(3.0, rel=3e-3)
    assert cell.latency_p99_ms == pytest.approx(3.98, rel=3e-3)
    assert cell.shares is not None
    assert cell.shares.server == pytest.approx(0.97)


def test_what_was_not_seen_is_not_known() -> None:
    cell = only([make_cell(waits=None, latency_hdr=None, threads=None, database_cpu_ns=None)])
    assert (cell.connections, cell.threads) == (None, None)
    assert (cell.latency_p50_ms, cell.latency_p99_ms) == (None, None)
    assert cell.shares is not None
    assert (cell.shares.database, cell.shares.foreign) == (None, None)
    assert only([make_cell(waits=Waits(busy=(), states={}))]).connections is None


def test_memory_that_was_not_seen_is_not_known_rather_than_none_at_all() -> None:
    assert only([make_cell(rss_peak_kib=None)]).memory_mib is None
    some = [make_cell(rss_peak_kib=None), make_cell(rss_peak_kib=2_048, block=2)]
    assert only(some, ramp_run(blocks=2)).memory_mib == 2.0


def test_failures_are_a_share_of_the_requests_that_ended() -> None:
    errors = {"status 500": 30, "closed": 20}
    cell = only([make_cell(per_second=(15,) * 10, errors=errors, failed_per_second=(5,) * 10)])
    assert (cell.successes, cell.failures, cell.failed_share) == (150, 50, 0.25)
    assert list(cell.errors.items()) == [("closed", 20), ("status 500", 30)]
    assert cell.failed == (5,) * 10


def test_without_a_single_answer_there_is_no_share_of_failures() -> None:
    cell = only([make_cell(per_second=(0,) * 12)])
    assert (cell.highest_per_s, cell.successes) == (None, None)
    assert cell.failed_share is None


def test_the_last_attempt_at_a_cell_counts() -> None:
    first = lost_cell(BASELINE, "Locust died")
    second = make_cell(per_second=(4,) * 20, attempt=2)
    third = make_cell(per_second=(6,) * 20, attempt=3)
    for trials in ([first, second, third], [third, first, second]):
        cell = only(trials)
        assert (cell.trials, cell.highest_per_s, cell.problem) == (1, 6.0, None)


def test_a_cell_that_came_to_nothing_has_its_problem_and_no_figure() -> None:
    cell = only([lost_cell(BASELINE, "Locust died")])
    assert cell == Cell(BASELINE, NEAR, trials=0, problem="Locust died")
    assert (cell.highest_per_s, cell.failed_share, cell.limits) == (None, None, ())


def test_a_cell_that_was_not_come_to_says_so() -> None:
    cell = only([make_cell(OTHER)])
    assert (cell.trials, cell.problem) == (0, "it has not been measured yet")


def test_a_cell_that_is_complete_in_one_block_has_no_problem() -> None:
    lost = lost_cell(BASELINE, "Locust died")
    cell = only([lost, make_cell(block=2, per_second=(4,) * 20)], ramp_run(blocks=2))
    assert (cell.trials, cell.highest_per_s, cell.problem) == (1, 4.0, None)


def test_figures_of_several_blocks_are_means_and_errors_are_sums() -> None:
    errors = {"closed": 10}
    trials = [
        make_cell(per_second=(4,) * 20, errors=errors, users=10, threads=5, server_cpu_ns=10**10),
        make_cell(
            per_second=(8,) * 20, block=2, errors=errors, users=12, threads=9, under_way_at_stop=5,
            server_cpu_ns=2 * 10**10,
        ),
    ]  # fmt: skip
    cell = only(trials, ramp_run(blocks=2))
    assert cell.trials == 2
    assert (cell.highest_per_s, cell.steady_per_s, cell.successes) == (6.0, 6.0, 120)
    assert (cell.failures, cell.errors) == (10, {"closed": 20})
    assert (cell.under_way, cell.users, cell.threads) == (4, 10, 9)
    assert cell.shares is not None
    assert cell.shares.server == pytest.approx(0.75)
    assert cell.series == (4,) * 20


def test_a_cells_limits_are_those_of_its_labels_that_say_what_limited_it() -> None:
    (found,) = only([make_cell()]).limits
    assert (found.label, found.detail) == (Label.SERVER_BOUND, "97% of its CPU used")
    failing = only([make_cell(errors={"closed": 100}, warned=True)])
    assert {Label.ERRORS, Label.GENERATOR_BOUND} <= {f.label for f in failing.findings}
    assert {f.label for f in failing.limits} == {Label.SERVER_BOUND, Label.GENERATOR_BOUND}
    assert {f.label for f in failing.limits} <= set(LIMITS)


@pytest.mark.parametrize(("ready", "label"), [(122, Label.SERVER_BOUND), (9, Label.LATENCY_BOUND)])
def test_threads_that_stand_in_line_for_the_processor_tell_of_a_full_one(
    ready: int, label: Label
) -> None:
    """The mean over a ramp hides that it was full for half of the time."""
    second = 10**9
    half: dict[str, Any] = {"server_cpu_ns": 10 * second, "machine_busy_ns": 16 * second}
    cell = only([make_cell(run_delay_ns=ready * 20 * second, **half)])
    (found,) = cell.limits
    assert (found.label, cell.ready_threads) == (label, ready)
    if label is Label.SERVER_BOUND:
        assert found.detail == (
            "122 of its threads at a time were ready and waited for the processor, of which it "
            "used 50% (means over the ramp)"
        )
    (unknown,) = only([make_cell(run_delay_ns=None, **half)]).limits
    assert unknown.label is Label.LATENCY_BOUND


def test_a_locust_that_complained_is_a_limit_of_the_cell() -> None:
    details = [f.detail for f in only([make_cell(warned=True)]).limits]
    assert "Locust itself complained that its processor was too busy" in details


def test_added_round_trips_stand_beside_what_was_added() -> None:
    trips = RoundTrips(
        database_before=201.0, database_after=202.0, client_before=203.0, client_after=204.0
    )
    run = ramp_run(conditions=(NEAR, FAR))
    found = summarise(run, [make_cell(condition=FAR, round_trips=trips), make_cell()])
    assert found.cell(BASELINE, FAR).trips == (
        ("database", 200.0, 201.0),
        ("database", 200.0, 202.0),
        ("client", 200.0, 203.0),
        ("client", 200.0, 204.0),
    )
    assert found.cell(BASELINE, NEAR).trips == ()


def test_every_setup_has_a_cell_under_every_condition() -> None:
    found = summarise(ramp_run(conditions=(NEAR, FAR)), [])
    assert [(cell.condition, cell.setup) for cell in found.cells] == [
        (condition, setup) for condition in (NEAR, FAR) for setup in (BASELINE, OTHER)
    ]
    assert (found.baseline, found.gains, found.published) == (BASELINE, (), ())


def test_a_setup_that_failed_its_checks_has_no_cell() -> None:
    excluded = make_run(RUN.study, excluded={OTHER: "it answers from memory"})
    found = summarise(excluded, [make_cell()])
    assert [cell.setup for cell in found.cells] == [BASELINE]


TWICE = [make_cell(per_second=(10,) * 20), make_cell(OTHER, per_second=(20,) * 20)]


def test_one_block_gives_a_gain_without_an_interval() -> None:
    gain = gain_of(TWICE)
    assert (gain.setup, gain.condition) == (OTHER, NEAR)
    assert gain.ours.mean == pytest.approx(2.0)
    assert (gain.ours.low, gain.ours.high) == (None, None)


def test_several_blocks_give_a_gain_with_an_interval() -> None:
    trials = [
        make_cell(entry, per_second=(rate,) * 20, block=block)
        for block, others in enumerate((20, 22, 18), 1)
        for entry, rate in ((BASELINE, 10), (OTHER, others))
    ]
    gain = gain_of(trials, ramp_run(blocks=3))
    assert gain.ours.blocks == 3
    assert gain.ours.mean == pytest.approx((2.0 * 2.2 * 1.8) ** (1 / 3))
    assert gain.ours.low is not None
    assert gain.ours.high is not None
    assert 1.0 < gain.ours.low < gain.ours.mean < gain.ours.high < 4.0


CROWD = tuple(f"s/{n}" for n in range(6))


def crowd(blocks: int, sd: float = 0.02) -> dict[str, dict[int, float]]:
    """Six setups of which each gets half as much again as the one before, in noisy blocks."""
    draw = random.Random(8)
    level = {block: draw.gauss(0, 0.3) for block in range(1, blocks + 1)}
    return {
        name: {block: 100 * 1.5**at * math.exp(level[block] + draw.gauss(0, sd)) for block in level}
        for at, name in enumerate(CROWD)
    }


def test_setups_of_one_condition_tell_together_how_much_a_ratio_varies() -> None:
    """Two blocks of two setups leave one degree of freedom, and Student's factor is 12.7."""
    values = crowd(blocks=2)
    pair = CROWD[1], CROWD[0]
    among = log_ratios(values, [pair])[pair]
    alone = log_ratios({name: values[name] for name in pair}, [pair])[pair]
    assert among.mean == pytest.approx(alone.mean)
    assert alone.freedom == 1
    assert among.freedom > 3
    half = among.interval().half_width
    assert half is not None
    assert half < 0.15
    assert among.mean == pytest.approx(math.log(1.5), abs=0.1)


def test_a_block_that_is_out_of_line_for_all_setups_weighs_less() -> None:
    values = crowd(blocks=6)
    draw = random.Random(9)
    for by_block in values.values():
        by_block[4] *= math.exp(draw.gauss(0, 0.7))
    pair = CROWD[1], CROWD[0]
    effect = log_ratios(values, [pair])[pair]
    plain = t_interval([math.log(values[pair[0]][b] / values[pair[1]][b]) for b in range(1, 7)])
    assert plain is not None
    assert plain.se is not None
    assert effect.se is not None
    assert effect.blocks == 6
    assert effect.se < plain.se / 2
    assert effect.mean == pytest.approx(math.log(1.5), abs=0.05)


@pytest.mark.parametrize("value", [0.0, -3.0])
def test_a_pair_has_no_ratio_where_one_value_is_not_positive(value: float) -> None:
    """Without that block its ratio would be too good; other pairs keep theirs."""
    values = crowd(blocks=3)
    values[CROWD[2]][2] = value
    pairs = [(CROWD[2], CROWD[0]), (CROWD[1], CROWD[0]), (CROWD[3], CROWD[2])]
    assert list(log_ratios(values, pairs)) == [(CROWD[1], CROWD[0])]


def test_a_setup_without_a_cell_has_no_ratio() -> None:
    values = crowd(blocks=2) | {"s/lost": {}}
    pairs = [("s/lost", CROWD[0]), (CROWD[0], "s/unknown")]
    assert log_ratios(values, pairs) == {}


def test_a_gain_is_taken_block_by_block_from_those_that_have_both_cells() -> None:
    trials = [
        make_cell(entry, per_second=(rate,) * 20, block=block)
        for block in (1, 2)
        for entry, rate in ((BASELINE, 10 * block), (OTHER, 20 * block))
    ]
    lone = make_cell(OTHER, per_second=(900,) * 20, block=3)
    gain = gain_of([*trials, lone, lost_cell(BASELINE, "it died", 3)], ramp_run(blocks=3))
    assert gain.ours.blocks == 2
    assert gain.ours.mean == pytest.approx(2.0)


@pytest.mark.parametrize(
    "trials",
    [
        [make_cell()],
        [make_cell(OTHER)],
        [make_cell(per_second=(0,) * 20), make_cell(OTHER)],
        [make_cell(), lost_cell(OTHER, "it died")],
        [make_cell(condition=FAR), make_cell(OTHER)],
    ],
    ids=["alone", "no baseline", "a baseline without answers", "lost", "another condition"],
)
def test_without_both_rates_there_is_no_gain(trials: Sequence[Trial]) -> None:
    assert summarise(ramp_run(conditions=(NEAR, FAR)), trials).gains == ()


def in_print(setup: str, highest: float, latency_ms: float = 0.0) -> PublishedCell:
    return PublishedCell(setup, "io_read", latency_ms, highest, successes=100)


def test_a_gain_of_successes_is_not_that_of_rates() -> None:
    """One answers in a burst, the other steadily and more."""
    burst = (0,) * 9 + (10,) * 10 + (0,)
    gain = gain_of([make_cell(per_second=(8,) * 20), make_cell(OTHER, per_second=burst)])
    assert gain.ours.mean == pytest.approx(1.25)
    assert gain.successes is not None
    assert gain.successes.mean == pytest.approx(100 / 160)


def test_a_block_without_any_success_has_no_ratio_and_is_not_left_out() -> None:
    trials = [
        make_cell(entry, per_second=(rate,) * 20, block=block)
        for block, rate in ((1, 5), (2, 0))
        for entry in (BASELINE, OTHER)
    ]
    assert summarise(ramp_run(blocks=2), trials).gains == ()


def test_what_speaks_against_a_gain_is_told_with_it() -> None:
    failing = make_cell(OTHER, errors={"status 503": 300}, users=9)
    gain = gain_of([make_cell(), failing])
    assert gain.doubts == (
        f"{OTHER}: only 9 of 10 users came in time", f"{OTHER}: 60% of its requests failed",
    )  # fmt: skip


@pytest.mark.parametrize("label", ["server_cpu_ns", "database_cpu_ns"])
def test_a_gain_that_the_database_limited_says_so(label: str) -> None:
    """Its server did not; the other way round there is nothing to say."""
    busy: dict[str, Any] = {"server_cpu_ns": 2 * 10**9, "database_cpu_ns": 10**9} | {
        label: 195 * 10**8
    }
    gain = gain_of([make_cell(), make_cell(OTHER, **busy)])
    told = any("PostgreSQL used" in doubt for doubt in gain.doubts)
    assert told == (label == "database_cpu_ns")


def test_setups_of_one_variant_are_set_against_each_other_too() -> None:
    """Nothing but a setting lies between them."""
    names = (BASELINE, OTHER, "b/more", "c/third")
    study = msgspec.structs.replace(
        RUN.study,
        variants=names,
        setups={name: Setup("b/real") for name in names[1:3]} | {"c/third": Setup("c/real")},
    )
    assert pairs_of(make_run(study), names) == [
        (OTHER, BASELINE), ("b/more", BASELINE), ("c/third", BASELINE), ("b/more", OTHER),
    ]  # fmt: skip


def test_a_published_peak_is_held_against_what_a_chart_would_have_shown() -> None:
    """Of a burst Locust's chart shows less than the best ten seconds."""
    burst = (*(0,) * 20, *(40,) * 5, *(0,) * 20)
    run = beside(RUN, in_print(BASELINE, 5.0), in_print(OTHER, 20.0))
    trials = [make_cell(per_second=(10,) * 45), make_cell(OTHER, per_second=burst)]
    charted = only(trials, setup=OTHER).charted_per_s
    assert charted is not None
    gain = gain_of(trials, run)
    assert gain.ours.mean == pytest.approx(2.0)
    assert gain.charted == pytest.approx(charted / 10)
    assert gain.quotient == pytest.approx(charted / 10 / 4)


def test_a_gain_stands_beside_the_published_one() -> None:
    gain = gain_of(TWICE, beside(RUN, in_print(BASELINE, 5.0), in_print(OTHER, 20.0)))
    assert gain.published == 4.0
    assert gain.quotient == pytest.approx(0.5)


@pytest.mark.parametrize(
    "run",
    [
        RUN,
        beside(RUN),
        beside(RUN, in_print(OTHER, 20.0)),
        beside(RUN, in_print(BASELINE, 5.0)),
        beside(RUN, in_print(BASELINE, 0.0), in_print(OTHER, 20.0)),
        beside(RUN, in_print(BASELINE, 5.0, 200.0), in_print(OTHER, 20.0, 200.0)),
    ],
    ids=["no table", "an empty one", "no baseline", "no setup", "a rate of nothing", "elsewhere"],
)
def test_without_both_published_rates_there_is_no_published_gain(run: Run) -> None:
    gain = gain_of(TWICE, run)
    assert gain.ours.mean == pytest.approx(2.0)
    assert (gain.published, gain.quotient) == (None, None)


ONE_LEG = msgspec.structs.replace(NEAR, latency=Latency(database_ms=200.0))


@pytest.mark.parametrize(
    ("condition", "latency_ms", "there"),
    [
        (NEAR, 0.0, True),
        (NEAR, 200.0, False),
        (FAR, 200.0, True),
        (FAR, 400.0, False),
        (ONE_LEG, 200.0, False),
        (ONE_LEG, 0.0, False),
    ],
)
def test_a_published_cell_delayed_both_legs_by_its_latency(
    condition: Condition, latency_ms: float, there: bool
) -> None:
    cell = in_print(OTHER, 20.0, latency_ms)
    found = summarise(beside(ramp_run(conditions=(condition,)), cell), [])
    assert found.in_print(OTHER, condition) == (cell if there else None)
    assert found.in_print(BASELINE, condition) is None
    assert found.published == (((OTHER, condition, cell),) if there else ())


def test_an_analysis_of_a_ramp_has_cells_and_no_ranking() -> None:
    again = msgspec.structs.replace(TWICE[0], attempt=2)
    found = analyse(RUN, [*TWICE, again])
    assert isinstance(found.ramps, Ramps)
    assert found.ramps == summarise(RUN, [*TWICE, again])
    assert found.conditions == ()
    assert found.repeated == 1


def test_the_order_of_the_files_does_not_matter() -> None:
    lost = lost_cell(OTHER, "it died")
    trials = [*TWICE[:1], lost, msgspec.structs.replace(TWICE[1], attempt=2)]
    assert summarise(RUN, trials[::-1]) == summarise(RUN, trials)

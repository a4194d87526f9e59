"""Claims held against runs made up in memory: what is evidence, and what it comes to."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
import pytest

from harness.analysis.causes.prices import Price, PriceList
from harness.analysis.claims import RunResults, holds, judge
from harness.analysis.condition import MeasuredCondition, conditions_of
from harness.analysis.judgements import ClaimVerdict, Evidence, Judgement, merged, verdict_of
from harness.analysis.labels.trials import label_trials
from harness.analysis.locust import Cell, Ramps
from harness.analysis.measures import Measure
from harness.analysis.stats.intervals import Interval
from harness.inputs.claims import Claim, Criterion
from harness.inputs.study import Beside, Condition, Latency
from harness.records.plan import DUPLICATE
from harness.records.run import Run
from harness.records.trial import Trial
from harness.records.verification import Audit, Toll
from tests.toys.labelling import measured_condition
from tests.toys.ramps import FAR as FAR_CELL
from tests.toys.ramps import NEAR as NEAR_CELL
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
)
from tests.toys.waits import waiting_trials

OTHER, THIRD = "b/other", "c/third"
VARIANTS = (BASELINE, OTHER, THIRD)
BLOCKS = (1, 2, 3)
RUN = make_run(make_study(VARIANTS, blocks=3))
FRESH = make_run(msgspec.structs.replace(RUN.study, fresh="condition"))
CREATE = Condition("io_create", connections=64, rows=100)
FAR = msgspec.structs.replace(
    CONDITION, window_s=1.0, latency=Latency(database_ms=40.0, client_ms=60.0)
)
TWICE = {BASELINE: (500.0,) * 3, OTHER: (250.0,) * 3}
"""Microseconds per request by block: the other answers twice as many."""
HALF = {BASELINE: (250.0,) * 3, OTHER: (500.0,) * 3}
UNEVEN = {BASELINE: (500.0,) * 3, OTHER: (250.0, 1_000.0, 250.0)}
IDLE: dict[str, Any] = {"server_cpu_ns": SLICE_NS // 10, "machine_busy_ns": SLICE_NS * 4 // 10}
"""Of a slice: nothing was busy."""
IN_DATABASE: dict[str, Any] = {
    "server_cpu_ns": SLICE_NS // 2, "database_cpu_ns": SLICE_NS, "machine_busy_ns": 2 * SLICE_NS,
}  # fmt: skip
RATIO = Criterion(of=OTHER, to=BASELINE, at_least=1.5)


def about(low: float, high: float) -> Interval:
    return Interval((low + high) / 2, low, high, (high - low) / 4, 5)


def measured(
    costs: Mapping[str, Sequence[float]], condition: Condition = CONDITION, **changes: Any
) -> list[Trial]:
    """Trials by entry and block; changes: of every slice."""
    return [
        make_trial(
            entry,
            block,
            [
                make_slice(n, us, start_ns=(10 * n + VARIANTS.index(entry)) * SLICE_NS, **changes)
                for n in range(4)
            ],
            condition=condition,
        )
        for entry, found in costs.items()
        for block, us in enumerate(found, 1)
    ]


def answered(latency_ms: Mapping[str, float], condition: Condition, **changes: Any) -> list[Trial]:
    """Trials whose latencies lie between so many milliseconds and twice that."""
    return [
        make_trial(
            entry, block, [make_window(**changes)], condition=condition, latency_hdr=histogram(ms)
        )
        for entry, ms in latency_ms.items()
        for block in BLOCKS
    ]


def condition_of(trials: Sequence[Trial], run: Run = RUN) -> MeasuredCondition:
    """Of trials of one condition, and of a twin of the baseline that does the same."""
    twins = [
        msgspec.structs.replace(trial, entry=BASELINE + DUPLICATE)
        for trial in trials
        if trial.entry == BASELINE
    ]
    return measured_condition(run, trials[0].condition, [*trials, *twins])


def judged(
    criterion: Criterion,
    *conditions: MeasuredCondition,
    run: Run = RUN,
    prices: Sequence[PriceList] = (),
    ramps: Ramps | None = None,
) -> Judgement:
    """The claim of this one criterion, held against this one run."""
    claim = Claim("X1", "somebody", "something", (criterion,))
    (found,) = judge((claim,), (RunResults(run, conditions, tuple(prices), ramps),))
    return found


@pytest.mark.parametrize(
    ("least", "most", "told"),
    [
        (1.5, None, True),
        (2.0, None, True),
        (2.5, None, None),
        (3.0, None, None),
        (3.5, None, False),
        (None, 3.5, True),
        (None, 3.0, True),
        (None, 2.5, None),
        (None, 2.0, None),
        (None, 1.5, False),
        (1.0, 4.0, True),
        (2.0, 3.0, True),
        (1.0, 1.9, False),
        (3.1, 4.0, False),
        (1.0, 2.5, None),
        (2.5, 4.0, None),
        (2.2, 2.8, None),
    ],
)
def test_a_criterion_holds_where_all_of_the_interval_does_and_fails_where_none_of_it_does(
    least: float | None, most: float | None, told: bool | None
) -> None:
    """The interval is 2 to 3; one that reaches over a threshold decides nothing."""
    criterion = Criterion(of="a", to="b", at_least=least, at_most=most)
    assert holds(criterion, about(2.0, 3.0)) is told


@pytest.mark.parametrize("least", [0.0, 2.0, 100.0])
def test_one_block_alone_decides_nothing(least: float) -> None:
    alone = Interval(2.0, None, None, None, 1)
    assert holds(Criterion(of="a", to="b", at_least=least), alone) is None


def test_a_count_is_a_point_that_can_be_wanted_exactly() -> None:
    four = Criterion(of="a", count="hops", at_least=4.0, at_most=4.0)
    assert holds(four, about(4.0, 4.0)) is True
    assert holds(four, about(5.0, 5.0)) is False


def evidence(told: bool | None) -> Evidence:
    return Evidence("run", "io_read", "throughput", about(1.0, 2.0), 1.0, None, told)


@pytest.mark.parametrize(
    ("told", "verdict"),
    [
        ([], ClaimVerdict.NOT_TESTED),
        ([None, None], ClaimVerdict.UNDECIDED),
        ([True], ClaimVerdict.SUPPORTED),
        ([True, None, True], ClaimVerdict.SUPPORTED),
        ([False], ClaimVerdict.REFUTED),
        ([None, False], ClaimVerdict.REFUTED),
        ([True, False], ClaimVerdict.DEPENDS),
        ([False, None, True, False], ClaimVerdict.DEPENDS),
    ],
)
def test_a_verdict_is_of_the_evidence_that_decides_something(
    told: Sequence[bool | None], verdict: ClaimVerdict
) -> None:
    assert verdict_of([evidence(one) for one in told]) is verdict


@pytest.mark.parametrize(
    ("one", "other", "verdict"),
    [
        (True, True, ClaimVerdict.SUPPORTED),
        (True, False, ClaimVerdict.DEPENDS),
        (False, None, ClaimVerdict.REFUTED),
        (None, None, ClaimVerdict.UNDECIDED),
    ],
)
def test_the_verdict_over_several_runs_is_that_of_all_their_evidence(
    one: bool | None, other: bool | None, verdict: ClaimVerdict
) -> None:
    claim = Claim("X1", "somebody", "something")
    parts = [
        (Judgement(claim, verdict_of(found), found),)
        for found in ((evidence(one),), (evidence(other),))
    ]
    assert merged(parts) == (Judgement(claim, verdict, (evidence(one), evidence(other))),)


def test_a_run_that_tests_nothing_takes_nothing_from_another() -> None:
    claims = [Claim(name, "somebody", "something") for name in ("X1", "X2")]
    silent = [Judgement(claim, ClaimVerdict.NOT_TESTED, ()) for claim in claims]
    telling = [Judgement(claims[0], ClaimVerdict.SUPPORTED, (evidence(True),)), silent[1]]
    assert merged([silent, telling]) == tuple(telling)


def test_a_ratio_is_evidence_with_its_condition_its_interval_and_what_was_wanted() -> None:
    found = judged(RATIO, condition_of(measured(TWICE)))
    (item,) = found.evidence
    assert found.verdict is ClaimVerdict.SUPPORTED
    assert (item.run, item.where) == (RUN.id, CONDITION.name)
    assert item.what == "throughput of b/other / a/base"
    assert item.value.mean == pytest.approx(2.0, rel=1e-6)
    assert item.value.blocks == 3
    assert (item.least, item.most, item.holds) == (1.5, None, True)


def test_a_claim_is_refuted_where_every_interval_lies_elsewhere() -> None:
    at_most = Criterion(of=OTHER, to=BASELINE, at_most=1.5)
    assert judged(at_most, condition_of(measured(TWICE))).verdict is ClaimVerdict.REFUTED
    assert judged(RATIO, condition_of(measured(HALF))).verdict is ClaimVerdict.REFUTED


def test_a_claim_depends_where_conditions_differ() -> None:
    found = judged(RATIO, condition_of(measured(TWICE)), condition_of(measured(HALF, CREATE)))
    assert found.verdict is ClaimVerdict.DEPENDS
    assert {item.where: item.holds for item in found.evidence} == {
        CONDITION.name: True, CREATE.name: False,
    }  # fmt: skip


def test_a_claim_is_undecided_where_blocks_contradict_each_other() -> None:
    found = judged(RATIO, condition_of(measured(UNEVEN)))
    assert len(found.evidence) == 1
    assert found.verdict is ClaimVerdict.UNDECIDED


def test_a_single_block_is_evidence_that_decides_nothing() -> None:
    found = judged(RATIO, condition_of(measured({BASELINE: (500.0,), OTHER: (250.0,)})))
    (item,) = found.evidence
    assert item.value.mean == pytest.approx(2.0, rel=1e-6)
    assert found.verdict is ClaimVerdict.UNDECIDED


def test_a_ratio_decides_by_its_own_interval_with_a_duplicate_or_without() -> None:
    for duplicates in (True, False):
        trials = measured(TWICE)
        under = condition_of(trials) if duplicates else measured_condition(RUN, CONDITION, trials)
        (item,) = judged(RATIO, under).evidence
        effect = under.effect(Measure.THROUGHPUT, OTHER, BASELINE)
        assert effect is not None
        assert item.value == effect.interval().exp()
        assert item.holds is True


@pytest.mark.parametrize(
    ("told", "verdict"),
    [
        ([True, True], ClaimVerdict.SUPPORTED),
        ([True, None], ClaimVerdict.SUPPORTED),
        ([True, None, None], ClaimVerdict.SUPPORTED_IN_PART),
        ([False, None, None], ClaimVerdict.REFUTED_IN_PART),
        ([True, False, None, None, None], ClaimVerdict.DEPENDS),
        ([None, None], ClaimVerdict.UNDECIDED),
    ],
)
def test_a_part_of_which_most_is_undecided_is_not_supported_as_a_whole(
    told: Sequence[bool | None], verdict: ClaimVerdict
) -> None:
    """One of many intervals decides by chance."""
    claim = Claim("X1", "somebody", "something", (RATIO,))
    found = Judgement(claim, ClaimVerdict.UNDECIDED, tuple(evidence(one) for one in told))
    (both,) = merged([(found,)])
    assert both.verdict is verdict


def test_a_claim_on_variants_that_were_not_measured_is_not_tested() -> None:
    absent = Criterion(of=THIRD, to=BASELINE, at_least=1.0)
    found = judged(absent, condition_of(measured(TWICE)))
    assert (found.verdict, found.evidence) == (ClaimVerdict.NOT_TESTED, ())
    assert judged(RATIO).verdict is ClaimVerdict.NOT_TESTED


def test_every_criterion_of_a_claim_counts_against_every_run() -> None:
    both = Claim("X1", "somebody", "s", (RATIO, Criterion(of=OTHER, to=BASELINE, at_least=3.0)))
    none = Claim("X2", "somebody", "s", (Criterion(of=THIRD, to=BASELINE, at_least=1.0),))
    findings = RunResults(RUN, (condition_of(measured(TWICE)),), (), None)
    first, second = judge((both, none), (findings, findings))
    assert (first.claim, second.claim) == (both, none)
    assert [item.holds for item in first.evidence] == [True, False, True, False]
    assert (first.verdict, second.verdict) == (ClaimVerdict.DEPENDS, ClaimVerdict.NOT_TESTED)


@pytest.mark.parametrize(
    ("wanted", "conditions"),
    [
        ({}, (CONDITION, CREATE, FAR)),
        ({"endpoints": ("io_create",)}, (CREATE,)),
        ({"endpoints": ("io_create", "io_read")}, (CONDITION, CREATE, FAR)),
        ({"endpoints": ("cpu",)}, ()),
        ({"connections": (8,)}, (CONDITION, FAR)),
        ({"connections": (9, 64)}, (CREATE,)),
        ({"latency_ms": (0.0,)}, (CONDITION, CREATE)),
        ({"latency_ms": (100.0,)}, (FAR,)),
        ({"latency_ms": (40.0, 60.0)}, ()),
        ({"endpoints": ("io_read",), "latency_ms": (0.0,)}, (CONDITION,)),
        ({"beside": "cpu"}, ()),
        ({"leg": "database"}, ()),
    ],
)
def test_a_criterion_is_held_against_the_conditions_that_fit(
    wanted: dict[str, Any], conditions: Sequence[Condition]
) -> None:
    """Added latency is that of both legs together."""
    criterion = Criterion(of=OTHER, to=BASELINE, at_least=1.5, **wanted)
    every = [condition_of(measured(TWICE, condition)) for condition in (CONDITION, CREATE, FAR)]
    found = judged(criterion, *every)
    assert [item.where for item in found.evidence] == [c.name for c in conditions]


@pytest.mark.parametrize("leg", ["database", "client"])
def test_a_criterion_may_want_one_leg_longer_and_no_other(
    leg: Literal["database", "client"],
) -> None:
    longer = [
        msgspec.structs.replace(FAR, latency=latency)
        for latency in (Latency(database_ms=100.0), Latency(client_ms=100.0), Latency())
    ]
    criterion = Criterion(of=OTHER, to=BASELINE, at_least=1.5, leg=leg, latency_ms=(100.0,))
    found = judged(criterion, *(condition_of(measured(TWICE, condition)) for condition in longer))
    (item,) = found.evidence
    assert item.where == longer[leg == "client"].name


WAIT = Condition("io_wait", connections=8, rows=100, window_s=1.0)
BESIDE_CPU = msgspec.structs.replace(WAIT, beside=Beside("cpu", connections=2))
BESIDE_NOOP = msgspec.structs.replace(WAIT, beside=Beside("noop", connections=2))


@pytest.mark.parametrize(
    ("beside", "condition"), [(None, WAIT), ("cpu", BESIDE_CPU), ("noop", BESIDE_NOOP)]
)
def test_a_second_load_is_what_a_criterion_names_or_none(
    beside: str | None, condition: Condition
) -> None:
    criterion = Criterion(of=OTHER, to=BASELINE, measure="p99", beside=beside, at_least=1.5)
    conditions = [
        condition_of(answered({BASELINE: 2.0, OTHER: 4.0}, c))
        for c in (WAIT, BESIDE_CPU, BESIDE_NOOP)
    ]
    (item,) = judged(criterion, *conditions).evidence
    assert item.where == condition.name
    assert item.what == "p99 of b/other / a/base"
    assert item.value.mean == pytest.approx(2.0, rel=1e-2)


def test_medians_are_evidence_too() -> None:
    criterion = Criterion(of=OTHER, to=BASELINE, measure="p50", at_most=0.6)
    found = judged(criterion, condition_of(answered({BASELINE: 4.0, OTHER: 2.0}, WAIT)))
    (item,) = found.evidence
    assert item.value.mean == pytest.approx(0.5, rel=1e-2)
    assert found.verdict is ClaimVerdict.SUPPORTED


@pytest.mark.parametrize("measure", ["p50", "p99"])
def test_latencies_of_an_open_loop_that_was_not_answered_are_no_evidence(measure: str) -> None:
    """Those of the arrivals that were answered say nothing where half of them were not."""
    criterion = msgspec.convert(
        {"of": OTHER, "to": BASELINE, "measure": measure, "at_least": 1.5}, Criterion
    )
    rate = msgspec.structs.replace(WAIT, rate=2_000.0)
    latencies = {BASELINE: 2.0, OTHER: 4.0}
    sound = answered(latencies, rate, offered=2_000, correct=2_000)
    overloaded = answered(latencies, rate, offered=2_000, correct=1_000)
    assert len(judged(criterion, condition_of(sound)).evidence) == 1
    assert judged(criterion, condition_of(overloaded)).evidence == ()


def test_what_the_database_held_back_is_no_evidence_of_throughput_but_of_cost() -> None:
    base, held = ({name: TWICE[name]} for name in (BASELINE, OTHER))
    under = condition_of(measured(base) + measured(held, **IN_DATABASE))
    cost = Criterion(of=OTHER, to=BASELINE, measure="cpu", at_most=0.9)
    assert judged(RATIO, under).verdict is ClaimVerdict.NOT_TESTED
    assert len(judged(cost, under).evidence) == 1


def test_what_held_back_a_third_variant_is_no_matter_of_the_two() -> None:
    third = measured({THIRD: (500.0,) * 3}, **IN_DATABASE)
    found = judged(RATIO, condition_of(measured(TWICE) + third))
    assert found.verdict is ClaimVerdict.SUPPORTED


def test_of_requests_that_only_wait_throughput_is_evidence_though_nothing_was_busy() -> None:
    """How many of them a variant keeps waiting at once is what such an endpoint asks."""
    found = judged(RATIO, condition_of(measured(TWICE, WAIT, **IDLE)))
    assert len(found.evidence) == 1
    assert found.verdict is ClaimVerdict.SUPPORTED


def test_with_added_latency_throughput_is_evidence_though_nothing_was_busy() -> None:
    delayed = make_run(msgspec.structs.replace(RUN.study, conditions=(FAR,)))
    under = condition_of(measured(TWICE, FAR, **IDLE), delayed)
    assert judged(RATIO, under, run=delayed).verdict is ClaimVerdict.SUPPORTED


def test_a_cost_is_held_against_cpu_per_request() -> None:
    cost = Criterion(of=OTHER, to=BASELINE, measure="cpu", at_most=0.6)
    found = judged(cost, condition_of(measured(TWICE)))
    (item,) = found.evidence
    assert item.what == "cpu of b/other / a/base"
    assert item.value.mean == pytest.approx(0.5, rel=1e-6)
    assert found.verdict is ClaimVerdict.SUPPORTED


def price_list(connections: int, low: float, high: float) -> PriceList:
    prices = (
        Price("stack: a", about(1.0, 2.0), (), {}, {}),
        Price("hop (asgiref)", about(low, high), (), {}, {}),
        Price("hop (anyio)", about(1.0, 2.0), (), {}, {}),
    )
    return PriceList(connections, 9, prices, (), (), ())


PRICES = (price_list(1, 40.0, 50.0), price_list(64, 120.0, 130.0))


@pytest.mark.parametrize(
    ("connections", "verdict"),
    [
        ((), ClaimVerdict.DEPENDS),
        ((1,), ClaimVerdict.SUPPORTED),
        ((64,), ClaimVerdict.REFUTED),
        ((32,), ClaimVerdict.NOT_TESTED),
    ],
)
def test_a_price_is_held_at_each_concurrency_that_fits(
    connections: tuple[int, ...], verdict: ClaimVerdict
) -> None:
    criterion = Criterion(
        price="hop (asgiref)", connections=connections, at_least=10.0, at_most=100.0
    )
    assert judged(criterion, prices=PRICES).verdict is verdict


def test_a_price_is_told_with_its_concurrency_and_its_whole_name() -> None:
    (item,) = judged(Criterion(price="hop", at_least=10.0), prices=PRICES[1:]).evidence
    assert (item.where, item.what) == ("64 connections", "µs of a hop (asgiref)")
    assert item.value == about(120.0, 130.0)


def test_a_price_that_no_list_has_is_not_tested() -> None:
    criterion = Criterion(price="thread started", at_least=10.0)
    assert judged(criterion, prices=PRICES).verdict is ClaimVerdict.NOT_TESTED


AUDITED = msgspec.structs.replace(
    RUN,
    audits=(
        Audit(
            OTHER,
            (
                Toll("noop", 32, {"hops": 2.0}, {}),
                Toll("io_read", 32, {"hops": 4.0, "round_trips": 6.0}, {}),
            ),
        ),
        Audit(BASELINE, (Toll("io_read", 32, {"hops": 9.0}, {}),)),
    ),
)


def test_a_count_is_the_audits_of_that_variant() -> None:
    criterion = Criterion(of=OTHER, count="hops", endpoints=("io_read",), at_least=4.0, at_most=4.0)
    found = judged(criterion, run=AUDITED)
    (item,) = found.evidence
    assert found.verdict is ClaimVerdict.SUPPORTED
    assert (item.where, item.what) == ("io_read", "hops per request of b/other")
    assert (item.value.mean, item.value.low, item.value.high) == (4.0, 4.0, 4.0)


def test_a_count_without_endpoints_is_held_against_all_of_them() -> None:
    found = judged(Criterion(of=OTHER, count="hops", at_least=4.0), run=AUDITED)
    assert {item.where: item.holds for item in found.evidence} == {"noop": False, "io_read": True}
    assert found.verdict is ClaimVerdict.DEPENDS


def test_a_quantity_is_told_in_words_and_is_nothing_where_it_was_not_seen() -> None:
    found = judged(Criterion(of=OTHER, count="round_trips", at_most=0.0), run=AUDITED)
    assert {item.what for item in found.evidence} == {"round trips per request of b/other"}
    assert {item.where: item.value.mean for item in found.evidence} == {"noop": 0.0, "io_read": 6.0}


def test_a_count_of_a_variant_without_an_audit_is_not_tested() -> None:
    criterion = Criterion(of=THIRD, count="hops", at_least=1.0)
    assert judged(criterion, run=AUDITED).verdict is ClaimVerdict.NOT_TESTED


def grown(
    connections: int,
    memory_mib: float,
    threads: int | None,
    *,
    blocks: int = 3,
    baseline_mib: float | None = None,
) -> MeasuredCondition:
    """Waiting users, and the memory that the other variant used for them, or the baseline too."""
    condition = msgspec.structs.replace(WAIT, connections=connections)
    used = {OTHER: memory_mib} | ({} if baseline_mib is None else {BASELINE: baseline_mib})
    return condition_of(
        [
            make_trial(
                entry, block, condition=condition, rss_peak_kib=round(mib * 1024), threads=threads
            )
            for entry, mib in used.items()
            for block in range(1, blocks + 1)
        ],
        FRESH,
    )


FEW, MANY = grown(1, 40.0, 10), grown(101, 240.0, 60)
"""Two hundred MiB more for a hundred connections, or for fifty threads."""
PER_CONNECTION = Criterion(of=OTHER, memory_per="connection", at_least=1.9, at_most=2.1)
PER_THREAD = Criterion(of=OTHER, memory_per="thread", at_least=3.9, at_most=4.1)


@pytest.mark.parametrize(
    ("criterion", "what"), [(PER_CONNECTION, "connection"), (PER_THREAD, "thread")]
)
def test_memory_is_held_by_its_slope_over_concurrency(criterion: Criterion, what: str) -> None:
    found = judged(criterion, MANY, FEW, run=FRESH)
    (item,) = found.evidence
    assert found.verdict is ClaimVerdict.SUPPORTED
    assert item.where == "io_wait, 1 to 101 connections"
    assert item.what == f"MiB of b/other for one {what} more"


def test_memory_is_held_against_another_variant_s() -> None:
    """Two MiB per connection against one."""
    conditions = (
        grown(1, 40.0, 10, baseline_mib=40.0),
        grown(101, 240.0, 60, baseline_mib=140.0),
    )
    twice = Criterion(of=OTHER, to=BASELINE, memory_per="connection", at_least=1.9, at_most=2.1)
    found = judged(twice, *conditions, run=FRESH)
    (item,) = found.evidence
    assert found.verdict is ClaimVerdict.SUPPORTED
    assert item.value.mean == pytest.approx(2.0)
    assert item.what == "memory of b/other / a/base for one connection more"


def test_memory_that_shrinks_has_no_ratio_and_spoils_nothing() -> None:
    conditions = (
        grown(1, 240.0, 10, baseline_mib=40.0),
        grown(101, 40.0, 60, baseline_mib=140.0),
    )
    twice = Criterion(of=OTHER, to=BASELINE, memory_per="connection", at_least=1.9, at_most=2.1)
    assert judged(twice, *conditions, run=FRESH).verdict is ClaimVerdict.NOT_TESTED


def test_memory_is_not_tested_where_servers_live_through_several_conditions() -> None:
    """Their peak would be that of the largest condition before."""
    assert judged(PER_CONNECTION, FEW, MANY, run=RUN).verdict is ClaimVerdict.NOT_TESTED


def test_memory_is_taken_from_the_lowest_concurrency_and_the_highest_alone() -> None:
    odd = grown(50, 9_000.0, 999)
    assert judged(PER_CONNECTION, FEW, odd, MANY, run=FRESH).verdict is ClaimVerdict.SUPPORTED


@pytest.mark.parametrize(
    ("criterion", "conditions"),
    [
        (PER_CONNECTION, (FEW,)),
        (PER_CONNECTION, ()),
        (PER_THREAD, (FEW, grown(101, 240.0, 10))),
        (PER_THREAD, (FEW, grown(101, 240.0, None))),
        (Criterion(of=THIRD, memory_per="connection", at_least=1.0), (FEW, MANY)),
        (msgspec.structs.replace(PER_CONNECTION, endpoints=("cpu",)), (FEW, MANY)),
    ],
    ids=["one concurrency", "none", "no thread more", "not counted", "not measured", "elsewhere"],
)
def test_memory_without_two_ends_to_compare_is_not_tested(
    criterion: Criterion, conditions: Sequence[MeasuredCondition]
) -> None:
    assert judged(criterion, *conditions, run=FRESH).verdict is ClaimVerdict.NOT_TESTED


def test_memory_is_taken_block_by_block_from_those_that_have_both_ends() -> None:
    (item,) = judged(PER_CONNECTION, FEW, grown(101, 240.0, 60, blocks=2), run=FRESH).evidence
    assert item.value.blocks == 2


def ramps(rates: Mapping[tuple[str, Condition], Sequence[float]]) -> Ramps:
    """Of setups by condition: the highest rate of each block."""
    cells = tuple(
        Cell(setup, condition, len(found), highest_by_block=dict(enumerate(found, 1)))
        for (setup, condition), found in rates.items()
    )
    return Ramps(baseline=BASELINE, cells=cells, gains=(), published=())


RATES = {
    (BASELINE, NEAR_CELL): (100.0, 101.0, 99.0),
    (OTHER, NEAR_CELL): (120.0, 121.0, 119.0),
    (BASELINE, FAR_CELL): (1.0, 1.01, 0.99),
    (OTHER, FAR_CELL): (50.0, 51.0, 50.5),
}
RAMPS = ramps(RATES)
HIGHEST = Criterion(of=OTHER, to=BASELINE, measure="highest", at_least=40.0)


def test_the_highest_rate_of_a_ramp_is_held_under_the_conditions_that_fit() -> None:
    """Two hundred milliseconds on each leg are four hundred in all."""
    far = msgspec.structs.replace(HIGHEST, latency_ms=(400.0,))
    found = judged(far, ramps=RAMPS)
    (item,) = found.evidence
    assert found.verdict is ClaimVerdict.SUPPORTED
    assert item.where == FAR_CELL.name
    assert item.value.mean == pytest.approx(50.5, rel=0.01)
    assert item.what == "highest rate of b/other / a/base"
    assert judged(HIGHEST, ramps=RAMPS).verdict is ClaimVerdict.DEPENDS


def test_a_ramp_tells_of_any_two_of_its_setups_and_of_no_other() -> None:
    inverse = Criterion(of=BASELINE, to=OTHER, measure="highest", at_most=1.0)
    another = Criterion(of=OTHER, to=THIRD, measure="highest", at_least=0.0)
    assert judged(inverse, ramps=RAMPS).verdict is ClaimVerdict.SUPPORTED
    assert judged(another, ramps=RAMPS).verdict is ClaimVerdict.NOT_TESTED


def test_a_ramp_is_no_evidence_of_throughput_nor_slices_of_a_highest_rate() -> None:
    assert judged(RATIO, ramps=RAMPS).verdict is ClaimVerdict.NOT_TESTED
    assert judged(HIGHEST, condition_of(measured(TWICE))).verdict is ClaimVerdict.NOT_TESTED


def test_one_ramp_alone_decides_nothing() -> None:
    alone = {key: found[:1] for key, found in RATES.items()}
    assert judged(HIGHEST, ramps=ramps(alone)).verdict is ClaimVerdict.UNDECIDED


def test_a_share_of_the_ideal_is_held_against_waiting_requests_alone() -> None:
    shares = {n: {BASELINE: 0.97, OTHER: 0.5} for n in (100, 1_000, 3_000)}
    run, trials = waiting_trials(shares)
    conditions = conditions_of(run, label_trials(run, trials))
    results = RunResults(run, tuple(conditions), (), None)
    criteria = tuple(
        Criterion(of=of, ideal=True, connections=(3_000,), at_least=0.9, part=of)
        for of in (BASELINE, OTHER)
    )
    claim = Claim("W", "somebody", "One holds them, and the other does not.", criteria)
    (judgement,) = judge([claim], [results])
    assert {item.part: item.holds for item in judgement.evidence} == {BASELINE: True, OTHER: False}
    assert [item.subject.connections for item in judgement.evidence] == [3_000, 3_000]
    assert judge([claim], [RunResults(RUN, (), (), None)])[0].evidence == ()

"""Two runs made up in memory: what is called between them, and what is not."""

import math
import random
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, Literal

import msgspec
import numpy as np
import pytest
from scipy import stats

from harness.analysis.gate import GateAnswer, gate
from harness.analysis.labels import trials as labelling
from harness.analysis.measures import Measure
from harness.analysis.runs import (
    ComparedVariant,
    RunComparison,
    RunTrials,
    RunVerdict,
    VariantCondition,
    compare,
)
from harness.analysis.stats.intervals import Interval
from harness.base.errors import UnknownName
from harness.inputs.settings import LoadSettings
from harness.inputs.study import Condition, Objective, Study
from harness.records.plan import DUPLICATE
from harness.records.run import Run
from harness.records.trial import Trial
from harness.runner.trial_builder import Latencies
from tests.toys.labelling import measured_conditions
from tests.toys.runs import (
    BASELINE,
    CONDITION,
    SLICE_NS,
    make_run,
    make_slice,
    make_study,
    make_trial,
    make_window,
    simulate,
)

OTHER, THIRD = "b/other", "c/third"
TWIN = BASELINE + DUPLICATE
COST = {BASELINE: 500.0, OTHER: 600.0}
SLOWER = {BASELINE: 500.0, OTHER: 660.0}
QUIET = {"drift": 0.01}
"""A machine whose speed wanders by a hundredth."""


def run_of(name: str, study: Study | None = None) -> Run:
    return msgspec.structs.replace(make_run(study), id=name)


A, B = run_of("before"), run_of("after")


def measured(
    run: Run, seed: int, cost: Mapping[str, float] = COST, noise: Mapping[str, float] = QUIET
) -> RunTrials:
    return RunTrials(run, simulate(run, cost, seed, **noise))


def changed(side: RunTrials, entries: Sequence[str], block: int = 0, **changes: Any) -> RunTrials:
    """With other trials of some entries, in all blocks or from one on."""
    trials = [
        msgspec.structs.replace(t, **changes) if t.entry in entries and t.block >= block else t
        for t in side.trials
    ]
    return RunTrials(side.run, trials)


def single(side: RunTrials) -> RunTrials:
    """Without the hidden duplicate."""
    return RunTrials(side.run, [t for t in side.trials if t.entry != TWIN])


def under(run: Run, conditions: Sequence[Condition]) -> Run:
    study = msgspec.structs.replace(run.study, conditions=tuple(conditions))
    return msgspec.structs.replace(run, study=study)


def pair_of(found: RunComparison, variant: str = OTHER) -> ComparedVariant:
    (pair,) = [pair for pair in found.pairs if pair.variant == variant]
    return pair


def ratio_of(pair: ComparedVariant) -> tuple[float, float, float]:
    """Ratio with lower and upper bound."""
    ratio = pair.ratio_b_to_a
    assert ratio is not None
    assert ratio.low is not None
    assert ratio.high is not None
    return ratio.mean, ratio.low, ratio.high


def half_width(interval: Interval | None) -> float:
    assert interval is not None
    width = interval.log_half_width
    assert width is not None
    return width


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a label that takes half of the time."""
    monkeypatch.setattr(labelling, "unsteady", lambda _: [])


FOUR = (BASELINE, OTHER, THIRD, "d/fourth")
COSTS = dict(zip(FOUR, (500.0, 600.0, 300.0, 900.0), strict=True))
FEW_ROUNDS = msgspec.structs.replace(make_study(FOUR, blocks=6), load=LoadSettings(rounds=4))
BEFORE, AFTER = run_of("before", FEW_ROUNDS), run_of("after", FEW_ROUNDS)
COMPARISONS = 50
SELDOM = int(stats.binom.ppf(0.99, COMPARISONS, 0.05))
"""What happens with a chance of 5 % happens more often than this with a chance of 1 %."""


def upgraded(run: Run, *names: str) -> Run:
    """With other packages of these implementations."""
    implementations = {
        name: msgspec.structs.replace(record, packages={"x": "2"}) if name in names else record
        for name, record in run.implementations.items()
    }
    return msgspec.structs.replace(run, implementations=implementations)


def shared_noise(
    number: int, changes: Mapping[str, float], *upgrades: str
) -> tuple[RunTrials, RunTrials]:
    """Two runs on a machine whose speed wanders by 3 %, and by a tenth from run to run.

    A block's value varies by 2 % beyond that. The second run's costs are changed by these factors.
    """
    speed = math.exp(random.Random(number).gauss(0, 0.1))
    costs = {name: cost * speed * changes.get(name, 1.0) for name, cost in COSTS.items()}
    rough = {"start": 0.02, "drift": 0.03, "noise": 0.01}
    return (
        measured(BEFORE, 2 * number, COSTS, rough),
        measured(upgraded(AFTER, *upgrades), 2 * number + 1, costs, rough),
    )


@pytest.mark.usefixtures("hasty")
def test_identical_runs_are_seldom_called_different_whatever_the_machine_did_meanwhile() -> None:
    called = held = pairs = 0
    widths: list[float] = []
    for number in range(COMPARISONS):
        found = compare(*shared_noise(number, {}), Measure.CPU)
        called += any(p.verdict in (RunVerdict.SLOWER, RunVerdict.FASTER) for p in found.pairs)
        for pair in found.pairs:
            _, low, high = ratio_of(pair)
            held += low <= 1 <= high
            pairs += 1
            widths.append(half_width(pair.ratio_b_to_a))
    assert pairs == 4 * COMPARISONS
    assert called <= SELDOM
    assert 0.92 <= held / pairs <= 0.985
    assert 0.025 < median(widths) < 0.05


@pytest.mark.usefixtures("hasty")
def test_a_new_build_that_costs_as_much_as_the_old_passes_a_gate_and_never_regresses() -> None:
    answers = [
        gate(compare(*shared_noise(number, {}, "b"), Measure.CPU), 0.05).answer
        for number in range(COMPARISONS)
    ]
    assert answers.count(GateAnswer.PASSED) >= 0.8 * COMPARISONS
    assert answers.count(GateAnswer.REGRESSED) <= SELDOM


@pytest.mark.usefixtures("hasty")
def test_a_planted_seven_per_cent_is_found_with_the_right_sign_and_size() -> None:
    verdicts: list[RunVerdict] = []
    called = held = 0
    answers: list[tuple[GateAnswer, GateAnswer]] = []
    for number in range(COMPARISONS):
        found = compare(*shared_noise(number, {OTHER: 1.07}, "b"), Measure.CPU)
        answers.append((gate(found, 0.05).answer, gate(found, 0.07).answer))
        assert OTHER not in found.references[0].variants
        verdicts.append(pair_of(found).verdict)
        _, low, high = ratio_of(pair_of(found))
        held += low <= 1.07 <= high
        others = [pair for pair in found.pairs if pair.variant != OTHER]
        called += any(p.verdict in (RunVerdict.SLOWER, RunVerdict.FASTER) for p in others)
    assert verdicts.count(RunVerdict.SLOWER) >= 0.8 * COMPARISONS
    strict, exact = zip(*answers, strict=True)
    assert strict.count(GateAnswer.REGRESSED) >= 0.8 * COMPARISONS
    assert strict.count(GateAnswer.PASSED) <= SELDOM
    assert exact.count(GateAnswer.PASSED) <= SELDOM  # it is as much as is allowed
    assert RunVerdict.FASTER not in verdicts
    assert 0.88 <= held / COMPARISONS <= 1
    assert called <= SELDOM


def test_the_speed_of_a_whole_run_cancels_exactly() -> None:
    still = {"drift": 0.0, "noise": 0.0, "start": 0.0}
    changes = {OTHER: 1.1}
    slow = {name: 1.3 * cost * changes.get(name, 1) for name, cost in COSTS.items()}
    a = measured(BEFORE, 1, COSTS, still)
    found = compare(a, measured(upgraded(AFTER, "b"), 2, slow, still), Measure.CPU)
    (reference,) = found.references
    assert reference.variants == (BASELINE, THIRD, "d/fourth")
    pair = pair_of(found)
    assert pair.reference == reference.variants
    assert ratio_of(pair)[0] == pytest.approx(1.1, rel=2e-3)
    assert pair.absolute_b_to_a is not None
    assert pair.absolute_b_to_a.mean == pytest.approx(1.43, rel=2e-3)
    assert pair.a[Measure.CPU].mean == pytest.approx(600, rel=1e-3)
    assert pair.b[Measure.CPU].mean == pytest.approx(858, rel=1e-3)
    assert ratio_of(pair_of(found, THIRD))[0] == pytest.approx(1, rel=2e-3)
    assert pair_of(found, THIRD).reference == (BASELINE, "d/fourth")


def test_a_reference_makes_the_answer_narrower() -> None:
    """On a machine whose speed wanders by a tenth."""
    a, b = measured(BEFORE, 1, COSTS, {}), measured(AFTER, 2, COSTS, {})
    for pair in compare(a, b, Measure.CPU).pairs:
        assert half_width(pair.ratio_b_to_a) < 0.6 * half_width(pair.absolute_b_to_a)


def test_the_other_way_round_the_same_is_faster() -> None:
    a, b = shared_noise(5, {OTHER: 1.2}, "b")
    there, back = compare(a, b, Measure.CPU), compare(b, a, Measure.CPU)
    assert (there.run_a, there.run_b) == ("before", "after")
    assert pair_of(there).verdict is RunVerdict.SLOWER
    assert pair_of(back).verdict is RunVerdict.FASTER
    assert ratio_of(pair_of(there))[0] == pytest.approx(1 / ratio_of(pair_of(back))[0])


def test_throughput_is_worse_where_it_is_less() -> None:
    pair = pair_of(compare(*shared_noise(5, {OTHER: 1.2}, "b"), Measure.THROUGHPUT))
    assert pair.verdict is RunVerdict.SLOWER
    assert ratio_of(pair)[0] == pytest.approx(1 / 1.2, abs=0.04)


def test_precise_ratios_near_one_are_the_same_by_the_larger_margin_of_both_studies() -> None:
    wide = msgspec.structs.replace(FEW_ROUNDS, margin=0.2)
    a = measured(BEFORE, 1, COSTS)
    for study, margin in ((FEW_ROUNDS, 0.03), (wide, 0.2)):
        found = compare(a, measured(run_of("after", study), 2, COSTS), Measure.CPU)
        assert found.margin == margin
        assert {pair.verdict for pair in found.pairs} == {RunVerdict.SAME}
        assert all(pair.at_most is None for pair in found.pairs)


def test_an_undecided_ratio_is_bounded_allowing_for_all_pairs() -> None:
    found = compare(*shared_noise(1, {}), Measure.CPU)
    open_ = [pair for pair in found.pairs if pair.verdict is RunVerdict.UNDECIDED]
    assert open_
    for pair in open_:
        mean, low, high = ratio_of(pair)
        assert pair.at_most is not None
        assert math.log1p(pair.at_most) > max(math.log(high), -math.log(low)) > abs(math.log(mean))


def test_without_an_unchanged_variant_values_are_compared_as_they_are_and_the_reason_is_told() -> (
    None
):
    """Nothing can tell a machine that became slower from variants that did."""
    slower = {name: 1.2 * cost for name, cost in COST.items()}
    found = compare(measured(A, 1), measured(upgraded(B, "a", "b"), 2, slower), Measure.CPU)
    (reference,) = found.references
    assert reference.variants == ()
    assert reference.missing == "of every variant, its packages changed"
    for pair in found.pairs:
        assert pair.verdict is RunVerdict.SLOWER
        assert pair.ratio_b_to_a == pair.absolute_b_to_a
        assert pair.reference == ()


def test_the_absolute_interval_is_welchs() -> None:
    a, b = measured(A, 1), measured(upgraded(B, "a", "b"), 2, SLOWER)
    pair = pair_of(compare(a, b, Measure.CPU))
    logs = []
    for side in (b, a):
        (condition,) = measured_conditions(side.run, side.trials)
        logs.append([math.log(value) for value in condition.points(Measure.CPU, OTHER).values()])
    peer = stats.ttest_ind(*logs, equal_var=False)
    low, high = peer.confidence_interval()
    assert ratio_of(pair)[1:] == pytest.approx((math.exp(low), math.exp(high)))
    assert pair.degrees_of_freedom == pytest.approx(peer.df)


def test_the_only_unchanged_variant_is_the_reference_and_has_no_verdict_of_its_own() -> None:
    found = compare(measured(A, 1), measured(upgraded(B, "b"), 2, SLOWER), Measure.CPU)
    alone = pair_of(found, BASELINE)
    assert (alone.verdict, alone.ratio_b_to_a) == (RunVerdict.REFERENCE, None)
    assert alone.a
    assert pair_of(found).reference == (BASELINE,)
    assert pair_of(found).verdict is RunVerdict.SLOWER
    assert found.comparable == (pair_of(found),)


def test_the_duplicate_of_an_unchanged_baseline_is_a_second_reading_of_it() -> None:
    a, b = measured(A, 1), measured(upgraded(B, "b"), 2)
    both, one = compare(a, b, Measure.CPU), compare(single(a), single(b), Measure.CPU)
    assert ratio_of(pair_of(both))[0] != pytest.approx(ratio_of(pair_of(one))[0], rel=1e-6)
    broken = changed(b, [TWIN], block=2, problem="the server died")
    ratio = pair_of(compare(a, broken, Measure.CPU)).ratio_b_to_a
    assert ratio is not None
    assert ratio.blocks == 10  # a duplicate that lacks blocks costs none


def test_runs_without_duplicates_compare() -> None:
    a, b = measured(A, 1), measured(upgraded(B, "b"), 2, SLOWER)
    found = compare(single(a), single(b), Measure.CPU)
    assert pair_of(found).verdict is RunVerdict.SLOWER


def test_a_named_reference_is_taken_though_its_packages_changed() -> None:
    a, b = measured(A, 1), measured(upgraded(B, "a", "b"), 2, SLOWER)
    found = compare(a, b, Measure.CPU, [BASELINE])
    assert found.named == (BASELINE,)
    assert found.references[0].variants == (BASELINE,)
    assert pair_of(found).reference == (BASELINE,)
    with pytest.raises(UnknownName, match=r"no variant `nope` in both runs.*a/base, b/other\.$"):
        compare(a, b, Measure.CPU, ["nope"])


def test_a_named_reference_without_figures_is_told() -> None:
    b = changed(measured(B, 2), [BASELINE, TWIN], slices=(), problem="the server died")
    found = compare(measured(A, 1), b, Measure.CPU, [BASELINE])
    assert str(found.references[0].missing).startswith("in B it has no figures: the server died")
    assert pair_of(found).ratio_b_to_a == pair_of(found).absolute_b_to_a


def test_runs_may_have_different_numbers_of_blocks() -> None:
    fewer = run_of("after", make_study(blocks=3))
    pair = pair_of(compare(measured(A, 1), measured(upgraded(fewer, "b"), 2, SLOWER), Measure.CPU))
    assert pair.ratio_b_to_a is not None
    assert pair.ratio_b_to_a.blocks == 8


def test_pairs_under_all_conditions_are_adjusted_as_one_family() -> None:
    """Holm's factor for the smallest p value is the number of judged pairs: one, or six."""
    conditions = [msgspec.structs.replace(CONDITION, connections=n) for n in range(8, 14)]

    def wide(side: RunTrials) -> RunTrials:
        trials = [msgspec.structs.replace(t, condition=c) for c in conditions for t in side.trials]
        return RunTrials(under(side.run, conditions), trials)

    a, b = measured(A, 1), measured(upgraded(B, "b"), 2, SLOWER)
    alone = pair_of(compare(a, b, Measure.CPU)).p_adjusted
    many = compare(wide(a), wide(b), Measure.CPU)
    assert alone is not None
    assert 0 < alone < 0.05
    assert len(many.comparable) == 6
    told = [pair.p_adjusted for pair in many.pairs if pair.variant == OTHER]
    assert told == pytest.approx([6 * alone] * 6)


def test_one_block_gives_estimates_and_no_verdict_and_the_reason() -> None:
    a, b = (changed(measured(run, n), [*FOUR, TWIN], block=2, problem="the server died")
            for run, n in ((A, 1), (upgraded(B, "b"), 2)))  # fmt: skip
    found = compare(a, b, Measure.CPU)
    pair = pair_of(found)
    assert pair.verdict is RunVerdict.NOT_COMPARABLE
    assert pair.reason == "1 good block in A, and 2 are needed in each run"
    assert pair.reference == (BASELINE,)
    assert pair.ratio_b_to_a is not None
    assert pair.ratio_b_to_a.mean == pytest.approx(1, abs=0.1)
    assert pair.ratio_b_to_a.low is None


def test_one_good_block_does_not_compare_and_the_others_do() -> None:
    """A trial that failed is no good block."""
    b = changed(measured(B, 2), [OTHER], block=2, problem="the server died")
    found = compare(measured(A, 1), b, Measure.CPU)
    pair = pair_of(found)
    assert pair.verdict is RunVerdict.NOT_COMPARABLE
    assert pair.reason == "1 good block in B, and 2 are needed in each run"
    assert pair.unfit == "B"
    assert pair.p_adjusted is None
    assert pair.ratio_b_to_a is not None
    assert pair.ratio_b_to_a.low is None
    assert pair.b[Measure.CPU].low is None


def test_a_variant_without_any_good_block_has_no_value() -> None:
    a = changed(measured(A, 1), [OTHER], slices=(), problem="the server died")
    pair = pair_of(compare(a, measured(B, 2), Measure.CPU))
    assert pair.reason is not None
    assert pair.reason.startswith("in A it has no figures: the server died")
    assert pair.unfit == "A"
    assert pair.a == {}
    assert pair.b[Measure.CPU].blocks == 5


def test_a_throughput_that_the_database_held_back_in_one_run_does_not_compare() -> None:
    """Its cost still does, and so does the throughput of a variant that was its own limit."""
    busy = {"database_cpu_ns": SLICE_NS, "machine_busy_ns": 2 * SLICE_NS}
    held_back = tuple(make_slice(n, server_cpu_ns=SLICE_NS // 2, **busy) for n in range(12))
    a = changed(measured(A, 1), [OTHER], slices=held_back)
    found = compare(a, measured(B, 2), Measure.THROUGHPUT)
    reason = pair_of(found).reason
    assert reason is not None
    assert reason.startswith(f"in A, the server of {OTHER} was not what limited it")
    assert pair_of(found, BASELINE).reason is None
    assert pair_of(compare(a, measured(B, 2), Measure.CPU)).reason is None


def test_memory_compares_where_servers_have_served_nothing_else() -> None:
    """It is the peak since a server's start."""
    b = changed(measured(B, 2), [OTHER], rss_peak_kib=2 * 40_960)
    found = compare(measured(A, 1), b, Measure.MEMORY)
    assert pair_of(found).verdict is RunVerdict.SLOWER
    assert pair_of(found).b[Measure.MEMORY].mean == pytest.approx(80.0)
    assert pair_of(found, BASELINE).verdict is RunVerdict.SAME


@pytest.mark.parametrize(("fresh", "compares"), [("block", False), ("condition", True)])
def test_memory_does_not_compare_where_other_conditions_came_before(
    fresh: Literal["block", "condition"], compares: bool
) -> None:
    conditions = (CONDITION, msgspec.structs.replace(CONDITION, rows=7))
    study = msgspec.structs.replace(make_study(), fresh=fresh, conditions=conditions)
    a, b = (
        RunTrials(run_of(name, study), measured(run_of(name), seed).trials)
        for name, seed in (("before", 1), ("after", 2))
    )
    pair = pair_of(compare(a, b, Measure.MEMORY))
    assert (pair.reason is None) == compares
    if not compares:
        assert str(pair.reason).startswith("memory is the peak since a server's start")
        assert pair.unfit is None


def test_the_rates_that_searches_found_compare() -> None:
    condition = Condition("io_read", 8, 100, window_s=1.0, objective=Objective())
    study = msgspec.structs.replace(make_study(), conditions=(condition,))
    sides = []
    for name, rate in (("before", 1_000.0), ("after", 800.0)):
        trials = [
            make_trial(
                entry, block, [make_window()], condition=condition,
                sustained_per_s=(rate if entry == OTHER else 2_000.0) + 3 * block + (entry == TWIN),
            )
            for entry in (BASELINE, TWIN, OTHER)
            for block in range(1, 6)
        ]  # fmt: skip
        sides.append(RunTrials(run_of(name, study), trials))
    after = RunTrials(upgraded(sides[1].run, "b"), sides[1].trials)
    pair = pair_of(compare(sides[0], after, Measure.SUSTAINED))
    assert pair.verdict is RunVerdict.SLOWER
    assert pair.ratio_b_to_a is not None
    assert pair.ratio_b_to_a.mean == pytest.approx(0.8, rel=0.01)


def test_what_one_run_has_alone_is_listed_apart() -> None:
    wider = run_of("before", make_study((BASELINE, OTHER, THIRD)))
    elsewhere = msgspec.structs.replace(CONDITION, endpoint="cpu")
    a, b = measured(wider, 1, {**COST, THIRD: 400.0}), measured(B, 2)
    more = [msgspec.structs.replace(t, condition=elsewhere) for t in b.trials]
    both = RunTrials(under(B, [CONDITION, elsewhere]), [*b.trials, *more])
    found = compare(a, both, Measure.CPU)
    assert [pair.variant for pair in found.pairs] == [BASELINE, OTHER]
    assert found.only_in_a == (VariantCondition(THIRD, CONDITION),)
    assert found.only_in_b == (
        VariantCondition(BASELINE, elsewhere),
        VariantCondition(OTHER, elsewhere),
    )


def test_the_group_of_a_condition_is_no_part_of_what_compares() -> None:
    grouped = msgspec.structs.replace(CONDITION, group="few")
    b = measured(B, 2)
    study = msgspec.structs.replace(B.study, conditions=(grouped,), groups={"few": (OTHER,)})
    trials = [msgspec.structs.replace(t, condition=grouped) for t in b.trials]
    other = RunTrials(msgspec.structs.replace(B, study=study), trials)
    found = compare(measured(A, 1), other, Measure.CPU)
    assert [pair.condition for pair in found.pairs] == [CONDITION, CONDITION]
    assert (found.only_in_a, found.only_in_b) == ((), ())


OPEN = Condition("io_read", connections=8, window_s=1.0, rate=2_000.0)


def arrivals(run: Run, other_ms: float) -> RunTrials:
    """An open loop with latencies that differ by a hundredth from block to block."""

    def encoded(milliseconds: float) -> str | None:
        gathered = Latencies(8, window=True)
        gathered.record(np.full(2_000, milliseconds * 1e6, dtype=np.int64))
        return gathered.encoded()

    trials: list[Trial] = [
        make_trial(
            entry, block, [make_window(offered=2_000)], condition=OPEN,
            latency_hdr=encoded(milliseconds * (1 + block / 100)),
        )
        for entry, milliseconds in ((BASELINE, 4.0), (TWIN, 4.0), (OTHER, other_ms))
        for block in (1, 2, 3, 4)
    ]  # fmt: skip
    return RunTrials(under(run, [OPEN]), trials)


def test_latency_compares_under_arrivals_at_one_rate() -> None:
    found = compare(arrivals(A, 4.0), arrivals(B, 8.0), Measure.P99)
    pair = pair_of(found)
    assert pair.verdict is RunVerdict.SLOWER
    assert ratio_of(pair)[0] == pytest.approx(2, rel=0.01)
    assert pair.b[Measure.P99].mean == pytest.approx(8.2, rel=0.01)
    assert pair_of(found, BASELINE).verdict is RunVerdict.SAME


def test_one_that_could_not_take_the_arrivals_does_not_silence_the_others() -> None:
    drowned = changed(arrivals(B, 8.0), [OTHER], slices=(make_window(offered=2_500),))
    found = compare(arrivals(A, 4.0), drowned, Measure.P99)
    reason = pair_of(found).reason
    assert reason is not None
    assert reason.startswith(f"in B, the load of {OTHER} was not what was offered")
    assert pair_of(found, BASELINE).reason is None


@pytest.mark.parametrize(
    ("condition", "measure", "fitting"),
    [
        (CONDITION, Measure.P99, "`cpu` and `throughput`"),
        (OPEN, Measure.THROUGHPUT, "`cpu` and `p99`"),
    ],
)
def test_what_says_nothing_under_a_load_does_not_compare_under_it(
    condition: Condition, measure: Measure, fitting: str
) -> None:
    """A saturated closed loop's latency is its throughput again; an open loop's throughput is its
    rate."""
    if condition is OPEN:
        found = compare(arrivals(A, 4.0), arrivals(B, 8.0), measure)
    else:
        found = compare(measured(A, 1), measured(B, 2), measure)
    assert found.comparable == ()
    reason = pair_of(found).reason
    assert reason is not None
    assert reason.startswith(f"under this load nothing compares but {fitting}")


def test_runs_without_trials_have_nothing_in_common() -> None:
    found = compare(RunTrials(A, []), measured(B, 2), Measure.CPU)
    assert (found.pairs, found.only_in_a) == ((), ())
    assert found.only_in_b == (
        VariantCondition(BASELINE, CONDITION),
        VariantCondition(OTHER, CONDITION),
    )


def test_how_busy_the_machine_was_is_counted_for_both_runs() -> None:
    stolen = [
        msgspec.structs.replace(
            trial,
            slices=tuple(msgspec.structs.replace(s, steal_ns=s.window_ns) for s in trial.slices),
        )
        for trial in measured(B, 2).trials
    ]
    found = compare(measured(A, 1), RunTrials(B, stolen), Measure.CPU)
    assert found.busy_a == (0, len(measured(A, 1).trials))
    assert found.busy_b == (len(stolen), len(stolen))

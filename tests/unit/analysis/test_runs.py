"""Two runs made up in memory: what is called between them, and what is not."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
import numpy as np
import pytest

from harness.analysis.labels import trials as labelling
from harness.analysis.measures import Measure
from harness.analysis.runs import (
    ComparedVariant,
    RunComparison,
    RunTrials,
    VariantCondition,
    Verdict,
    compare,
    regressions,
)
from harness.analysis.stats.intervals import Interval
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


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a label that takes half of the time."""
    monkeypatch.setattr(labelling, "unsteady", lambda _: [])


PAIRS = 80


@pytest.mark.usefixtures("hasty")
def test_identical_runs_are_seldom_called_different_and_intervals_hold_a_ratio_of_one() -> None:
    """On a machine whose speed wanders by a tenth. Both variants of a run share its drift, so
    their intervals err together; and blocks are not quite independent of those before."""
    called = held = 0
    for number in range(PAIRS):
        found = compare(
            measured(A, 2 * number, noise={}), measured(B, 2 * number + 1, noise={}), Measure.CPU
        )
        assert len(found.pairs) == 2
        called += any(pair.verdict is not Verdict.TIE for pair in found.pairs)
        for pair in found.pairs:
            _, low, high = ratio_of(pair)
            held += low <= 1 <= high
    assert called <= 0.05 * PAIRS
    assert 0.88 <= held / (2 * PAIRS) <= 0.995


@pytest.mark.usefixtures("hasty")
def test_a_planted_tenth_is_found_with_the_right_sign_and_size() -> None:
    verdicts: dict[str, list[Verdict]] = {BASELINE: [], OTHER: []}
    for seed in range(24):
        found = compare(measured(A, seed), measured(B, seed + 100, SLOWER), Measure.CPU)
        for pair in found.pairs:
            verdicts[pair.variant].append(pair.verdict)
        mean, low, high = ratio_of(pair_of(found))
        assert 1.05 < mean < 1.15
        assert low < mean < high
    assert verdicts[OTHER].count(Verdict.SLOWER) >= 22
    assert Verdict.FASTER not in verdicts[OTHER]
    assert verdicts[BASELINE].count(Verdict.TIE) >= 22


def test_the_other_way_round_the_same_is_faster() -> None:
    slow, quick = measured(A, 1, SLOWER), measured(B, 2)
    there, back = compare(slow, quick, Measure.CPU), compare(quick, slow, Measure.CPU)
    assert (there.run_a, there.run_b) == ("before", "after")
    assert pair_of(there).verdict is Verdict.FASTER
    assert pair_of(back).verdict is Verdict.SLOWER
    assert ratio_of(pair_of(there))[0] == pytest.approx(1 / ratio_of(pair_of(back))[0])


def test_throughput_is_worse_where_it_is_less() -> None:
    pair = pair_of(compare(measured(A, 1), measured(B, 2, SLOWER), Measure.THROUGHPUT))
    assert pair.verdict is Verdict.SLOWER
    assert ratio_of(pair)[0] == pytest.approx(1 / 1.1, abs=0.03)


def test_what_the_machine_did_between_the_runs_is_in_every_ratio() -> None:
    """Nothing can tell a machine that became slower from variants that did."""
    slower = {name: 1.2 * cost for name, cost in COST.items()}
    found = compare(measured(A, 1), measured(B, 2, slower), Measure.CPU)
    assert {pair.verdict for pair in found.pairs} == {Verdict.SLOWER}


def test_values_are_in_the_measures_unit_and_the_ratio_is_theirs() -> None:
    still = {"drift": 0.0, "noise": 0.0, "start": 0.0}
    found = compare(measured(A, 1, noise=still), measured(B, 2, SLOWER, still), Measure.CPU)
    pair = pair_of(found)
    assert pair.a[Measure.CPU].mean == pytest.approx(600, rel=1e-3)
    assert pair.b[Measure.CPU].mean == pytest.approx(660, rel=1e-3)
    assert ratio_of(pair)[0] == pytest.approx(1.1, rel=1e-3)
    assert pair.ratio_b_to_a is not None
    assert pair.ratio_b_to_a.blocks == 10


def test_the_floor_is_that_of_the_noisier_run() -> None:
    a, b = measured(A, 1), measured(B, 2)
    (one,), (other,) = (measured_conditions(side.run, side.trials) for side in (a, b))
    floors = [one.floor(Measure.CPU), other.floor(Measure.CPU)]
    known = [floor for floor in floors if floor is not None]
    assert len(known) == 2
    told = pair_of(compare(a, b, Measure.CPU)).noise_floor_share
    assert told == pytest.approx(math.expm1(max(known)))


def test_runs_may_have_different_numbers_of_blocks() -> None:
    fewer = run_of("after", make_study(blocks=3))
    pair = pair_of(compare(measured(A, 1), measured(fewer, 2, SLOWER), Measure.CPU))
    assert pair.ratio_b_to_a is not None
    assert pair.ratio_b_to_a.blocks == 8
    assert pair.degrees_of_freedom is not None
    assert 2 <= pair.degrees_of_freedom <= 6 + 1e-9


def test_pairs_under_all_conditions_are_adjusted_as_one_family() -> None:
    """Holm's factor for the smallest p value is the number of pairs: two, or twelve."""
    conditions = [msgspec.structs.replace(CONDITION, connections=n) for n in range(8, 14)]

    def wide(side: RunTrials) -> RunTrials:
        trials = [msgspec.structs.replace(t, condition=c) for c in conditions for t in side.trials]
        return RunTrials(under(side.run, conditions), trials)

    a, b = measured(A, 1), measured(B, 2, SLOWER)
    alone = pair_of(compare(a, b, Measure.CPU)).p_adjusted
    many = compare(wide(a), wide(b), Measure.CPU)
    assert alone is not None
    assert 0 < alone < 0.05
    assert len(many.pairs) == 12
    told = [pair.p_adjusted for pair in many.pairs if pair.variant == OTHER]
    assert told == pytest.approx([6 * alone] * 6)


def test_one_good_block_does_not_compare_and_the_others_do() -> None:
    """A trial that failed is no good block."""
    b = changed(measured(B, 2), [OTHER], block=2, problem="the server died")
    found = compare(measured(A, 1), b, Measure.CPU)
    pair = pair_of(found)
    assert pair.verdict is Verdict.NOT_COMPARABLE
    assert pair.reason == "1 good block in B, and 2 are needed in each run"
    assert pair.unfit == "B"
    assert (pair.ratio_b_to_a, pair.p_adjusted, pair.noise_floor_share) == (None, None, None)
    assert pair.b[Measure.CPU].low is None
    assert found.comparable == (pair_of(found, BASELINE),)


def test_a_variant_without_any_good_block_has_no_value() -> None:
    a = changed(measured(A, 1), [OTHER], slices=(), problem="the server died")
    pair = pair_of(compare(a, measured(B, 2), Measure.CPU))
    assert pair.reason is not None
    assert pair.reason.startswith("in A it has no figures: the server died")
    assert pair.unfit == "A"
    assert pair.a == {}
    assert pair.b[Measure.CPU].blocks == 5


def test_without_the_duplicate_of_either_run_nothing_compares() -> None:
    b = measured(B, 2, SLOWER)
    single = RunTrials(b.run, [t for t in b.trials if t.entry != TWIN])
    found = compare(measured(A, 1), single, Measure.CPU)
    assert found.comparable == ()
    for pair in found.pairs:
        assert pair.reason is not None
        assert pair.reason.startswith("in B, the second server of a/base has no figures")


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
    assert pair_of(found).verdict is Verdict.SLOWER
    assert pair_of(found).b[Measure.MEMORY].mean == pytest.approx(80.0)
    assert pair_of(found, BASELINE).verdict is Verdict.TIE


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
        run = run_of(name, study)
        trials = [
            make_trial(
                entry, block, [make_window()], condition=condition,
                sustained_per_s=rate + 3 * block + (entry == TWIN),
            )
            for entry in (BASELINE, TWIN, OTHER)
            for block in range(1, 6)
        ]  # fmt: skip
        sides.append(RunTrials(run, trials))
    pair = pair_of(compare(sides[0], sides[1], Measure.SUSTAINED))
    assert pair.verdict is Verdict.SLOWER
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
    assert pair.verdict is Verdict.SLOWER
    assert ratio_of(pair)[0] == pytest.approx(2, rel=0.01)
    assert pair.b[Measure.P99].mean == pytest.approx(8.2, rel=0.01)
    assert pair_of(found, BASELINE).verdict is Verdict.TIE


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
        (CONDITION, Measure.P99, "server CPU per request (µs) and throughput (requests/s)"),
        (OPEN, Measure.THROUGHPUT, "server CPU per request (µs) and 99th percentile"),
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


def pair_with(verdict: Verdict, ratio: float) -> ComparedVariant:
    value = Interval(ratio, ratio * 0.99, ratio * 1.01, 0.005, 10)
    return ComparedVariant(OTHER, CONDITION, verdict, {}, {}, value, 8.0, 0.01, 0.001, None)


@pytest.mark.parametrize(
    ("measure", "verdict", "ratio", "worse"),
    [
        (Measure.CPU, Verdict.SLOWER, 1.051, True),
        (Measure.CPU, Verdict.SLOWER, 1.049, False),
        (Measure.CPU, Verdict.FASTER, 0.5, False),
        (Measure.CPU, Verdict.TIE, 1.2, False),
        (Measure.THROUGHPUT, Verdict.SLOWER, 1 / 1.051, True),
        (Measure.THROUGHPUT, Verdict.SLOWER, 1 / 1.049, False),
        (Measure.THROUGHPUT, Verdict.FASTER, 2.0, False),
    ],
)
def test_a_regression_is_called_and_worse_than_allowed(
    measure: Measure, verdict: Verdict, ratio: float, worse: bool
) -> None:
    pair = pair_with(verdict, ratio)
    found = RunComparison("before", "after", measure, (pair,), (), ())
    assert regressions(found, 0.05) == ((pair,) if worse else ())


def test_with_nothing_allowed_everything_that_is_called_slower_is_a_regression() -> None:
    pair = pair_with(Verdict.SLOWER, 1.0001)
    assert regressions(RunComparison("a", "b", Measure.CPU, (pair,), (), ()), 0.0) == (pair,)

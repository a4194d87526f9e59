import math
import random
import statistics
from functools import cache

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.analyse import ConditionResult, analyse
from harness.analysis.labels import trials as labelling
from harness.analysis.labels.labels import Label
from harness.analysis.measures import Measure, ranked
from harness.analysis.stats.verdicts import Family, Verdict, detectable
from harness.analysis.variants import Comparison
from harness.records.plan import DUPLICATE
from harness.records.trial import Trial
from tests.toys.labelling import measured_condition
from tests.toys.runs import (
    BASELINE,
    CONDITION,
    SLICE_NS,
    make_run,
    make_slice,
    make_study,
    simulate,
)

VARIANTS = (BASELINE, "b/same", "c/slow")
COST = {BASELINE: 500.0, "b/same": 500.0, "c/slow": 550.0}
RUN = make_run(make_study(VARIANTS))
SEEDS = range(24)
TWIN = BASELINE + DUPLICATE


def only(trials: list[Trial]) -> ConditionResult:
    (result,) = analyse(RUN, trials).conditions
    return result


@cache
def result_of(seed: int) -> ConditionResult:
    return only(simulate(RUN, COST, seed))


def compared(seed: int, measure: Measure = Measure.CPU) -> Comparison:
    return result_of(seed).comparisons[measure]


def test_a_planted_tenth_is_found_with_the_right_sign_and_size() -> None:
    """Under drift that is as large as the effect and that neighbouring slices share."""
    ratios = [compared(seed).ratios["c/slow"] for seed in SEEDS]
    assert all(1.05 < ratio.mean < 1.15 for ratio in ratios)
    assert statistics.mean(math.log(r.mean) for r in ratios) == pytest.approx(
        math.log(1.1), abs=0.01
    )
    assert all(ratio.blocks == 5 for ratio in ratios)


def test_intervals_hold_the_planted_ratio_about_as_often_as_they_say(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(labelling, "unsteady", lambda _: [])  # a label that takes half of the time
    held = 0
    for seed in range(150):
        measured = measured_condition(RUN, CONDITION, simulate(RUN, COST, seed))
        for name, truth in (("c/slow", 1.1), ("b/same", 1.0), (TWIN, 1.0)):
            effect = measured.effect(Measure.CPU, name, BASELINE)
            assert effect is not None
            ratio = effect.interval().exp()
            assert ratio.low is not None
            assert ratio.high is not None
            held += ratio.low <= truth <= ratio.high
    assert 0.92 <= held / 450 <= 0.98


def test_identical_variants_are_tied_and_the_slower_one_is_told_apart() -> None:
    groups = [compared(seed).groups for seed in SEEDS]
    together = [any({BASELINE, "b/same"} <= set(group) for group in found) for found in groups]
    apart = [found[-1] == ("c/slow",) for found in groups]
    assert sum(together) >= len(SEEDS) - 1
    assert sum(apart) >= 0.8 * len(SEEDS)
    assert all(sorted(set(sum(found, ()))) == sorted(VARIANTS) for found in groups)


def test_throughput_is_ranked_from_the_most_and_its_ratio_is_the_inverse() -> None:
    comparison = compared(3, Measure.THROUGHPUT)
    assert comparison.groups[-1] == ("c/slow",)
    assert comparison.ratios["c/slow"].mean == pytest.approx(1 / 1.1, abs=0.03)


def test_the_duplicate_is_in_no_group_and_is_a_check_of_its_own() -> None:
    comparison = compared(1)
    assert TWIN not in sum(comparison.groups, ())
    assert TWIN not in comparison.ranking
    assert TWIN not in comparison.decisions
    (check,) = analyse(RUN, simulate(RUN, COST, 1)).twins
    assert (check.condition, check.measure) == (CONDITION, ranked(CONDITION)[0])
    assert check.ratio == result_of(1).comparisons[check.measure].ratios[TWIN]


def test_a_planted_tenth_differs_from_the_baseline_and_the_same_cost_never_does() -> None:
    """Within the margin or undecided is right for equal servers, by the noise of the run."""
    decisions = [compared(seed).decisions for seed in SEEDS]
    assert all(d.keys() == {"b/same", "c/slow"} for d in decisions)
    differs = [d["c/slow"].verdict is Verdict.DIFFERS for d in decisions]
    same = [d["b/same"].verdict is not Verdict.DIFFERS for d in decisions]
    assert sum(differs) >= 0.8 * len(SEEDS)
    assert sum(same) >= len(SEEDS) - 2
    for found in decisions:
        for decision in found.values():
            assert (decision.at_most is not None) == (decision.verdict is Verdict.UNDECIDED)


def test_servers_that_cost_the_same_on_a_quiet_machine_are_the_same_within_the_margin() -> None:
    quiet = only(simulate(RUN, COST, 5, drift=0.02, noise=0.005, start=0.002))
    decisions = quiet.comparisons[Measure.CPU].decisions
    assert decisions["b/same"].verdict is Verdict.SAME
    assert decisions["c/slow"].verdict is Verdict.DIFFERS


def test_a_study_may_want_a_narrower_margin() -> None:
    """What is the same for practice is the reader's to say; what differs is not."""
    strict = make_run(msgspec.structs.replace(RUN.study, margin=0.005))
    (result,) = analyse(strict, simulate(RUN, COST, 1)).conditions
    narrow, usual = result.comparisons[Measure.CPU], compared(1)
    assert usual.decisions["b/same"].verdict is Verdict.SAME
    assert narrow.decisions["b/same"].verdict is Verdict.UNDECIDED
    assert narrow.decisions["c/slow"].verdict is Verdict.DIFFERS
    assert (narrow.groups, narrow.ratios) == (usual.groups, usual.ratios)


def test_a_ratios_own_interval_is_narrower_than_that_of_its_verdict() -> None:
    """The shown one is each ratio's own; the verdict allows for the whole family."""
    comparison = compared(3)
    for name, decision in comparison.decisions.items():
        own = comparison.ratios[name].log_half_width
        together = decision.interval.log_half_width
        assert own is not None
        assert together is not None
        assert own < together


def test_estimates_and_points_are_in_the_measures_unit() -> None:
    trials = simulate(RUN, COST, 0, drift=0, noise=0, start=0)
    comparison = only(trials).comparisons[Measure.CPU]
    assert comparison.estimates[BASELINE].mean == pytest.approx(500, rel=1e-3)
    assert comparison.points["c/slow"].keys() == {1, 2, 3, 4, 5}
    assert comparison.points["c/slow"][2] == pytest.approx(550, rel=1e-3)
    assert comparison.ratios["c/slow"].mean == pytest.approx(1.1, rel=1e-6)


def test_memory_and_threads_are_those_of_the_largest_trial() -> None:
    trials = simulate(RUN, COST, 0)
    trials[0] = msgspec.structs.replace(trials[0], rss_peak_kib=2**20, threads=77)
    result = only(trials)
    assert result.memory_mib[trials[0].entry] == 1024
    assert result.threads[trials[0].entry] == 77
    assert result.trials == dict.fromkeys([*VARIANTS, TWIN], 5)


def test_no_trials_give_no_conditions() -> None:
    assert analyse(RUN, []).conditions == ()


def test_one_block_gives_ratios_but_no_ranking() -> None:
    analysis = analyse(RUN, [t for t in simulate(RUN, COST, 2) if t.block == 1])
    comparison = analysis.conditions[0].comparisons[Measure.CPU]
    ratio = comparison.ratios["c/slow"]
    assert 1.0 < ratio.mean < 1.2
    assert (ratio.low, ratio.high, comparison.detectable) == (None, None, None)
    assert (comparison.groups, comparison.decisions, analysis.twins) == ((), {}, ())
    assert comparison.unsaid is not None


def test_a_variant_alone_is_a_group_of_its_own() -> None:
    alone = make_run(make_study([BASELINE]))
    (result,) = analyse(alone, simulate(alone, COST, 2)).conditions
    assert result.comparisons[Measure.CPU].groups == ((BASELINE,),)
    assert result.comparisons[Measure.CPU].unsaid is None


def test_without_the_duplicate_verdicts_stay_and_the_check_is_missing() -> None:
    analysis = analyse(RUN, [t for t in simulate(RUN, COST, 2) if t.entry != TWIN])
    comparison = analysis.conditions[0].comparisons[Measure.CPU]
    assert comparison.groups[-1] == ("c/slow",)
    assert comparison.decisions["c/slow"].verdict is Verdict.DIFFERS
    assert (comparison.unsaid, analysis.twins) == (None, ())


def test_without_the_baseline_there_are_estimates_and_a_ranking_and_no_ratios() -> None:
    """Places come from blocks that both have: a slow block of one alone moves none."""
    trials = [
        t
        for t in simulate(RUN, COST, 2, start=0)
        if t.entry != BASELINE and (t.entry, t.block) != ("c/slow", 1)
    ]
    slow = [slowed(t, 2.0) if t.block == 1 else t for t in trials]
    comparison = only(slow).comparisons[Measure.CPU]
    assert (comparison.ratios, comparison.decisions) == ({}, {})
    assert set(comparison.estimates) == {"b/same", "c/slow", TWIN}
    assert comparison.estimates["b/same"].mean > comparison.estimates["c/slow"].mean
    assert comparison.ranking == ("b/same", "c/slow")


def slowed(trial: Trial, factor: float) -> Trial:
    slices = tuple(
        msgspec.structs.replace(s, server_cpu_ns=round(s.server_cpu_ns * factor))
        for s in trial.slices
    )
    return msgspec.structs.replace(trial, slices=slices)


def test_a_block_that_is_out_of_line_for_all_is_named_and_weighs_less() -> None:
    draw = random.Random(3)
    trials = [
        slowed(t, math.exp(draw.gauss(0, 0.6))) if t.block == 4 else t
        for t in simulate(RUN, COST, 2)
    ]
    comparison = only(trials).comparisons[Measure.CPU]
    assert comparison.outliers == (4,)
    assert comparison.ratios["c/slow"].mean == pytest.approx(1.1, abs=0.05)
    assert compared(2).outliers == ()


def test_a_block_in_which_a_variant_died_is_left_out_of_its_estimates_only() -> None:
    trials = [
        msgspec.structs.replace(t, problem="the server died", slices=t.slices[:2])
        if (t.entry, t.block) == ("c/slow", 3)
        else t
        for t in simulate(RUN, COST, 2)
    ]
    result = only(trials)
    comparison = result.comparisons[Measure.CPU]
    assert comparison.points["c/slow"].keys() == {1, 2, 4, 5}
    assert comparison.ratios["c/slow"].blocks == 4
    assert comparison.ratios["b/same"].blocks == 5
    counted = {f.label: f.trials for f in result.findings["c/slow"]}
    assert counted[Label.INCOMPLETE] == 1
    assert comparison.unsaid is None


def test_a_variant_with_nothing_but_errors_has_no_figures() -> None:
    """Failed requests are fast; they must count for nothing."""
    broken = [
        msgspec.structs.replace(
            t,
            slices=tuple(
                msgspec.structs.replace(s, correct=0, errors={"status 500": 9_000})
                for s in t.slices
            ),
        )
        if t.entry == "c/slow"
        else t
        for t in simulate(RUN, COST, 2)
    ]
    result = only(broken)
    for comparison in result.comparisons.values():
        assert "c/slow" not in comparison.estimates
        assert "c/slow" not in comparison.ratios
        assert all("c/slow" not in group for group in comparison.groups)
    assert result.errors["c/slow"] == 1.0
    assert result.errors[BASELINE] == 0.0


def test_a_variant_that_the_database_held_back_forbids_the_ranking_by_throughput() -> None:
    held_back = make_slice(
        0, database_cpu_ns=SLICE_NS, server_cpu_ns=SLICE_NS // 2, machine_busy_ns=2 * SLICE_NS
    )
    trials = [
        msgspec.structs.replace(
            t,
            slices=tuple(msgspec.structs.replace(held_back, round=s.round) for s in t.slices),
        )
        if t.entry == "c/slow"
        else t
        for t in simulate(RUN, COST, 2)
    ]
    comparisons = only(trials).comparisons
    told = comparisons[Measure.THROUGHPUT].unsaid
    assert told is not None
    assert "c/slow" in told
    assert "database-bound" in told
    assert comparisons[Measure.THROUGHPUT].groups == ()
    assert comparisons[Measure.CPU].groups != ()


def test_only_the_last_attempt_at_a_phase_counts() -> None:
    trials = simulate(RUN, COST, 2)
    worthless = [
        msgspec.structs.replace(t, slices=(), problem="cut off") for t in trials if t.block == 2
    ]
    again = [msgspec.structs.replace(t, attempt=2) if t.block == 2 else t for t in trials]
    both, clean = analyse(RUN, [*worthless, *again]), analyse(RUN, trials)
    assert both.conditions == clean.conditions
    assert (both.repeated, clean.repeated) == (1, 0)
    assert analyse(RUN, [*again, *worthless]).conditions == clean.conditions


def test_conditions_do_not_pay_for_each_other() -> None:
    """The family is one condition's pairs: a study of six finds what a study of one finds."""
    trials = simulate(RUN, COST, 8)
    conditions = [msgspec.structs.replace(trials[0].condition, connections=n) for n in range(8, 14)]
    wide = msgspec.structs.replace(
        RUN, study=msgspec.structs.replace(RUN.study, conditions=tuple(conditions))
    )
    alone = compared(8)
    many = analyse(
        wide, [msgspec.structs.replace(t, condition=c) for c in conditions for t in trials]
    )
    assert alone.groups[-1] == ("c/slow",)
    assert len(many.conditions) == 6
    for result in many.conditions:
        assert result.comparisons[Measure.CPU].groups == alone.groups
        assert result.comparisons[Measure.CPU].decisions == alone.decisions


def test_trials_of_another_condition_are_not_mixed_in() -> None:
    trials = simulate(RUN, COST, 2)
    other = msgspec.structs.replace(trials[0].condition, connections=999)
    strangers = [msgspec.structs.replace(t, condition=other, slices=()) for t in trials]
    assert analyse(RUN, [*strangers, *trials]) == analyse(RUN, trials)


def test_the_order_of_the_files_does_not_matter() -> None:
    trials = simulate(RUN, COST, 2)
    shuffled = list(trials)
    random.Random(1).shuffle(shuffled)
    one, other = analyse(RUN, trials), analyse(RUN, shuffled)
    for measure in Measure:
        first = one.conditions[0].comparisons[measure]
        second = other.conditions[0].comparisons[measure]
        assert first.groups == second.groups
        assert first.ratios == second.ratios


SHORT = make_run(make_study(VARIANTS, blocks=3))


@settings(max_examples=60)
@given(data=st.data())
def test_whatever_is_missing_or_broken_the_rest_is_summed_up(data: st.DataObject) -> None:
    """Trials lost, cut short, empty, failed, or with clocks that stood still."""
    trials = []
    for trial in simulate(SHORT, COST, 4):
        match data.draw(st.sampled_from(["keep", "lose", "cut", "empty", "fail", "still", "zero"])):
            case "keep":
                trials.append(trial)
            case "cut":
                trials.append(msgspec.structs.replace(trial, slices=trial.slices[:1]))
            case "empty":
                trials.append(msgspec.structs.replace(trial, slices=(), problem="x"))
            case "fail":
                failed = tuple(msgspec.structs.replace(s, errors={"b": 99}) for s in trial.slices)
                trials.append(msgspec.structs.replace(trial, slices=failed))
            case "still":
                still = tuple(
                    msgspec.structs.replace(s, server_cpu_ns=0, elapsed_ns=0) for s in trial.slices
                )
                trials.append(msgspec.structs.replace(trial, slices=still))
            case "zero":
                nothing = tuple(
                    msgspec.structs.replace(s, server_cpu_ns=0, latency_p50_ns=None)
                    for s in trial.slices
                )
                trials.append(msgspec.structs.replace(trial, slices=nothing))
    analysis = analyse(SHORT, trials)
    kept = {t.entry for t in trials}
    for result in analysis.conditions:
        assert set(result.trials) == kept
        for comparison in result.comparisons.values():
            assert all(math.isfinite(e.mean) for e in comparison.estimates.values())
            assert all(math.isfinite(r.mean) for r in comparison.ratios.values())
            if comparison.measure in ranked(result.condition):
                assert (comparison.groups == ()) == (comparison.unsaid is not None)


def test_an_attempt_that_was_cut_off_does_not_hide_a_fuller_one() -> None:
    """A phase that was killed while it was repeated leaves a part of its trials."""
    trials = simulate(RUN, COST, 0, drift=0, noise=0, start=0)
    alone = next(t for t in trials if t.block == 2 and t.entry == BASELINE)
    torn = [*trials, msgspec.structs.replace(alone, attempt=2)]
    assert only(torn) == only(trials)


def test_what_is_detectable_is_that_of_the_average_ratio_among_all_pairs() -> None:
    measured = measured_condition(RUN, CONDITION, simulate(RUN, COST, 1))
    effects = [measured.effect(Measure.CPU, name, BASELINE) for name in ("b/same", "c/slow")]
    sizes = [detectable(effect, Family.TUKEY, 3) for effect in effects if effect is not None]
    found = compared(1).detectable
    assert len(sizes) == 2
    average = statistics.fmean(size**2 for size in sizes if size is not None) ** 0.5
    assert found == pytest.approx(math.expm1(average))


def test_one_block_leaves_open_what_is_detectable_and_a_missing_duplicate_does_not() -> None:
    trials = simulate(RUN, COST, 2)
    alone = only([t for t in trials if t.block == 1]).comparisons[Measure.CPU]
    without = only([t for t in trials if t.entry != TWIN]).comparisons[Measure.CPU]
    assert alone.detectable is None
    assert without.detectable is not None


def test_the_noise_is_that_of_slices_around_their_means() -> None:
    noise = compared(1).noise
    assert noise is not None
    assert 0.02 < noise.slice_sd < 0.2  # drift 0.1 and noise 0.02 were planted
    assert noise.white < 0.5
    assert noise.probe_slope is None


def test_a_probe_of_the_cores_speed_is_told_with_its_slope() -> None:
    """Its piece took longer by as many percent as the requests did."""
    trials = [
        msgspec.structs.replace(
            t,
            slices=tuple(
                msgspec.structs.replace(
                    s, probe_ns=round(s.server_cpu_ns / s.correct / COST[t.variant] * 20)
                )
                for s in t.slices
            ),
        )
        for t in simulate(RUN, COST, 1, noise=0, start=0)
    ]
    noise = only(trials).comparisons[Measure.CPU].noise
    assert noise is not None
    assert noise.probe_slope == pytest.approx(1.0, abs=0.01)
    assert noise.slice_sd < 0.001


def test_measures_of_whole_trials_have_no_noise_of_slices() -> None:
    assert compared(1, Measure.P99).noise is None


def test_a_phase_counts_as_repeated_once_however_often_and_by_whomever() -> None:
    trials = simulate(RUN, COST, 2)
    more = [
        msgspec.structs.replace(t, attempt=n) for t in trials if t.block in (2, 4) for n in (2, 3)
    ]
    assert analyse(RUN, trials).repeated == 0
    assert analyse(RUN, [*trials, *more]).repeated == 2

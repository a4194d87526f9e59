import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import pytest

from harness.analysis.condition import MeasuredCondition
from harness.analysis.labels.labels import Finding, Label
from harness.analysis.labels.rules import unsteady
from harness.analysis.measures import COSTS, Measure, slice_value
from harness.analysis.noise.fit import NO_MEMORY
from harness.analysis.stats.intervals import t_interval
from harness.inputs.study import Beside, Condition, Latency, Objective
from harness.records.plan import DUPLICATE
from harness.records.run import Run
from harness.records.trial import BesideRecord, SliceRecord, Trial, Waits
from tests.toys.labelling import measured_condition
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

OTHER, THIRD, FOURTH = "b/other", "b/third", "b/fourth"
TWIN = BASELINE + DUPLICATE
COST = {BASELINE: 500.0, OTHER: 550.0, THIRD: 400.0, FOURTH: 660.0}
RUN = make_run(make_study(tuple(COST), blocks=3))


def condition_of(
    trials: Sequence[Trial], run: Run = RUN, condition: Condition = CONDITION
) -> MeasuredCondition:
    return measured_condition(run, condition, trials)


def cost(cpu_us: float, **changes: Any) -> SliceRecord:
    """A slice of a hundred requests that cost exactly so much each."""
    return make_slice(correct=100, server_cpu_ns=round(cpu_us * 1e5), **changes)


def turns(*costs: tuple[str, float, float]) -> list[Trial]:
    """One block: entry, start in seconds and cost of each slice."""
    entries = dict.fromkeys(entry for entry, _, _ in costs)
    return [
        make_trial(
            entry,
            slices=[cost(us, start_ns=round(at * 1e9)) for name, at, us in costs if name == entry],
        )
        for entry in entries
    ]


def mean(
    measured: MeasuredCondition, weights: Mapping[str, float], measure: Measure = Measure.CPU
) -> float:
    found = measured.contrast(measure, weights)
    assert found is not None
    return found.mean


def exact(seed: int = 0) -> list[Trial]:
    return simulate(RUN, COST, seed, drift=0, noise=0, start=0)


def test_an_effect_is_the_logarithm_of_a_ratio() -> None:
    effect = condition_of(exact()).effect(Measure.CPU, OTHER, BASELINE)
    assert effect is not None
    assert effect.mean == pytest.approx(math.log(1.1), abs=1e-5)
    assert effect.blocks == 3


def test_a_difference_of_differences_is_a_ratio_of_ratios() -> None:
    """What a change costs here, against what it costs there."""
    weights = {FOURTH: 1.0, THIRD: -1.0, OTHER: -1.0, BASELINE: 1.0}
    found = mean(condition_of(exact()), weights)
    assert found == pytest.approx(math.log((660 / 400) / (550 / 500)), abs=1e-5)


def test_a_contrasts_interval_is_over_its_own_blocks_and_never_narrower_than_theirs() -> None:
    """Not made of the intervals of its parts: what parts share in a block cancels before."""
    measured = condition_of(simulate(RUN, COST, 5, start=0.02))
    means = measured.means(Measure.CPU)
    weights = {FOURTH: 1.0, THIRD: -1.0, OTHER: -0.5, BASELINE: 0.5}
    own = t_interval([sum(w * means[e][block] for e, w in weights.items()) for block in (1, 2, 3)])
    assert own is not None
    assert own.se is not None
    found = measured.contrast(Measure.CPU, weights)
    assert found is not None
    assert found.se is not None
    assert found.mean == pytest.approx(own.mean)
    assert found.se >= own.se * (1 - 1e-9)
    assert found.freedom > 2, "the other entries tell about the error, too"


def test_a_contrast_takes_only_blocks_in_which_every_part_is_good() -> None:
    broken: dict[tuple[str, int], dict[str, Any]] = {}
    broken |= {(OTHER, 2): {"problem": "it died"}, (THIRD, 3): {"slices": ()}}
    trials = [
        msgspec.structs.replace(t, **broken.get((t.entry, t.block), {})) for t in exact()
    ]  # fmt: skip
    measured = condition_of(trials)

    def blocks(*entries: str) -> int | None:
        found = measured.contrast(Measure.CPU, dict.fromkeys(entries, 1.0))
        return None if found is None else found.blocks

    assert blocks(BASELINE, FOURTH) == 3
    assert blocks(BASELINE, OTHER) == 2
    assert blocks(BASELINE, OTHER, THIRD) == 1
    assert blocks(BASELINE, "b/nobody") is None


def test_an_effect_cancels_what_neighbours_share() -> None:
    """The machine's speed changes by a factor of 4 from round to round; the ratio hardly moves.

    Nor where one of two took no part in the slowest rounds, where plain means are far off.
    """
    speeds = (1.0, 0.5, 2.0, 0.6, 1.8, 0.9, 2.0, 0.5, 1.1, 1.5)
    base = [(BASELINE, 10.0 * n, 200 * s) for n, s in enumerate(speeds)]
    other = [(OTHER, 10.0 * n + 0.1, 300 * s) for n, s in enumerate(speeds)]
    versus = {OTHER: 1.0, BASELINE: -1.0}
    truth = math.log(1.5)
    assert mean(condition_of(turns(*base, *other)), versus) == pytest.approx(truth, abs=0.01)
    absent = [turn for turn in other if turn[2] < 500]
    assert len(absent) == 7
    assert mean(condition_of(turns(*base, *absent)), versus) == pytest.approx(truth, abs=0.03)
    logs = [np.mean([math.log(us) for _, _, us in taken]) for taken in (absent, base)]
    assert abs(logs[0] - logs[1] - truth) > 0.2


def test_effects_scatter_less_than_plain_means_where_the_noise_has_a_memory() -> None:
    run = make_run(make_study((BASELINE, "b/same", "c/slow"), blocks=1))
    costs = {BASELINE: 500.0, "b/same": 500.0, "c/slow": 550.0}
    told, plain = [], []
    for seed in range(60):
        trials = simulate(run, costs, seed, drift=0.3, noise=0.01, start=0)
        told.append(mean(condition_of(trials, run), {"c/slow": 1, BASELINE: -1}))
        logs = {
            t.entry: np.mean([math.log(slice_value(Measure.CPU, s) or 0) for s in t.slices])
            for t in trials
        }
        plain.append(logs["c/slow"] - logs[BASELINE])
    assert np.std(told) < 0.8 * np.std(plain)
    assert np.mean(told) == pytest.approx(math.log(1.1), abs=3 * np.std(told) / math.sqrt(60))


def test_slices_that_tell_nothing_are_left_out_and_rounds_need_not_be_complete() -> None:
    trials = turns(
        (BASELINE, 0.0, 100), (BASELINE, 1.0, 100), (BASELINE, 2.0, 0),
        (OTHER, 0.1, 200), (OTHER, 3.1, 200),
    )  # fmt: skip
    assert mean(condition_of(trials), {OTHER: 1, BASELINE: -1}) == pytest.approx(math.log(2))


def test_an_entry_whose_slices_all_tell_nothing_has_no_effect() -> None:
    trials = turns((BASELINE, 0.0, 0), (OTHER, 0.1, 200))
    assert condition_of(trials).effect(Measure.CPU, OTHER, BASELINE) is None
    assert condition_of([]).effect(Measure.CPU, OTHER, BASELINE) is None


def test_windows_stand_too_far_apart_to_share_noise() -> None:
    condition = msgspec.structs.replace(CONDITION, window_s=1.0)
    run = msgspec.structs.replace(
        RUN, study=msgspec.structs.replace(RUN.study, conditions=(condition,))
    )
    trials = [
        make_trial(e, b, [make_window(start_ns=n * 10**10 + n) for n in range(3)],
                   condition=condition)
        for e in (BASELINE, OTHER) for b in (1, 2)
    ]  # fmt: skip
    fitted = condition_of(trials, run, condition).fit(Measure.CPU)
    assert fitted is not None
    assert fitted.memory == NO_MEMORY


def test_measures_of_whole_trials_are_not_fitted() -> None:
    measured = condition_of(exact())
    assert measured.fit(Measure.P99) is None
    assert measured.fit(Measure.CPU) is not None


def test_of_a_search_only_its_rate_compares() -> None:
    """Its windows were at all sorts of rates, so their cost per request tells nothing."""
    condition = Condition("io_read", connections=8, window_s=1.0, objective=Objective())
    trials = [
        make_trial(entry, block, [make_window()] * 3, condition=condition, sustained_per_s=rate)
        for entry, rate in ((BASELINE, 1_000.0), (OTHER, 1_500.0))
        for block in (1, 2)
    ]
    measured = condition_of(trials, condition=condition)
    assert mean(measured, {OTHER: 1, BASELINE: -1}, Measure.SUSTAINED) == pytest.approx(
        math.log(1.5)
    )
    for measure in (Measure.CPU, Measure.THROUGHPUT, Measure.DATABASE_CPU):
        assert measured.effect(measure, OTHER, BASELINE) is None
        assert measured.fit(measure) is None


PROBE_NS = 20_000


def probed(seed: int, missing: Sequence[tuple[int, str]] = (), slope: float = 1.0) -> list[Trial]:
    """Speed that no two slices share, so that neighbours tell nothing and only the probe does."""
    draw = np.random.default_rng(seed)
    trials = []
    for trial in simulate(RUN, COST, seed, drift=0, noise=0, start=0):
        slices = []
        for slice_ in trial.slices:
            speed = float(draw.normal(0, 0.2))
            told = round(PROBE_NS * math.exp(speed + float(draw.normal(0, 0.01))))
            slices.append(
                msgspec.structs.replace(
                    slice_, server_cpu_ns=round(slice_.server_cpu_ns * math.exp(slope * speed)),
                    probe_ns=None if (trial.block, trial.entry) in missing else told,
                )
            )  # fmt: skip
        trials.append(msgspec.structs.replace(trial, slices=tuple(slices)))
    return trials


def blind(trials: Sequence[Trial]) -> list[Trial]:
    return [
        msgspec.structs.replace(
            t, slices=tuple(msgspec.structs.replace(s, probe_ns=None) for s in t.slices)
        )
        for t in trials
    ]


def errors(measured: MeasuredCondition) -> list[float]:
    means = measured.means(Measure.CPU)
    return [
        abs(means[entry][block] - means[BASELINE][block] - math.log(us / COST[BASELINE]))
        for entry, us in COST.items()
        for block in (1, 2, 3)
        if entry != BASELINE
    ]


def test_the_probe_takes_the_cores_speed_out_of_effects() -> None:
    measured, without = condition_of(probed(1)), condition_of(blind(probed(1)))
    fitted, plain = measured.fit(Measure.CPU), without.fit(Measure.CPU)
    assert fitted is not None
    assert plain is not None
    assert fitted.slope == pytest.approx(1.0, abs=0.05)
    assert plain.slope is None
    assert fitted.residual_sd < plain.residual_sd / 5
    assert max(errors(measured)) < 0.02 < max(errors(without))


def test_a_study_that_wants_no_probe_does_not_use_its_readings() -> None:
    load = msgspec.structs.replace(RUN.study.load, probe=False)
    run = msgspec.structs.replace(RUN, study=msgspec.structs.replace(RUN.study, load=load))
    fitted = condition_of(probed(1), run).fit(Measure.CPU)
    assert fitted is not None
    assert fitted.slope is None


def test_readings_that_are_missing_in_some_slices_do_not_spoil_the_others() -> None:
    """They are taken to be average: an effect is not shifted, only less sharp."""
    missing = [(1, OTHER), (2, THIRD)]
    measured = condition_of(probed(2, missing))
    fitted = measured.fit(Measure.CPU)
    assert fitted is not None
    assert fitted.slope == pytest.approx(1.0, abs=0.1)
    means = measured.means(Measure.CPU)
    whole = means[FOURTH][1] - means[BASELINE][1]
    assert whole == pytest.approx(math.log(1.32), abs=0.03)
    assert max(errors(measured)) < 0.25


def test_a_block_without_any_reading_is_summed_up_without_the_probe() -> None:
    missing = [(2, entry) for entry in (*COST, TWIN)]
    measured = condition_of(probed(3, missing))
    means = measured.means(Measure.CPU)
    plain = condition_of([t for t in blind(probed(3)) if t.block == 2])
    alone = plain.means(Measure.CPU)
    assert means[OTHER].keys() == {1, 2, 3}
    assert all(math.isfinite(value) for found in means.values() for value in found.values())
    assert means[OTHER][2] - means[BASELINE][2] == pytest.approx(
        alone[OTHER][2] - alone[BASELINE][2], abs=0.03
    )


def drifting(change: float, count: int = 20) -> Trial:
    costs = (500 * math.exp(change * n / (count - 1)) for n in range(count))
    return make_trial(slices=[cost(us) for us in costs])


def test_cpu_that_grows_from_begin_to_end_is_no_steady_state() -> None:
    (found,) = unsteady(drifting(math.log(1.5)))
    assert found.label is Label.UNSTEADY
    assert found.detail.startswith("server CPU per request changed by +4")
    assert unsteady(drifting(0.05)) == []
    assert unsteady(drifting(math.log(1.5), count=7)) == []


def test_a_drift_that_the_probe_shares_is_the_machines() -> None:
    """Also the other way round: a server that hides behind a core that grows faster."""
    along = [
        cost(500 * speed, probe_ns=round(PROBE_NS * speed)) for speed in np.linspace(1, 1.5, 20)
    ]
    against = [cost(500, probe_ns=round(PROBE_NS * speed)) for speed in np.linspace(1, 1.5, 20)]
    assert unsteady(make_trial(slices=along)) == []
    assert len(unsteady(make_trial(slices=against))) == 1


def test_a_probe_that_falls_silent_in_the_middle_is_no_drift() -> None:
    conditions = [cost(500 + n % 3, probe_ns=None if n >= 10 else PROBE_NS) for n in range(20)]
    assert unsteady(make_trial(slices=conditions)) == []


def window(*per_second: int) -> SliceRecord:
    return make_window(per_second=per_second)


def test_a_windows_throughput_is_looked_at_second_by_second() -> None:
    condition = msgspec.structs.replace(CONDITION, window_s=6.0)
    falling = [window(200, 190, 180, 170, 160, 150), window(140, 130, 120, 110, 100, 90)]
    (found,) = unsteady(make_trial(slices=falling, condition=condition))
    assert found.detail == "responses per second changed by -54% from begin to end"
    level = [window(200, 190, 210, 200, 195, 205)] * 2
    assert unsteady(make_trial(slices=level, condition=condition)) == []


def test_a_search_has_no_steady_state_to_lose() -> None:
    condition = msgspec.structs.replace(CONDITION, window_s=6.0, objective=Objective())
    falling = [window(200, 190, 180, 170, 160, 150), window(140, 130, 120, 110, 100, 90)]
    assert unsteady(make_trial(slices=falling, condition=condition)) == []


def test_an_unsteady_trial_bears_its_label_and_still_counts() -> None:
    measured = condition_of([drifting(math.log(1.5))])
    assert Label.UNSTEADY in {f.label for f in measured.findings[BASELINE][0]}
    assert measured.points(Measure.CPU, BASELINE).keys() == {1}


def test_the_duplicate_is_one_more_entry_of_the_model_and_of_no_pair() -> None:
    measured = condition_of(simulate(RUN, COST, 1))
    assert TWIN in measured.model(Measure.CPU).entries
    assert TWIN not in measured.pairs(Measure.CPU).entries
    assert TWIN not in measured.variants
    without = condition_of([t for t in simulate(RUN, COST, 1) if t.entry != TWIN])
    one, other = (m.effect(Measure.CPU, OTHER, BASELINE) for m in (measured, without))
    assert one is not None
    assert other is not None
    assert other.freedom <= one.freedom


def test_a_measure_ranks_without_a_duplicate() -> None:
    measured = condition_of([t for t in exact() if t.entry != TWIN])
    assert measured.why_unranked(Measure.CPU) is None


def test_one_block_ranks_nothing_and_says_why() -> None:
    why = condition_of([t for t in exact() if t.block == 1]).why_unranked(Measure.CPU)
    assert why is not None
    assert "two blocks" in why


def test_a_measure_without_a_value_ranks_nothing_and_says_why() -> None:
    without = condition_of(exact()).why_unranked(Measure.SUSTAINED)
    duplicate_alone = condition_of([t for t in exact() if t.entry == TWIN])
    for why in (without, duplicate_alone.why_unranked(Measure.CPU)):
        assert why is not None
        assert "no variant has a value" in why


@pytest.mark.parametrize(("sick", "told"), [(1, False), (2, True)])
def test_latency_is_unsaid_where_most_trials_were_not_loaded_as_offered(
    sick: int, told: bool
) -> None:
    """Of three trials; one that bears both labels is still one."""
    measured = condition_of(simulate(RUN, COST, 1))
    both = (Finding(Label.OVERLOADED, "half"), Finding(Label.GENERATOR_BOUND, "late"))
    for entry, found in measured.findings.items():
        measured.findings[entry] = [both] * sick + [()] * (len(found) - sick)
    assert (measured.not_as_offered() is not None) == told


@pytest.mark.parametrize("measure", [Measure.P50, Measure.P99])
def test_no_percentile_is_ranked_where_most_trials_were_not_loaded_as_offered(
    measure: Measure,
) -> None:
    """Beside a second load the median is ranked too."""
    trials = [msgspec.structs.replace(t, latency_hdr=histogram(2.0)) for t in exact()]
    measured = condition_of(trials)
    assert measured.why_unranked(measure) is None
    for entry, found in measured.findings.items():
        measured.findings[entry] = [(Finding(Label.OVERLOADED, "half"),)] * len(found)
    assert (
        measured.why_unranked(measure) == f"the load of {BASELINE} was not what was offered (half)"
    )


BESIDE = msgspec.structs.replace(CONDITION, window_s=1.0, beside=Beside("cpu", connections=2))


def beside(latency_ms: Mapping[str, float]) -> MeasuredCondition:
    """Windows beside a second load, with latencies from so many milliseconds to twice that."""
    record = BesideRecord(correct=40, errors={}, latency_p50_ns=None, latency_p99_ns=None)
    trials = [
        make_trial(
            entry, block, [make_window(beside=record)], condition=BESIDE, latency_hdr=histogram(ms)
        )
        for entry, ms in latency_ms.items()
        for block in (1, 2, 3)
    ]
    return condition_of(trials, condition=BESIDE)


@pytest.mark.parametrize("measure", COSTS)
def test_beside_a_second_load_nothing_is_said_of_costs(measure: Measure) -> None:
    measured = beside({BASELINE: 2.0, TWIN: 2.0, OTHER: 4.0})
    assert measured.means(measure) == {}
    assert measured.points(measure, OTHER) == {}
    assert measured.effect(measure, OTHER, BASELINE) is None
    assert measured.fit(measure) is None
    assert measured.components(measure) is None
    assert measured.why_unranked(measure) is not None


def test_beside_a_second_load_latencies_and_rates_compare() -> None:
    measured = beside({BASELINE: 2.0, TWIN: 2.0, OTHER: 4.0})
    versus = {OTHER: 1.0, BASELINE: -1.0}
    assert mean(measured, versus, Measure.P99) == pytest.approx(math.log(2), abs=0.01)
    assert mean(measured, versus, Measure.P50) == pytest.approx(math.log(2), abs=0.01)
    assert mean(measured, versus, Measure.THROUGHPUT) == pytest.approx(0, abs=1e-6)
    assert measured.why_unranked(Measure.P99) is None


NEAR = msgspec.structs.replace(CONDITION, window_s=1.0)
FAR = msgspec.structs.replace(NEAR, latency=Latency(database_ms=100.0))
WAITING: dict[str, Any] = {
    "server_cpu_ns": SLICE_NS * 3 // 10, "machine_busy_ns": SLICE_NS * 6 // 10,
}  # fmt: skip
"""Of a slice in which nobody is busy."""
IN_DATABASE: dict[str, Any] = {
    "server_cpu_ns": SLICE_NS // 2, "database_cpu_ns": SLICE_NS,
    "machine_busy_ns": SLICE_NS * 16 // 10,
}  # fmt: skip
ALL_BUSY = Waits(busy=(16,) * 10, states={"active": 160})


def among(*conditions: Condition) -> Run:
    """A run of these conditions, whose variants pool sixteen connections."""
    run = make_run(msgspec.structs.replace(RUN.study, conditions=conditions))
    pooled = {
        name: msgspec.structs.replace(variant, factors={"pool": "pooled"})
        for name, variant in run.variants.items()
    }
    return msgspec.structs.replace(run, variants=pooled)


def limited(
    run: Run, condition: Condition, slices: Mapping[str, Any], waits: Waits | None = None
) -> str | None:
    """Why nothing is said of throughput where every slice is like that, or None."""
    trials = [
        make_trial(
            entry, block, [make_slice(n, **slices) for n in range(4)], condition=condition,
            waits=waits,
        )
        for entry in (BASELINE, TWIN, OTHER)
        for block in (1, 2, 3)
    ]  # fmt: skip
    return condition_of(trials, run, condition).why_unranked(Measure.THROUGHPUT)


@pytest.mark.parametrize("condition", [NEAR, FAR])
def test_in_a_study_that_adds_latency_waiting_is_a_variants_own(condition: Condition) -> None:
    """Under the conditions without any, too: they are what the others are compared with."""
    run = among(NEAR, FAR)
    assert limited(run, condition, WAITING) is None
    assert limited(run, condition, WAITING, ALL_BUSY) is None
    assert limited(run, condition, {}) is None


@pytest.mark.parametrize("condition", [NEAR, FAR])
def test_what_the_database_limits_is_no_variants_own_even_where_latency_is_added(
    condition: Condition,
) -> None:
    told = limited(among(NEAR, FAR), condition, IN_DATABASE)
    assert told is not None
    assert "was not what limited it (database-bound: " in told


@pytest.mark.parametrize(
    ("slices", "waits", "label"),
    [
        (WAITING, None, Label.LATENCY_BOUND),
        (WAITING, ALL_BUSY, Label.POOL_BOUND),
        (IN_DATABASE, None, Label.DATABASE_BOUND),
    ],
)
def test_without_added_latency_only_its_own_cpu_limits_a_variant(
    slices: Mapping[str, Any], waits: Waits | None, label: Label
) -> None:
    told = limited(among(NEAR), NEAR, slices, waits)
    assert told is not None
    assert f"was not what limited it ({label}: " in told
    assert limited(among(NEAR), NEAR, {}) is None


def test_a_latency_is_said_of_those_who_were_loaded_as_offered() -> None:
    """Where only some are asked about, the others' overload is their own."""
    measured = condition_of(simulate(RUN, COST, 1))
    overloaded = (Finding(Label.OVERLOADED, "half"),)
    for entry, found in measured.findings.items():
        measured.findings[entry] = [overloaded if entry == OTHER else () for _ in found]
    assert measured.not_as_offered() == f"the load of {OTHER} was not what was offered (half)"
    assert measured.not_as_offered({BASELINE}) is None
    assert measured.not_as_offered({BASELINE, OTHER}) is not None

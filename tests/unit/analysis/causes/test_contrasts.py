import msgspec
import pytest

from harness.analysis.causes.contrasts import Effect, Hypothesis, effects
from harness.analysis.stats.intervals import Interval
from harness.inputs.study import Contrast
from harness.records.run import Run
from harness.records.trial import Trial
from tests.toys.labelling import measured_condition
from tests.toys.ladder import (
    BRIDGE,
    FUSED,
    LEAN_FUSED,
    LEAN_ORM,
    NATIVE,
    NATIVE_STOCK,
    ONE_HOP,
    PER_QUERY,
    REUSED,
    STOCK,
    ladder_run,
    ladder_study,
    ladder_trials,
    true_cost,
)

RUN = ladder_run()


def found_in(run: Run, trials: list[Trial]) -> dict[str, Effect]:
    (measured,) = [
        measured_condition(run, c, [t for t in trials if t.condition == c])
        for c in run.study.conditions
        if c.endpoint == "io_read"
    ]
    found, _ = effects(run, [measured], [])
    return {effect.contrast.name: effect for effect in found[measured.condition]}


@pytest.fixture(scope="module")
def exact() -> dict[str, Effect]:
    return found_in(RUN, ladder_trials(RUN, noise=0.001))


def ratio(one: str, other: str) -> float:
    return true_cost(one, "io_read") / true_cost(other, "io_read")


def test_a_declared_contrast_is_a_ratio_of_costs(exact: dict[str, Effect]) -> None:
    effect = exact[BRIDGE.name]
    assert effect.factor is None
    assert effect.cpu.mean == pytest.approx(ratio(STOCK, NATIVE), rel=0.01)
    assert effect.called


def test_a_difference_of_differences_is_a_ratio_of_ratios(exact: dict[str, Effect]) -> None:
    expected = ratio(FUSED, NATIVE) / ratio(LEAN_FUSED, LEAN_ORM)
    assert exact[ONE_HOP.name].cpu.mean == pytest.approx(expected, rel=0.01)


def test_every_pair_that_differs_in_one_factor_is_derived(exact: dict[str, Effect]) -> None:
    derived = {
        frozenset((e.contrast.of, e.contrast.to)): e.factor for e in exact.values() if e.factor
    }
    assert derived[frozenset((STOCK, REUSED))] == "threads"
    assert derived[frozenset((REUSED, PER_QUERY))] == "lifecycle"
    assert derived[frozenset((FUSED, LEAN_FUSED))] == "framework"
    assert derived[frozenset((NATIVE, NATIVE_STOCK))] == "lifecycle"
    assert frozenset((STOCK, PER_QUERY)) not in derived, "it differs in two"


def test_a_declared_pair_is_not_derived_once_more() -> None:
    declared = Contrast("threads", "threads", STOCK, REUSED)
    study = msgspec.structs.replace(ladder_study(), contrasts=(declared,))
    run = ladder_run(study)
    found = found_in(run, ladder_trials(run))
    pairs = [frozenset((e.contrast.of, e.contrast.to)) for e in found.values()]
    assert pairs.count(frozenset((STOCK, REUSED))) == 1


def test_what_a_factor_brings_along_is_said(exact: dict[str, Effect]) -> None:
    titles = {frozenset((e.contrast.of, e.contrast.to)): e.contrast.title for e in exact.values()}
    told = titles[frozenset((NATIVE, NATIVE_STOCK))]
    assert told == "lifecycle: zero-hop / stock (with offload asgiref, threads per-request)"


def test_further_tests_belong_to_the_declared_family_and_are_told_apart() -> None:
    trials = ladder_trials(RUN, noise=0.001)
    (condition,) = [c for c in RUN.study.conditions if c.endpoint == "io_read"]
    measured = measured_condition(RUN, condition, [t for t in trials if t.condition == condition])
    clear = Interval(mean=50.0, low=48.0, high=52.0, se=0.7, blocks=4)
    others = [
        Hypothesis(condition, "far", clear, 5.0),
        Hypothesis(condition, "near", clear, 60.0),
        Hypothesis(condition, "no floor", clear, None),
    ]
    _, called = effects(RUN, [measured], others)
    assert called == {(condition, "far"): True, (condition, "near"): False}


def test_an_effect_within_the_noise_is_not_called() -> None:
    noisy = found_in(RUN, ladder_trials(RUN, noise=0.4))
    assert not noisy[ONE_HOP.name].called

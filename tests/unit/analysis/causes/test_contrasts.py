import msgspec
import pytest

from harness.analysis.causes.contrasts import Effect, Hypothesis, effects
from harness.inputs.study import Contrast
from harness.records.plan import DUPLICATE
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
    others = [
        Hypothesis(condition, "far", 1e-6),
        Hypothesis(condition, "near", 0.4),
        Hypothesis(condition, "one block", None),
    ]
    _, called = effects(RUN, [measured], others)
    assert called == {(condition, "far"): True, (condition, "near"): False}


def called_beside(others: list[Hypothesis]) -> dict[str, bool | None]:
    """Whether each contrast of one noisy condition is called beside further declared tests."""
    (condition,) = [c for c in RUN.study.conditions if c.endpoint == "io_read"]
    trials = [t for t in ladder_trials(RUN, noise=0.4) if t.condition == condition]
    found, _ = effects(RUN, [measured_condition(RUN, condition, trials)], others)
    return {effect.contrast.name: effect.called for effect in found[condition]}


def test_declared_tests_pay_for_each_other_and_derived_ones_do_not() -> None:
    """Holm multiplies the smallest p value, here of 5 in 100,000, by the size of its family."""
    (condition,) = [c for c in RUN.study.conditions if c.endpoint == "io_read"]
    crowd = [Hypothesis(condition, f"test {n}", 0.9) for n in range(10_000)]
    alone, crowded = called_beside([]), called_beside(crowd)
    declared = {BRIDGE.name, ONE_HOP.name}
    assert alone[BRIDGE.name]
    assert not any(crowded[name] for name in declared)
    derived = {name: call for name, call in alone.items() if name not in declared}
    assert any(derived.values())
    assert {name: crowded[name] for name in derived} == derived


def test_an_effect_within_the_noise_is_not_called() -> None:
    noisy = found_in(RUN, ladder_trials(RUN, noise=0.4))
    assert noisy[ONE_HOP.name].called is False


def test_one_block_gives_ratios_and_no_call() -> None:
    alone = [t for t in ladder_trials(RUN, noise=0.001) if t.block == 1]
    effect = found_in(RUN, alone)[BRIDGE.name]
    assert effect.cpu.mean == pytest.approx(ratio(STOCK, NATIVE), rel=0.01)
    assert (effect.cpu.low, effect.cpu.high, effect.called) == (None, None, None)


def test_no_duplicate_is_needed_for_a_call() -> None:
    trials = [t for t in ladder_trials(RUN, noise=0.001) if DUPLICATE not in t.entry]
    assert found_in(RUN, trials)[BRIDGE.name].called

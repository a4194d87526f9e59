import msgspec
import pytest

from harness.analysis.contrasts import Effect, effects
from harness.analysis.pieces import Piece
from harness.records import Run, Trial
from harness.study import Contrast
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
    (piece,) = [
        Piece(run, c, [t for t in trials if t.condition == c])
        for c in run.study.conditions
        if c.endpoint == "io_read"
    ]
    return {effect.contrast.name: effect for effect in effects(run, [piece])[piece.condition]}


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


def test_an_effect_within_the_noise_is_not_called() -> None:
    noisy = found_in(RUN, ladder_trials(RUN, noise=0.4))
    assert not noisy[ONE_HOP.name].called

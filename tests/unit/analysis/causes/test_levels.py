import msgspec
import pytest

from harness.analysis.causes.levels import levels, shared_blocks, sum_of_levels
from harness.analysis.condition import MeasuredCondition
from harness.analysis.measures import Measure
from harness.records.trial import Trial
from tests.toys.labelling import measured_condition
from tests.toys.ladder import LEAN_RAW, REUSED, STOCK, ladder_run, ladder_trials, true_cost

RUN = ladder_run()
CONDITION = RUN.study.conditions[1]


def trials_of(speed: dict[int, float]) -> list[Trial]:
    """One condition, every block on a machine of another speed."""
    return [
        msgspec.structs.replace(
            trial,
            slices=tuple(
                msgspec.structs.replace(
                    s, server_cpu_ns=round(s.server_cpu_ns * speed.get(trial.block, 1.0))
                )
                for s in trial.slices
            ),
        )
        for trial in ladder_trials(RUN)
        if trial.condition == CONDITION
    ]


def test_levels_are_microseconds_per_request() -> None:
    found = levels(measured_condition(RUN, CONDITION, trials_of({})))
    assert found[STOCK][1] == pytest.approx(true_cost(STOCK, "io_read"), rel=1e-3)


def test_a_slow_block_is_brought_to_the_speed_of_the_others() -> None:
    found = levels(measured_condition(RUN, CONDITION, trials_of({2: 1.5})))
    assert found[STOCK][2] == pytest.approx(found[STOCK][1], rel=1e-3)
    # the common speed is the geometric mean of four blocks, one of them half as slow again
    assert found[STOCK][1] == pytest.approx(true_cost(STOCK, "io_read") * 1.5**0.25, rel=1e-3)


def test_one_variant_that_starts_badly_moves_none_of_the_others() -> None:
    bad = [
        msgspec.structs.replace(
            trial,
            slices=tuple(
                msgspec.structs.replace(s, server_cpu_ns=2 * s.server_cpu_ns) for s in trial.slices
            ),
        )
        if (trial.entry, trial.block) == (LEAN_RAW, 3)
        else trial
        for trial in trials_of({})
    ]
    found = levels(measured_condition(RUN, CONDITION, bad))
    assert found[STOCK][3] == pytest.approx(true_cost(STOCK, "io_read"), rel=1e-3)
    assert found[LEAN_RAW][3] == pytest.approx(2 * found[LEAN_RAW][1], rel=1e-3)


def noisy() -> MeasuredCondition:
    trials = [t for t in ladder_trials(RUN, noise=0.05) if t.condition == CONDITION]
    return measured_condition(RUN, CONDITION, trials)


def test_a_difference_in_microseconds_is_as_sure_as_that_of_the_logarithms() -> None:
    """A level varies by itself times its logarithm's standard deviation."""
    measured = noisy()
    costs = levels(measured)
    blocks = shared_blocks(costs, [STOCK, REUSED])
    added = sum_of_levels(measured, costs, {STOCK: 1.0, REUSED: -1.0}, blocks)
    ratio = measured.effect(Measure.CPU, STOCK, REUSED)
    assert added is not None
    assert added.se is not None
    assert ratio is not None
    assert added.blocks == ratio.blocks == 4
    assert added.t == pytest.approx(ratio.t, rel=0.35)
    assert added.freedom > 3, "the pool counts beside its own four blocks"


def test_a_sum_of_levels_without_a_block_is_unknown() -> None:
    measured = noisy()
    assert sum_of_levels(measured, levels(measured), {STOCK: 1.0}, []) is None


def test_an_entry_that_misses_a_block_does_not_shift_the_others() -> None:
    trials = [t for t in trials_of({}) if (t.entry, t.block) != (LEAN_RAW, 3)]
    found = levels(measured_condition(RUN, CONDITION, trials))
    assert 3 not in found[LEAN_RAW]
    assert found[STOCK][3] == pytest.approx(found[STOCK][1], rel=1e-3)


def test_shared_blocks_are_those_that_have_every_entry() -> None:
    found = {"a": {1: 5.0, 2: 6.0}, "b": {2: 2.0, 3: 9.0}}
    assert shared_blocks(found, ["a", "b"]) == [2]
    assert shared_blocks(found, ["a", "missing"]) == []

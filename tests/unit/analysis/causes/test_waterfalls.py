import math
import random

import msgspec
import pytest

from harness.analysis.causes.levels import levels
from harness.analysis.causes.waterfalls import fall
from harness.analysis.measures import Measure
from harness.records.trial import Trial
from tests.toys.labelling import measured_condition
from tests.toys.ladder import (
    FUSED,
    LEAN_RAW,
    PER_QUERY,
    RAW,
    REUSED,
    STOCK,
    WATERFALL,
    ladder_run,
    ladder_trials,
    true_cost,
)

RUN = ladder_run()
LEVELS = {
    name: {block: true_cost(name, "io_read") * (1 + 0.01 * block) for block in (1, 2, 3)}
    for name in WATERFALL.steps
}
CONDITION = RUN.study.conditions[1]
PIECE = measured_condition(
    RUN, CONDITION, [t for t in ladder_trials(RUN, noise=0.001) if t.condition == CONDITION]
)


def test_steps_add_up_to_the_whole_way() -> None:
    found = fall(RUN, WATERFALL, PIECE, LEVELS)
    assert found is not None
    assert found.start.mean + sum(s.added.mean for s in found.steps) == pytest.approx(
        found.end.mean
    )
    assert sum(step.share for step in found.steps) == pytest.approx(1.0)


def test_each_step_names_what_it_changes_and_what_it_adds() -> None:
    found = fall(RUN, WATERFALL, PIECE, LEVELS)
    assert found is not None
    steps = {step.variant: step for step in found.steps}
    assert steps[RAW].changed == "framework: lean to full"
    assert steps[FUSED].changed == "bridge: none to fused"
    assert steps[REUSED].changed == "lifecycle: zero-hop to stock"
    assert steps[STOCK].changed == "threads: reused to per-request"
    assert steps[STOCK].added.mean == pytest.approx(240 * 1.02)


def test_a_variant_that_was_not_measured_joins_two_steps() -> None:
    found = fall(RUN, WATERFALL, PIECE, {n: v for n, v in LEVELS.items() if n != PER_QUERY})
    assert found is not None
    (joined,) = [step for step in found.steps if step.variant == REUSED]
    assert joined.changed == "bridge: fused to per-query, lifecycle: zero-hop to stock"


@pytest.mark.parametrize("missing", [LEAN_RAW, STOCK])
def test_without_an_end_there_is_no_waterfall(missing: str) -> None:
    assert fall(RUN, WATERFALL, PIECE, {n: v for n, v in LEVELS.items() if n != missing}) is None


def test_only_blocks_that_have_every_step_count() -> None:
    found = fall(RUN, WATERFALL, PIECE, LEVELS | {RAW: {1: 400.0}})
    assert found is not None
    assert found.end.blocks == 1


def test_a_step_is_judged_by_what_became_of_its_test() -> None:
    found = fall(RUN, WATERFALL, PIECE, LEVELS)
    assert found is not None
    tests = found.hypotheses(CONDITION)
    assert [test.p for test in tests] == [step.p for step in found.steps]
    assert all(test.p is not None and test.p < 0.01 for test in tests)
    judged = found.tested(CONDITION, {(CONDITION, tests[0].name): True})
    assert [step.called for step in judged.steps] == [True, None, None, None, None, None]


def test_one_block_gives_steps_without_a_test() -> None:
    found = fall(RUN, WATERFALL, PIECE, {n: {1: v[1]} for n, v in LEVELS.items()})
    assert found is not None
    assert found.steps[-1].added.mean == pytest.approx(240 * 1.01)
    assert all(step.p is None and step.added.low is None for step in found.steps)


def test_steps_add_up_also_where_a_block_weighs_less() -> None:
    """In one block every variant was out of line, each by another factor."""
    draw = random.Random(4)
    trials = [
        slowed(trial, math.exp(draw.gauss(0, 0.5))) if trial.block == 3 else trial
        for trial in ladder_trials(RUN, noise=0.02)
        if trial.condition == CONDITION
    ]
    measured = measured_condition(RUN, CONDITION, trials)
    assert measured.model(Measure.CPU).outliers == [3]
    found = fall(RUN, WATERFALL, measured, levels(measured))
    assert found is not None
    whole = found.end.mean - found.start.mean
    assert sum(s.added.mean for s in found.steps) == pytest.approx(whole)
    assert sum(step.share for step in found.steps) == pytest.approx(1.0)
    truth = true_cost(STOCK, "io_read") - true_cost(LEAN_RAW, "io_read")
    assert whole == pytest.approx(truth, rel=0.05)


def slowed(trial: Trial, factor: float) -> Trial:
    slices = tuple(
        msgspec.structs.replace(s, server_cpu_ns=round(s.server_cpu_ns * factor))
        for s in trial.slices
    )
    return msgspec.structs.replace(trial, slices=slices)


def test_the_whole_way_is_a_ratio_with_an_interval() -> None:
    found = fall(RUN, WATERFALL, PIECE, LEVELS)
    assert found is not None
    expected = true_cost(STOCK, "io_read") / true_cost(LEAN_RAW, "io_read")
    assert found.ratio.mean == pytest.approx(expected, rel=0.01)
    assert found.ratio.low is not None

import pytest

from harness.analysis.waterfalls import fall
from tests.toys.ladder import (
    FUSED,
    LEAN_RAW,
    PER_QUERY,
    RAW,
    REUSED,
    STOCK,
    WATERFALL,
    ladder_run,
    true_cost,
)

RUN = ladder_run()
LEVELS = {
    name: {block: true_cost(name, "io_read") * (1 + 0.01 * block) for block in (1, 2, 3)}
    for name in WATERFALL.steps
}


def test_steps_add_up_to_the_whole_way() -> None:
    found = fall(RUN, WATERFALL, LEVELS)
    assert found is not None
    assert found.start.mean + sum(s.added.mean for s in found.steps) == pytest.approx(
        found.end.mean
    )
    assert sum(step.share.mean for step in found.steps) == pytest.approx(1.0)


def test_each_step_names_what_it_changes_and_what_it_adds() -> None:
    found = fall(RUN, WATERFALL, LEVELS)
    assert found is not None
    steps = {step.variant: step for step in found.steps}
    assert steps[RAW].changed == "framework: lean to full"
    assert steps[FUSED].changed == "bridge: none to fused"
    assert steps[REUSED].changed == "lifecycle: zero-hop to stock"
    assert steps[STOCK].changed == "threads: reused to per-request"
    assert steps[STOCK].added.mean == pytest.approx(240 * 1.02)


def test_a_variant_that_was_not_measured_joins_two_steps() -> None:
    found = fall(RUN, WATERFALL, {n: v for n, v in LEVELS.items() if n != PER_QUERY})
    assert found is not None
    (joined,) = [step for step in found.steps if step.variant == REUSED]
    assert joined.changed == "bridge: fused to per-query, lifecycle: zero-hop to stock"


@pytest.mark.parametrize("missing", [LEAN_RAW, STOCK])
def test_without_an_end_there_is_no_waterfall(missing: str) -> None:
    assert fall(RUN, WATERFALL, {n: v for n, v in LEVELS.items() if n != missing}) is None


def test_only_blocks_that_have_every_step_count() -> None:
    levels = LEVELS | {RAW: {1: 400.0}}
    found = fall(RUN, WATERFALL, levels)
    assert found is not None
    assert found.end.blocks == 1

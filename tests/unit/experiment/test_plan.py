from collections import Counter

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from harness.experiment.plan import make_plan
from harness.records import DUPLICATE
from harness.study import Condition, LoadSettings, Study

VARIANTS = ("a/one", "b/two", "b/three")
STUDY = Study(
    title="t", question="q", variants=VARIANTS, baseline="b/two", blocks=4, seed=1,
    conditions=(Condition("cpu"), Condition("io_read"), Condition("io_read", connections=8)),
    load=LoadSettings(rounds=10),
)  # fmt: skip


@given(seed=st.integers(), blocks=st.integers(1, 4), rounds=st.integers(1, 6))
def test_every_round_of_every_phase_has_every_entry_once(
    seed: int, blocks: int, rounds: int
) -> None:
    study = msgspec.structs.replace(
        STUDY, seed=seed, blocks=blocks, load=LoadSettings(rounds=rounds)
    )
    plan = make_plan(study)
    assert Counter((p.block, p.condition) for p in plan.phases) == Counter(
        (block, condition) for block in range(1, blocks + 1) for condition in study.conditions
    )
    for phase in plan.phases:
        assert len(phase.orders) == rounds
        assert all(sorted(order) == [0, 1, 2, 3] for order in phase.orders)


def test_the_same_seed_gives_the_same_plan_and_another_seed_another() -> None:
    assert make_plan(STUDY) == make_plan(STUDY)
    assert make_plan(STUDY) != make_plan(msgspec.structs.replace(STUDY, seed=2))


def test_the_baseline_has_one_hidden_duplicate() -> None:
    entries = make_plan(STUDY).entries
    assert [e.name for e in entries] == [*VARIANTS, "b/two" + DUPLICATE]
    assert [e.variant for e in entries] == [*VARIANTS, "b/two"]
    assert [e.duplicate for e in entries] == [False, False, False, True]


def test_orders_differ_between_rounds_blocks_and_conditions() -> None:
    plan = make_plan(STUDY)
    assert all(len(set(phase.orders)) > 1 for phase in plan.phases)
    assert len({phase.orders for phase in plan.phases}) == len(plan.phases)


def test_no_entry_is_always_in_the_same_place() -> None:
    orders = [order for phase in make_plan(STUDY).phases for order in phase.orders]
    assert len({order.index(0) for order in orders}) == 4


def test_blocks_come_one_after_the_other_with_conditions_in_changing_order() -> None:
    study = msgspec.structs.replace(STUDY, blocks=12)
    phases = make_plan(study).phases
    assert [p.block for p in phases] == sorted(p.block for p in phases)
    assert len({p.condition for p in phases[::3]}) > 1  # who comes first in a block


def test_the_expected_time_grows_with_everything_that_takes_time() -> None:
    base = make_plan(STUDY).expected_s
    load = LoadSettings(rounds=20)
    assert base > STUDY.blocks * 3 * 4 * 10 * STUDY.load.slice_s
    for longer in ({"blocks": 8}, {"load": load}, {"variants": (*VARIANTS, "c/four")}):
        assert make_plan(msgspec.structs.replace(STUDY, **longer)).expected_s > base

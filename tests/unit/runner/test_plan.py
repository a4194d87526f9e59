import random
from collections import Counter
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.base.errors import UsageError
from harness.inputs.settings import LoadSettings, Ramp
from harness.inputs.study import Condition, Objective, Study
from harness.records.plan import DUPLICATE
from harness.runner.plan import balanced_orders, block_s, make_plan

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


def takes(*conditions: Condition, **load: float) -> float:
    settings = msgspec.structs.replace(STUDY.load, **load)
    return block_s(msgspec.structs.replace(STUDY, conditions=conditions, load=settings))


WINDOW = Condition("cpu", window_s=20.0)
RATE = Condition("cpu", window_s=20.0, rate=100.0)
SHARE = Condition("cpu", window_s=20.0, share=0.7)
SEARCH = Condition("cpu", window_s=20.0, objective=Objective())


def test_a_plan_takes_as_long_as_its_blocks() -> None:
    assert make_plan(STUDY).expected_s == pytest.approx(STUDY.blocks * block_s(STUDY))


def test_windows_take_their_length_and_a_warm_up_in_the_place_of_rounds() -> None:
    once = takes(WINDOW)
    twice = takes(msgspec.structs.replace(WINDOW, windows=2))
    assert twice - once == pytest.approx(4 * (20.0 + STUDY.load.warmup_s))
    assert takes(WINDOW, rounds=500) == once
    # An open loop is warmed up before its window, a closed one by its own first seconds.
    assert takes(RATE) == pytest.approx(once + 4 * STUDY.load.warmup_s)


def test_a_share_of_the_capacity_takes_the_time_to_find_it() -> None:
    assert 4 * 0.5 < takes(SHARE) - takes(RATE) < 4 * 5.0


def test_a_search_takes_a_window_for_each_of_its_tries() -> None:
    tries = (takes(SEARCH) - takes(SHARE)) / (4 * (20.0 + STUDY.load.warmup_s)) + 1
    assert 5 <= tries <= 24


def test_a_block_with_several_conditions_starts_its_servers_once() -> None:
    one, other = Condition("cpu"), Condition("noop")
    both = takes(one, other)
    assert both < takes(one) + takes(other)
    assert both > max(takes(one), takes(other))


def test_a_windows_phase_has_an_order_per_window_and_a_slices_phase_one_per_round() -> None:
    windows = msgspec.structs.replace(SEARCH, windows=3)
    study = msgspec.structs.replace(STUDY, conditions=(windows, Condition("cpu")))
    rounds = {p.condition.windows: len(p.orders) for p in make_plan(study).phases}
    assert rounds == {3: 3, 1: STUDY.load.rounds}


def test_an_endpoint_may_have_rounds_of_its_own_and_its_windows_do_not_heed_them() -> None:
    conditions = (Condition("cpu"), Condition("noop"), WINDOW)
    load = msgspec.structs.replace(STUDY.load, rounds=6, rounds_of={"cpu": 2})
    study = msgspec.structs.replace(STUDY, conditions=conditions, load=load)
    rounds = {p.condition: len(p.orders) for p in make_plan(study).phases}
    assert rounds == {conditions[0]: 2, conditions[1]: 6, WINDOW: 1}
    usual = msgspec.structs.replace(study, load=msgspec.structs.replace(load, rounds_of={}))
    saved = make_plan(usual).expected_s - make_plan(study).expected_s
    assert saved > STUDY.blocks * 4 * (6 - 2) * load.slice_s


def test_servers_are_started_in_an_order_of_each_blocks_own() -> None:
    plan = make_plan(msgspec.structs.replace(STUDY, blocks=12))
    assert len(plan.starts) == 12
    assert all(sorted(order) == [0, 1, 2, 3] for order in plan.starts)
    assert len(set(plan.starts)) > 3


GROUPED = msgspec.structs.replace(
    STUDY,
    conditions=(Condition("cpu"), Condition("noop", group="few")),
    groups={"few": ("c/four",)},
)


def test_a_condition_of_a_group_has_turns_for_it_the_baseline_and_the_duplicate_alone() -> None:
    plan = make_plan(GROUPED)
    assert [e.name for e in plan.entries] == [*VARIANTS, "c/four", "b/two" + DUPLICATE]
    turns = {
        (phase.condition.group, tuple(sorted(order)))
        for phase in plan.phases
        for order in phase.orders
    }
    assert turns == {(None, (0, 1, 2, 4)), ("few", (1, 3, 4))}


@given(seed=st.integers(), rounds=st.integers(1, 6), group=st.sets(st.sampled_from(VARIANTS)))
def test_every_round_of_a_group_has_each_of_its_entries_once(
    seed: int, rounds: int, group: set[str]
) -> None:
    study = msgspec.structs.replace(
        GROUPED, seed=seed, load=LoadSettings(rounds=rounds), groups={"few": tuple(sorted(group))}
    )
    plan = make_plan(study)
    wanted = [at for at, e in enumerate(plan.entries) if e.variant in {*group, study.baseline}]
    for phase in plan.phases:
        assert len(phase.orders) == rounds
        if phase.condition.group == "few":
            assert all(sorted(order) == wanted for order in phase.orders)


def test_servers_of_every_group_are_started_in_every_block() -> None:
    assert all(sorted(order) == [0, 1, 2, 3, 4] for order in make_plan(GROUPED).starts)


def test_a_condition_of_a_group_takes_less_time_than_one_of_all() -> None:
    of_all = (Condition("cpu"), Condition("noop"))
    assert block_s(GROUPED) < block_s(msgspec.structs.replace(GROUPED, conditions=of_all))


LOCUST = msgspec.structs.replace(STUDY, load=LoadSettings(engine="locust"))


def test_cells_of_locust_have_no_hidden_duplicate() -> None:
    entries = make_plan(LOCUST).entries
    assert [e.name for e in entries] == [e.variant for e in entries] == [*VARIANTS]


@given(seed=st.integers(), blocks=st.integers(1, 4), rounds=st.integers(1, 6))
def test_every_entry_has_one_cell_under_every_condition_in_every_block(
    seed: int, blocks: int, rounds: int
) -> None:
    load = LoadSettings(engine="locust", rounds=rounds)
    plan = make_plan(msgspec.structs.replace(LOCUST, seed=seed, blocks=blocks, load=load))
    assert Counter((p.block, p.condition) for p in plan.phases) == Counter(
        (block, condition) for block in range(1, blocks + 1) for condition in STUDY.conditions
    )
    for phase in plan.phases:
        (order,) = phase.orders
        assert sorted(order) == [0, 1, 2]


def test_cells_come_in_the_same_order_for_the_same_seed_and_in_another_for_another() -> None:
    assert make_plan(LOCUST) == make_plan(LOCUST)
    assert make_plan(LOCUST) != make_plan(msgspec.structs.replace(LOCUST, seed=2))


def test_no_setup_is_always_the_first_under_a_condition() -> None:
    phases = make_plan(msgspec.structs.replace(LOCUST, blocks=12)).phases
    for condition in LOCUST.conditions:
        firsts = {phase.orders[0][0] for phase in phases if phase.condition == condition}
        assert len(firsts) > 1


def test_a_block_of_cells_takes_a_ramp_for_every_entry_under_every_condition() -> None:
    def takes_with(ramp: Ramp, rounds: int = 20) -> float:
        load = LoadSettings(engine="locust", ramp=ramp, rounds=rounds)
        return block_s(msgspec.structs.replace(LOCUST, load=load))

    short, long = Ramp(per_s=8.0, hold_s=10.0), Ramp(per_s=8.0, hold_s=20.0)
    slow = Ramp(per_s=4.0, hold_s=10.0)
    users = sum(condition.connections for condition in LOCUST.conditions)
    assert takes_with(long) - takes_with(short) == pytest.approx(3 * 3 * 10.0)
    assert takes_with(slow) - takes_with(short) == pytest.approx(3 * users * (1 / 4 - 1 / 8))
    assert takes_with(short, rounds=500) == takes_with(short)
    assert takes_with(short) > 3 * sum(short.length_s(c.connections) for c in LOCUST.conditions)
    assert make_plan(LOCUST).expected_s == pytest.approx(LOCUST.blocks * block_s(LOCUST))


def neighbours(orders: tuple[tuple[int, ...], ...]) -> Counter[tuple[int, int]]:
    return Counter(pair for order in orders for pair in pairwise(order))


@given(st.integers(1, 12), st.integers(1, 40), st.integers())
def test_every_round_has_every_entry_once(entries: int, rounds: int, seed: int) -> None:
    orders = balanced_orders(entries, rounds, random.Random(seed))
    assert len(orders) == rounds
    assert all(sorted(order) == list(range(entries)) for order in orders)


@pytest.mark.parametrize("entries", range(2, 41))
def test_over_whole_squares_everyone_follows_everyone_equally_often(entries: int) -> None:
    rows = entries if entries % 2 == 0 else 2 * entries
    found = neighbours(balanced_orders(entries, 2 * rows, random.Random(1)))
    assert len(found) == entries * (entries - 1)
    assert set(found.values()) == {2 if entries % 2 == 0 else 4}


@pytest.mark.parametrize("entries", [4, 7, 8, 36])
def test_over_a_part_of_a_square_no_pair_stands_out(entries: int) -> None:
    found = neighbours(balanced_orders(entries, entries // 2, random.Random(2)))
    assert max(found.values()) <= (1 if entries % 2 == 0 else 2)


@pytest.mark.parametrize("entries", [4, 7])
def test_over_whole_squares_everyone_stands_everywhere_equally_often(entries: int) -> None:
    rows = entries if entries % 2 == 0 else 2 * entries
    orders = balanced_orders(entries, rows, random.Random(3))
    for place in range(entries):
        assert len(set(Counter(order[place] for order in orders).values())) == 1


def test_the_seed_decides() -> None:
    one, same, other = (balanced_orders(7, 20, random.Random(seed)) for seed in (1, 1, 2))
    assert one == same != other


LONG = Condition("cpu", window_s=3_600, windows=200)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"blocks": 10_000}, "120,000 trials, and at most 10,000 are allowed in a run; set"),
        ({"blocks": 10_000}, "set `blocks` to 833 at most."),
        (
            {"load": LoadSettings(rounds=10_000), "blocks": 5},
            "600,000 slices and windows, and at most 500,000 are allowed in a run; set `blocks` to "
            "4 at most.",
        ),
        (
            {"load": LoadSettings(rounds=10_000), "blocks": 1, "conditions": tuple(
                Condition("cpu", connections=n) for n in range(1, 20))},
            "; plan fewer `load.rounds`.",
        ),
        (
            {"conditions": (LONG,), "blocks": 1},
            "hours, and at most 336 hours are allowed in a run; plan less time under cpu-c32",
        ),
        ({"conditions": (LONG, Condition("noop"))}, f"under {LONG.name}, which takes the most"),
    ],
)  # fmt: skip
def test_a_run_too_large_or_too_long_is_refused_at_once_with_the_number_to_lower(
    changes: dict[str, object], told: str
) -> None:
    with pytest.raises(UsageError) as caught:
        make_plan(msgspec.structs.replace(STUDY, **changes))
    assert told in str(caught.value)


def test_the_number_of_blocks_that_is_told_can_be_planned() -> None:
    assert make_plan(msgspec.structs.replace(STUDY, blocks=833))


def test_rows_take_time_to_make() -> None:
    many = msgspec.structs.replace(STUDY, conditions=(Condition("cpu", rows=10_000_000),))
    few = msgspec.structs.replace(STUDY, conditions=(Condition("cpu", rows=0),))
    assert block_s(many) > block_s(few) + 10

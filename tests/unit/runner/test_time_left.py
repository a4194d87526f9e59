"""How long the rest of a run takes."""

import msgspec
import pytest

from harness.inputs.study import Condition
from harness.records.run import Run
from harness.runner.time_left import SetUp, Stage, TimeLeft
from tests.toys.runs import make_run, make_study

RUN = make_run(make_study(blocks=4))
SLOW, READY = SetUp((False, False), 3, 1), SetUp((True, True), 3, 1)


def time_left(set_up: SetUp = READY, run: Run = RUN, first: int = 0) -> TimeLeft:
    return TimeLeft(run.study, run.plan, run.plan.phases[first:], set_up)


def left(of: TimeLeft, now_s: float = 0.0) -> float:
    seconds = of.left_s(now_s)
    assert seconds is not None
    return seconds


def begun(of: TimeLeft, stage: Stage = Stage.ENVIRONMENT) -> TimeLeft:
    of.enter(stage, 0.0)
    return of


def test_nothing_is_told_before_anything_has_begun() -> None:
    assert time_left().left_s(0.0) is None


def test_everything_that_is_planned_is_counted() -> None:
    assert left(begun(time_left(SetUp()), Stage.STARTS)) == pytest.approx(
        RUN.plan.expected_s, rel=0.1
    )
    assert left(begun(time_left())) > RUN.plan.expected_s + 20


def test_every_number_of_workers_is_a_start_of_its_own() -> None:
    conditions = [Condition("noop", workers=n) for n in (1, 2, 4)]
    conditions += [Condition("io_read", workers=n) for n in (1, 2, 4)]
    study = msgspec.structs.replace(make_study(blocks=4), conditions=tuple(conditions))
    run = make_run(study)
    for block in range(1, 5):
        crews = [p.condition.workers for p in run.plan.phases if p.block == block]
        assert crews[::2] == crews[1::2]  # the two that share their servers follow each other
        assert sorted(crew or 0 for crew in crews[::2]) == [1, 2, 4]
    assert (
        len({tuple(p.condition.name for p in run.plan.phases if p.block == b) for b in range(1, 5)})
        > 1
    )
    seconds = left(begun(time_left(SetUp(), run), Stage.STARTS))
    assert seconds == pytest.approx(run.plan.expected_s, rel=0.1)


def test_environments_that_must_be_made_take_longer() -> None:
    assert left(begun(time_left(SLOW))) > left(begun(time_left(READY))) + 20


def test_more_processors_check_variants_sooner() -> None:
    faster = msgspec.structs.replace(READY, at_once=3)
    assert left(begun(time_left(faster))) < left(begun(time_left(READY)))


def test_a_run_that_is_resumed_has_less_before_it() -> None:
    whole, rest = (begun(time_left(SetUp(), first=n), Stage.STARTS) for n in (0, 3))
    assert left(rest) == pytest.approx(left(whole) / 4)


def test_the_stages_only_bring_the_end_nearer() -> None:
    of = time_left()
    told = []
    for stage in (Stage.ENVIRONMENT, Stage.ENVIRONMENT, Stage.CEILING, Stage.DATABASE,
                  *[Stage.EXAMINATION] * 4, Stage.STARTS):  # fmt: skip
        of.enter(stage, 0.0)
        told.append(left(of))
    assert told == sorted(told, reverse=True)
    assert told[-1] == pytest.approx(RUN.plan.expected_s, rel=0.1)
    assert 0 < of.share < 1


def test_a_slow_machine_takes_longer_for_the_rest() -> None:
    phase = RUN.plan.phases[0]
    fast, slow = (begun(time_left(SetUp()), Stage.STARTS) for _ in range(2))
    fast.reach(phase, phase.turns, 1.0)
    slow.reach(phase, phase.turns, 100.0)
    assert left(slow, 100.0) > 2 * left(fast, 1.0)


def test_a_phase_that_is_measured_again_puts_the_end_off() -> None:
    of, phase = begun(time_left(SetUp()), Stage.STARTS), RUN.plan.phases[0]
    of.reach(phase, phase.turns, 5.0)
    before = left(of, 5.0)
    of.reach(phase, 1, 5.0)
    assert left(of, 5.0) > before


def test_no_more_than_the_budget_is_left() -> None:
    stopping = msgspec.structs.replace(RUN.study.stopping, budget_s=6.0)
    study = msgspec.structs.replace(RUN.study, stopping=stopping)
    of = begun(time_left(SetUp(), make_run(study)), Stage.STARTS)
    assert left(of) == 6.0
    assert left(of, 4.0) == 2.0


def test_nothing_is_left_at_the_end() -> None:
    of, last = begun(time_left(SetUp()), Stage.STARTS), RUN.plan.phases[-1]
    of.reach(last, sum(phase.turns for phase in RUN.plan.phases), 10.0)
    assert left(of, 10.0) == pytest.approx(0.0, abs=1e-9)
    assert of.share == pytest.approx(1.0)


def test_two_sets_of_machines_take_half_the_time() -> None:
    one, two = (
        begun(TimeLeft(RUN.study, RUN.plan, RUN.plan.phases, SetUp(), sets), Stage.STARTS)
        for sets in (1, 2)
    )
    assert left(two) == pytest.approx(left(one) / 2)


def test_a_block_beside_another_is_not_taken_for_done() -> None:
    """Two sets: when the third block begins, the first is done, and the second may not be."""
    of = begun(TimeLeft(RUN.study, RUN.plan, RUN.plan.phases, SetUp(), 2), Stage.STARTS)
    turns = [phase.turns for phase in RUN.plan.phases]
    whole = left(of)
    of.reach(RUN.plan.phases[1], turns[0], 0.0)
    assert left(of) == pytest.approx(whole, rel=0.2)
    of.reach(RUN.plan.phases[2], sum(turns[:2]), 0.0)
    third = of.share
    assert 0.2 < third < 0.7
    of.reach(RUN.plan.phases[1], sum(turns[:2]), 0.0)
    assert of.share > third

"""Every trial with its labels; what stands behind figures is told from what does not."""

import random

import msgspec
import pytest

from harness.analysis.labels.labels import Label
from harness.analysis.labels.trials import Standing, counted_attempts, disturbances, mostly_noisy
from harness.inputs.settings import LoadSettings
from harness.records.plan import DUPLICATE
from harness.records.trial import Trial
from tests.toys.labelling import labelled
from tests.toys.runs import BASELINE, SLICE_NS, make_run, make_slice, make_study, make_trial

RUN = make_run(make_study(blocks=2))
LOUD = [make_slice(n, steal_ns=SLICE_NS // 2) for n in range(4)]


def test_a_trial_without_a_disturbance_counts() -> None:
    (only,) = labelled(RUN, [make_trial()])
    assert (only.standing, only.counted, only.disturbances) == (Standing.COUNTED, True, ())


def test_a_disturbed_trial_counts_and_bears_its_label() -> None:
    (only,) = labelled(RUN, [make_trial(slices=LOUD)])
    assert (only.standing, only.counted) == (Standing.LABELLED, True)
    assert Label.NOISY in only.labels
    assert "stolen" in next(f.detail for f in only.disturbances if f.label is Label.NOISY)


def test_a_failed_trial_stands_behind_no_figure_though_no_other_takes_its_place() -> None:
    (only,) = labelled(RUN, [make_trial(slices=(), problem="the server died")])
    assert (only.standing, only.counted) == (Standing.LEFT_OUT, True)
    assert only.labels == (Label.INCOMPLETE,)


def test_of_two_attempts_one_counts_and_the_other_is_labelled_all_the_same() -> None:
    trials = [make_trial(attempt=2, slices=LOUD), make_trial()]
    first, second = labelled(RUN, trials)
    assert [first.trial.attempt, second.trial.attempt] == [1, 2]
    assert [first.standing, second.standing] == [Standing.COUNTED, Standing.LEFT_OUT]
    assert Label.NOISY in second.labels


def test_trials_come_in_the_order_of_blocks_and_entries() -> None:
    trials = [make_trial("b/other"), make_trial(BASELINE + DUPLICATE), make_trial()]
    entries = [each.trial.entry for each in labelled(RUN, trials)]
    assert entries == [BASELINE, BASELINE + DUPLICATE, "b/other"]


def test_of_ramps_the_last_attempt_counts() -> None:
    study = msgspec.structs.replace(RUN.study, load=LoadSettings(engine="locust"))
    run = msgspec.structs.replace(RUN, study=study)
    found = labelled(run, [make_trial(), make_trial(attempt=2)])
    assert [each.counted for each in found] == [False, True]


OTHER = "b/other"


def attempt(number: int, *, noisy: int = 0, broken: int = 0, block: int = 1) -> list[Trial]:
    """A phase's two trials, the first so many of them noisy, or broken off."""
    loud = [make_slice(n, steal_ns=SLICE_NS // 2) for n in range(4)]
    return [
        make_trial(
            entry, block, loud if place < noisy else None, attempt=number,
            problem="cut off" if place < broken else None,
        )
        for place, entry in enumerate((BASELINE, OTHER))
    ]  # fmt: skip


def chosen(*attempts: list[Trial]) -> set[int]:
    trials = [trial for made in attempts for trial in made]
    random.Random(len(trials)).shuffle(trials)
    return {t.attempt for t in counted_attempts(RUN, trials)}


def test_a_noisy_attempt_loses_to_a_quieter_one_whichever_came_last() -> None:
    assert chosen(attempt(1, noisy=2), attempt(2, noisy=1)) == {2}
    assert chosen(attempt(1, noisy=1), attempt(2, noisy=2)) == {1}


def test_the_fullest_attempt_wins_even_if_it_is_noisy() -> None:
    assert chosen(attempt(1, noisy=2), attempt(2, broken=1)) == {1}
    assert chosen(attempt(1, broken=1), attempt(2, noisy=2)) == {2}


def test_of_equals_the_last_counts() -> None:
    assert chosen(attempt(1), attempt(2), attempt(3)) == {3}
    assert chosen(attempt(9), attempt(10)) == {10}


def test_of_several_the_best_counts_wherever_it_stands() -> None:
    assert chosen(attempt(1, noisy=1), attempt(2), attempt(3, noisy=2)) == {2}


def test_an_attempt_is_never_filled_up_from_another() -> None:
    (first, _), second = attempt(1), attempt(2, broken=2)
    kept = counted_attempts(RUN, [first, *second])
    assert kept == [first]


def test_each_phase_has_its_own_choice() -> None:
    other = msgspec.structs.replace(RUN.study.conditions[0], connections=99)
    elsewhere = [msgspec.structs.replace(t, condition=other) for t in attempt(1)]
    trials = [
        *attempt(1), *attempt(2, noisy=2),
        *attempt(1, noisy=2, block=2), *attempt(2, block=2), *elsewhere,
    ]  # fmt: skip
    kept = {(t.block, t.condition.connections, t.attempt) for t in counted_attempts(RUN, trials)}
    assert kept == {(1, 8, 1), (2, 8, 2), (1, 99, 1)}


def test_no_trials_leave_none() -> None:
    assert counted_attempts(RUN, []) == []


@pytest.mark.parametrize(("noisy", "told"), [(0, False), (1, False), (2, True)])
def test_a_phase_is_noisy_when_more_than_half_of_its_trials_are(noisy: int, told: bool) -> None:
    assert mostly_noisy(RUN, attempt(1, noisy=noisy)) is told


def test_a_phase_without_trials_is_not_noisy() -> None:
    assert not mostly_noisy(RUN, [])


def test_what_disturbed_trials_is_told_with_its_number_and_what_limited_them_is_not() -> None:
    assert disturbances(RUN, attempt(1)) == ""
    assert disturbances(RUN, attempt(1, noisy=1)) == "noisy 1 of 2"
    assert disturbances(RUN, attempt(1, noisy=2, broken=1)) == "noisy 2 of 2, incomplete 1 of 2"


def of_set(name: str, trials: list[Trial]) -> list[Trial]:
    return [msgspec.structs.replace(trial, machine_set=name) for trial in trials]


def test_a_block_is_of_one_set_of_machines_the_one_that_measured_it_to_its_end() -> None:
    """Set a was lost in the middle of its second condition; b measured the block again."""
    second = msgspec.structs.replace(RUN.study.conditions[0], endpoint="noop")
    study = msgspec.structs.replace(RUN.study, conditions=(*RUN.study.conditions, second))
    run = make_run(study)
    lost, again = of_set("a", attempt(1)), of_set("b", attempt(2, noisy=1))
    cut = [msgspec.structs.replace(t, condition=second) for t in of_set("a", attempt(1, broken=2))]
    whole = [msgspec.structs.replace(t, condition=second) for t in of_set("b", attempt(2))]
    other = of_set("a", attempt(1, block=2))
    counted = counted_attempts(run, [*lost, *cut, *again, *whole, *other])
    assert [t.machine_set for t in counted if t.block == 1] == ["b"] * 4
    assert [t.machine_set for t in counted if t.block == 2] == ["a"] * 2

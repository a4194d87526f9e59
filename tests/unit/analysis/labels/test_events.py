"""Which events spoil a trial, and which are a server's own habit."""

from typing import get_args

import msgspec
import pytest

from harness.analysis.labels.events import habits, spoils
from harness.analysis.labels.labels import FAILED, SPOILT, Label
from harness.analysis.labels.trials import (
    LabelledTrial,
    Standing,
    counted_attempts,
    disturbances,
    is_spoilt,
    last_attempts,
)
from harness.records.trial import Event, EventKind, Trial
from tests.toys.labelling import labelled
from tests.toys.runs import BASELINE, CONDITION, make_run, make_study, make_trial

RUN = make_run(make_study(blocks=4))
KINDS: tuple[EventKind, ...] = get_args(EventKind.__value__)
HARMLESS = {"probe-lost": Label.PROBE_LOST, "clock-jumped": Label.CLOCK_JUMPED}
OTHER = "b/other"


def event(kind: EventKind, round_: int = 0, **changes: object) -> Event:
    return msgspec.structs.replace(Event(kind, round_, 0, f"it was {kind}", 2.0), **changes)


def given(item: LabelledTrial) -> list[Label]:
    """Its labels, apart from what limited it."""
    return [finding.label for finding in item.disturbances]


def trial(entry: str = OTHER, block: int = 1, attempt: int = 1, *events: Event) -> Trial:
    return make_trial(entry, block, attempt=attempt, events=events)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in HARMLESS])
def test_an_accident_leaves_a_trial_out_with_its_figures_and_a_remedy(kind: EventKind) -> None:
    (only,) = labelled(RUN, [trial(OTHER, 1, 1, event(kind))])
    (finding,) = only.disturbances
    assert finding.label in SPOILT
    assert (finding.detail, only.standing) == (f"it was {kind}", Standing.LEFT_OUT)
    assert len(finding.remedy) > 10
    assert spoils([event(kind)])


@pytest.mark.parametrize("kind", list(HARMLESS))
def test_what_falsifies_no_figure_is_named_and_counts(kind: EventKind) -> None:
    (only,) = labelled(RUN, [trial(OTHER, 1, 1, event(kind))])
    assert given(only) == [HARMLESS[kind]]
    assert only.standing is Standing.LABELLED
    assert not spoils([event(kind)])


def test_a_window_that_was_measured_again_spoils_nothing() -> None:
    (only,) = labelled(RUN, [trial(OTHER, 1, 1, event("stopped", repeated=True))])
    assert given(only) == []
    assert only.standing is Standing.COUNTED


@pytest.mark.parametrize(
    ("kind", "label"), [("stalled", Label.PAUSING), ("workers-changed", Label.RECYCLING)]
)
def test_what_befalls_nearly_all_trials_of_a_variant_is_its_habit_and_counts(
    kind: EventKind, label: Label
) -> None:
    trials = [trial(OTHER, block, 1, event(kind)) for block in (1, 2, 3)]
    trials += [trial(BASELINE, block) for block in (1, 2, 3)]
    for item in labelled(RUN, trials):
        if item.trial.entry == OTHER:
            assert given(item) == [label]
            assert item.standing is Standing.LABELLED
            assert not is_spoilt(RUN, item.trial, habits(trials))
        else:
            assert given(item) == []


def test_what_comes_again_and_again_in_one_trial_is_a_habit_already() -> None:
    recycling = trial(OTHER, 1, 1, *(event("workers-changed", n) for n in range(3)))
    assert habits([recycling]) == {(CONDITION, OTHER): frozenset({"workers-changed"})}
    twice = trial(OTHER, 1, 1, *(event("workers-changed", n) for n in range(2)))
    assert habits([twice])[CONDITION, OTHER] == frozenset()


@pytest.mark.parametrize("kind", ["stopped", "throttled", "suspended", "harness-paused"])
def test_what_comes_from_outside_is_never_a_habit(kind: EventKind) -> None:
    trials = [trial(OTHER, block, 1, *(event(kind, n) for n in range(4))) for block in (1, 2, 3)]
    assert all(item.standing is Standing.LEFT_OUT for item in labelled(RUN, trials))


def test_stalls_that_something_from_outside_explains_are_no_habit() -> None:
    both = [event("stalled", 1), event("stopped", 1)]
    trials = [trial(OTHER, block, 1, *both) for block in (1, 2, 3)]
    assert habits(trials)[CONDITION, OTHER] == frozenset()
    assert set(given(labelled(RUN, trials)[0])) == {Label.STALLED, Label.STOPPED}


def test_a_server_that_replaces_its_workers_may_stall_meanwhile() -> None:
    changes = [event("workers-changed", n) for n in range(3)]
    (only,) = labelled(RUN, [trial(OTHER, 1, 1, *changes, event("stalled", 5))])
    assert set(given(only)) == {Label.RECYCLING}
    stopped = [event("stalled", 5), event("stopped", 5)]
    (struck,) = labelled(RUN, [trial(OTHER, 1, 1, *changes, *stopped)])
    assert set(given(struck)) == {Label.RECYCLING, Label.STALLED, Label.STOPPED}


def test_an_accident_that_strikes_a_variant_and_its_twin_at_once_is_one() -> None:
    names = (BASELINE, f"{BASELINE}#duplicate")
    twins = [trial(name, 1, 1, event("workers-changed")) for name in names]
    assert habits(twins)[CONDITION, BASELINE] == frozenset()
    assert all(item.standing is Standing.LEFT_OUT for item in labelled(RUN, twins))


def test_two_accidents_in_two_blocks_with_their_repetitions_are_no_habit() -> None:
    trials = [
        trial(OTHER, 1, 1, event("workers-changed")), trial(OTHER, 1, 2),
        trial(OTHER, 2, 1, event("workers-changed")),
    ]  # fmt: skip
    assert habits(trials)[CONDITION, OTHER] == frozenset()


def test_of_a_repeated_phase_the_attempt_without_a_spoilt_trial_counts() -> None:
    first = [trial(OTHER, 1, 1), trial(BASELINE, 1, 1)]
    second = [trial(OTHER, 1, 2, event("stopped")), trial(BASELINE, 1, 2)]
    assert {t.attempt for t in counted_attempts(RUN, [*first, *second])} == {1}
    third = [trial(OTHER, 1, 3), trial(BASELINE, 1, 3)]
    assert {t.attempt for t in counted_attempts(RUN, [*second, *third])} == {3}


def test_of_a_cell_a_spoilt_attempt_replaces_none() -> None:
    trials = [trial(OTHER, 1, 1), trial(OTHER, 1, 2, event("stopped"))]
    assert [t.attempt for t in last_attempts(RUN, trials)] == [1]
    assert [t.attempt for t in last_attempts(RUN, trials[1:])] == [2]


def test_a_spoilt_phase_is_told_while_the_run_goes_on() -> None:
    trials = [trial(OTHER, 1, 1, event("stopped")), trial(BASELINE, 1, 1)]
    assert disturbances(RUN, trials) == "stopped 1 of 2"


def test_every_label_that_spoils_keeps_a_trial_from_counting() -> None:
    assert SPOILT <= FAILED

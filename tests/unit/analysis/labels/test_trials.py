"""Every trial with its labels; what stands behind figures is told from what does not."""

import msgspec

from harness.analysis.labels.labels import Label
from harness.analysis.labels.trials import Standing
from harness.inputs.settings import LoadSettings
from harness.records.plan import DUPLICATE
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

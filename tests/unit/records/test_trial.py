from pathlib import Path

import msgspec
import pytest

from harness.records.plan import DUPLICATE
from harness.records.trial import (
    attempt_of,
    file_name,
    first_of,
    trial_file,
)
from tests.toys.runs import BASELINE, CONDITION, make_trial


def test_a_file_is_called_by_block_condition_and_entry() -> None:
    assert trial_file(make_trial()) == f"b01-{CONDITION.name}-{BASELINE.replace('/', '.')}.json"
    assert trial_file(make_trial()) == file_name(1, CONDITION, BASELINE, 1)


def test_no_two_trials_share_a_name() -> None:
    trials = [
        make_trial(), make_trial(BASELINE + DUPLICATE), make_trial(attempt=2),
        msgspec.structs.replace(make_trial(), block=2),
    ]  # fmt: skip
    assert len({trial_file(trial) for trial in trials}) == len(trials)


@pytest.mark.parametrize("attempt", [1, 2, 17])
def test_the_attempt_can_be_read_off_the_name(attempt: int) -> None:
    stem = Path(trial_file(make_trial(attempt=attempt))).stem
    assert attempt_of(stem) == attempt
    assert first_of(stem) == Path(trial_file(make_trial())).stem


def test_what_is_no_number_is_no_attempt() -> None:
    assert attempt_of("b01-x~two") == 1

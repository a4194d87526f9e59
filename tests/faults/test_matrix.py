"""A short part of the matrix; `test_interrupts` stops runs by signals and fills disks too."""

import pytest

from tests.faults.cases import Limits, run_case, why_not

CASES = [
    ("kill -9 postgres", "warm-up"),
    ("disk full", "report"),
]
"""All of them: `uv run python -m tests.faults`, which holds the command to its promised times."""
PATIENT = Limits(noticed_s=18.0, orphans_s=18.0)
"""Several times what is promised, and less than a PostgreSQL that is halted is given."""


@pytest.mark.parametrize(("fault", "moment"), CASES, ids=lambda name: name.replace(" ", "_"))
def test_nothing_is_lost_nothing_is_left_and_the_message_is_true(fault: str, moment: str) -> None:
    if (reason := why_not(fault, moment)) is not None:
        pytest.skip(reason)
    outcome = run_case(fault, moment, PATIENT)
    assert outcome.wrong == (), outcome.told

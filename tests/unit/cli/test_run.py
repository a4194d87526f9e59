"""The command `run`: what it refuses before anything starts."""

import pytest

from tests.toys.runs import make_run
from tests.unit.cli.conftest import Refuses

BAD: list[tuple[tuple[str, ...], str]] = [
    (("run", "nope"), "There is no study `nope`; "),
    (("run", __file__), "the name of its file must end in `.toml`"),
    (("run", "--resume", "nope"), "no run `nope`; choose one of:"),
    (("run",), "needs a study, e.g. `bridgetoll run quick`"),
    (("run", "tiny", "--resume", make_run().id), "takes a study or --resume, not both"),
    (("run", "--resume", make_run().id, "--blocks", "3"), "cannot change a run"),
    (("run", "--resume", make_run().id, "--only", "toy/good"), "cannot change a run"),
    (
        ("run", "tiny", "--only", "toy/nope"),
        "no variant `toy/nope` in the study; choose one of: toy/burning",
    ),
    (("run", "--resume", make_run().id, "--budget", "5"), "cannot change a run"),
    (("run", "--resume", make_run().id, "--keep-requests"), "cannot change a run"),
    (("run", "tiny", "--budget", "0.02"), "one block of this study takes about"),
    (("run", "tiny", "--budget", "nan"), "--budget is nan; it must be a number from 0.01"),
    (("run", "tiny", "--blocks", "9999"), "and at most 10,000 are allowed in a run; set `blocks`"),
    (("run", "tiny", "--scale", "nan"), "--scale is nan; it must be a number from 0.01 to 1"),
    (("run", "x" * 300), "There is no study `xxx"),
    (("run", "--resume", "x" * 300), "There is no run `xxx"),
    (("run", "--resume", "a\nb"), "There is no run `a"),
    (("run", "tiny", "--database-url", "nonsense"), "is not a PostgreSQL URL"),
]


@pytest.mark.parametrize(("arguments", "told"), BAD, ids=lambda value: " ".join(value)[:40])
def test_bad_input_is_one_sentence_and_status_2(
    refuses: Refuses, arguments: tuple[str, ...], told: str
) -> None:
    refuses(arguments, told)

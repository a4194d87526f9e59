"""The command line: what it prints, and one sentence for whatever a user can get wrong.

Commands that start something run as processes of their own. The many that end at once with an
error run `main` in this process, as the console script does, because a Python that imports the
plotting library takes seconds to start.
"""

import json
import shutil
from collections.abc import Iterator

import pytest

from harness.base.workspace import Workspace
from tests.toys.command import run_command
from tests.toys.entry import Call
from tests.toys.runs import make_run


def test_the_process_tells_an_error_in_one_sentence_and_its_status(shelf: Workspace) -> None:
    done = run_command(shelf, "plan", "nope")
    assert (done.returncode, done.stdout) == (2, "")
    assert " ".join(done.stderr.split()).startswith("error: There is no study `nope`; choose one")
    assert "Traceback" not in done.stderr


def test_the_doctor_tells_what_can_be_measured_here(call: Call) -> None:
    said = call("doctor", "--json")
    assert said.status == 0
    diagnosis = json.loads(said.out)
    assert diagnosis["ceiling"]["per_s"] > 0
    assert {finding["topic"] for finding in diagnosis["findings"]} >= {"cores", "noise", "netem"}


def test_without_arguments_help_is_shown(call: Call) -> None:
    said = call()
    assert "verify" in said.out + said.err
    assert said.status in (0, 2)


BAD: list[tuple[tuple[str, ...], str]] = [
    (("plan", "nope"), "no study `nope`; choose one of:"),
    (("plan", "nowhere/nope.toml"), "nope.toml: no such file"),
    (("verify", "toy/nope"), "no variant `toy/nope`; "),
    (("verify", "nope"), "`bridgetoll list variants` shows all"),
    (("serve", "toy/nope"), "no variant `toy/nope`; "),
    (("report", "nope"), "no run `nope`; choose one of:"),
    (("publish", "nope", "--to", "nowhere/site"), "no run `nope`; choose one of:"),
    (("serve", "toy/good", "--database-url", "nonsense"), "is not a PostgreSQL URL"),
    (("serve", "toy/good", "--database-url", "mysql://u:p@h/x"), "is not a PostgreSQL URL"),
    (("verify", "toy/good", "--database-url", "postgresql://h:port/x"), "is not a PostgreSQL URL"),
]


@pytest.mark.parametrize(("arguments", "told"), BAD, ids=lambda value: " ".join(value)[:40])
def test_bad_input_is_one_sentence_and_status_2(
    call: Call, shelf: Workspace, arguments: tuple[str, ...], told: str
) -> None:
    said = call(*arguments)
    assert said.status == 2
    assert told in said.sentence
    assert said.sentence.endswith(".")
    assert [path.name for path in shelf.results.iterdir()] == [make_run().id]


@pytest.mark.parametrize(
    "arguments",
    [
        ("frobnicate",),
        ("plan",),
        ("serve", "toy/good", "--port", "0"),
        ("run", "x", "--blocks", "0"),
        ("publish", "x"),
    ],
)
def test_what_the_parser_refuses_has_status_2_too(call: Call, arguments: tuple[str, ...]) -> None:
    said = call(*arguments)
    assert said.status == 2
    assert said.err
    assert "Traceback" not in said.err


@pytest.fixture
def half_written(shelf: Workspace) -> Iterator[str]:
    """The folder of an implementation whose manifest ends in the middle."""
    folder = shelf.implementations / "half"
    folder.mkdir()
    (folder / "pyproject.toml").write_text("[project")
    yield folder.name
    shutil.rmtree(folder)


def test_a_half_written_implementation_is_a_warning_for_the_others(
    call: Call, half_written: str
) -> None:
    said = call("plan", "tiny", "--json")
    assert said.status == 0
    assert json.loads(said.out)["study"]["variants"] == ["toy/good", "toy/burning"]
    folder = f"implementations/{half_written}"
    assert " ".join(said.err.split()).startswith(
        f"warning: {folder} is left out: {folder}/pyproject.toml: not valid"
    )


def test_a_half_written_implementation_is_an_error_for_itself(
    call: Call, half_written: str
) -> None:
    said = call("verify", half_written)
    assert said.status == 2
    assert f"{half_written}/pyproject.toml: not valid TOML" in said.sentence

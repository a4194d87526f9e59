"""The command line: what it prints, and one sentence for whatever a user can get wrong.

Commands that start something run as processes of their own. The many that end at once with an
error run `main` in this process, as the console script does, because a Python that imports the
plotting library takes seconds to start.
"""

import json
import shutil
from collections.abc import Iterator
from functools import partial

import pytest

from harness.base.workspace import Workspace
from harness.doctor import disk
from harness.doctor import examine as doctor
from harness.load.ceiling import measure_ceiling
from tests.toys.command import run_command
from tests.toys.entry import Call
from tests.toys.workspaces import write_study
from tests.unit.cli.conftest import Refuses


def test_the_process_tells_an_error_in_one_sentence_and_its_status(shelf: Workspace) -> None:
    done = run_command(shelf, "plan", "nope")
    assert (done.returncode, done.stdout) == (2, "")
    assert " ".join(done.stderr.split()).startswith("error: There is no study `nope`; ")
    assert "Traceback" not in done.stderr


def test_the_doctor_tells_what_can_be_measured_here(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It listens for noise and loads for a shorter time, which is all that is replaced here."""
    monkeypatch.setattr(doctor, "examine", partial(doctor.examine, listen_s=0.2))
    shorter = partial(measure_ceiling, seconds=0.2)
    monkeypatch.setattr("harness.doctor.examine.measure_ceiling", shorter)
    monkeypatch.setattr(disk, "measure_disk", partial(disk.measure_disk, seconds=0.2))
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
    (("plan", "nope"), "There is no study `nope`; "),
    (("plan", "nowhere/nope.toml"), "nope.toml: no such file"),
    (("verify", "toy/nope"), "no variant `toy/nope`; "),
    (("verify", "nope"), "no implementation `nope`; choose one of: toy."),
    (("serve", "toy/nope"), "no variant `toy/nope`; "),
    (("report", "nope"), "no run `nope`; choose one of:"),
    (("publish", "nope", "--to", "nowhere/site"), "no run `nope`; choose one of:"),
    (("serve", "toy/good", "--database-url", "nonsense"), "is not a PostgreSQL URL"),
    (("serve", "toy/good", "--database-url", "mysql://u:p@h/x"), "is not a PostgreSQL URL"),
    (("verify", "toy/good", "--database-url", "postgresql://h:port/x"), "has a port that is no"),
]


@pytest.mark.parametrize(("arguments", "told"), BAD, ids=lambda value: " ".join(value)[:40])
def test_bad_input_is_one_sentence_and_status_2(
    refuses: Refuses, arguments: tuple[str, ...], told: str
) -> None:
    refuses(arguments, told)


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
    words = " ".join(said.err.split())
    path = f"implementations/{half_written}/pyproject.toml"
    assert words.startswith(f"warning: {path}: not valid TOML")
    assert words.count(path) == 1


def test_a_half_written_implementation_is_an_error_for_itself(
    call: Call, half_written: str, shelf: Workspace
) -> None:
    path = write_study(shelf, "of-half", ["good"])
    path.write_text(path.read_text().replace("toy/good", f"{half_written}/x"))
    try:
        for command in (
            ("verify", half_written),
            ("serve", f"{half_written}/x"),
            ("plan", "of-half"),
        ):
            said = call(*command)
            assert said.status == 2
            assert "warning" not in said.err
            manifest = f"implementations/{half_written}/pyproject.toml"
            assert said.sentence.startswith(f"{manifest}: not valid TOML")
    finally:
        path.unlink()


def test_a_folder_without_a_manifest_is_named(
    call: Call, half_written: str, shelf: Workspace
) -> None:
    folder = shelf.implementations / half_written
    (folder / "pyproject.toml").rename(folder / "notes.txt")
    told = f"implementations/{half_written} has no pyproject.toml"
    assert told in " ".join(call("list", "studies").err.split())
    assert call("verify", f"{half_written}/x").sentence.startswith(told)
    (folder / "notes.txt").rename(folder / ".notes")
    (folder / "__pycache__").mkdir()
    assert call("list", "studies").err == ""

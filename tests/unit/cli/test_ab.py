"""The command `ab`, as far as it measures nothing: what it refuses, and what it saves."""

import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.base.workspace import Workspace
from harness.cli.ab import _typed
from harness.inputs.ab import Changes, ab_study
from tests.toys.entry import Call, called

A = "django/async-pool"
CHANGE = ("--with", "asgiref==3.11.1")


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Iterator[Call]:
    """The command in this checkout, whose variants are real."""
    with called(Workspace(), capsys) as calling:
        yield calling


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((A,), "Nothing changes"),
        ((A, "--with", "asgirf==3"), "`asgiref`"),
        ((A, "--with", "asgiref @ https://example.org/x.whl"), "an address"),
        ((A, "--threads", "4", "--threads", "8", "--workers", "2"), "one value of each"),
        ((A, "--python", "three"), "python"),
        ((A, "--server", "gunicorn-uvicron"), "gunicorn-uvicorn"),
        ((A, "--env", "NOTHING"), "NAME=value"),
        ((A, *CHANGE, "--endpoint", "io_raed"), "io_read"),
        ((A, *CHANGE, "--margin", "much"), "--margin"),
        ((A, *CHANGE, "--margin", "0"), "margin"),
        ((A, *CHANGE, "--fail-on-regression", "2"), "--fail-on-regression"),
        (("django/async-pol", *CHANGE), "django/async-pool"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_sentence(
    call: Call, arguments: tuple[str, ...], words: str
) -> None:
    said = call("ab", *arguments)
    assert said.status == 2
    assert words in " ".join(said.err.split())
    assert "Traceback" not in said.err


def test_a_saved_study_can_be_planned_and_nothing_is_measured(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    assert call("ab", A, *CHANGE, "--endpoint", "noop", "--save", str(path)).status == 0
    study = tomllib.loads(path.read_text(encoding="utf-8"))
    ((name, setup),) = study["setups"].items()
    assert setup["packages"] == ["asgiref==3.11.1"]
    assert study["variants"] == [A, name]
    planned = call("plan", str(path))
    assert planned.status == 0
    assert "noop" in planned.out
    again = call("ab", A, *CHANGE, "--save", str(path))
    assert again.status == 2
    assert "exists" in again.err


def test_a_checkout_that_is_not_there_is_skipped_by_git_bisect(call: Call, tmp_path: Path) -> None:
    said = call("ab", A, "--with", f"asgiref @ {tmp_path / 'nowhere'}")
    assert said.status == 125
    assert "neither a folder nor a wheel" in " ".join(said.err.split())


def test_the_kept_command_has_no_path_and_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "sys.argv", ["bridgetoll", "ab", "--database-url", "postgresql://u:secret@h/d"]
    )
    changes = Changes(packages=("asgiref @ built:0123",), titles={"asgiref @ built:0123": "x"})
    study = ab_study(A, changes.setups(A), ("noop",), 8, 0.03, 2)
    typed = _typed(study, changes)
    assert "secret" not in typed
    assert "built:0123" in typed
    assert shlex.split(typed)[:2] == ["ab", A]

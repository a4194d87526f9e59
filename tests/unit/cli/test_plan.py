"""The command `plan`."""

import json

import pytest

from harness.base.workspace import Workspace
from tests.toys.entry import Call


def test_a_plan_is_told_without_running_anything(call: Call) -> None:
    said = call("plan", "tiny")
    assert said.status == 0
    assert "toy/good" in said.out
    assert "noop" in said.out
    assert "windows" not in said.out
    assert "It takes about" in said.out


def test_a_plan_as_json_holds_every_round(call: Call) -> None:
    made = json.loads(call("plan", "tiny", "--json").out)
    assert made["study"]["variants"] == ["toy/good", "toy/burning"]
    assert len(made["plan"]["phases"]) == 4
    assert all(len(phase["orders"]) == 3 for phase in made["plan"]["phases"])


def test_a_study_may_be_named_by_its_path(call: Call, shelf: Workspace) -> None:
    path = shelf.shared / "studies" / "tiny.toml"
    assert call("plan", str(path), "--json").out == call("plan", "tiny", "--json").out


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('title = "x', "not valid TOML"),
        ("title = 3", "`title`: expected `str`, got `int`"),
        (
            "sede = 3",
            "unknown key `sede`; did you mean `seed`? The allowed keys are: baseline, b",
        ),
        ("", "is missing; add it"),
    ],
)
def test_a_bad_study_is_told_with_file_and_key(
    call: Call, shelf: Workspace, text: str, told: str
) -> None:
    path = shelf.shared / "studies" / "bad.toml"
    path.write_text(text)
    try:
        said = call("plan", "bad")
    finally:
        path.unlink()
    sentence = " ".join(said.err.split())
    assert said.status == 2
    assert "bad.toml: " in sentence
    assert told in sentence
    assert sentence.endswith(".")

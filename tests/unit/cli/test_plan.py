"""The command `plan`."""

import json
import os
import re
from pathlib import Path

import msgspec
import pytest

from harness.base.workspace import Workspace
from harness.cli.plan import plan_text
from harness.inputs.study import Condition, Latency
from harness.runner.plan import make_plan
from tests.toys.entry import Call
from tests.toys.runs import make_study


def test_a_plan_is_told_without_running_anything(call: Call) -> None:
    said = call("plan", "tiny")
    assert said.status == 0
    assert "toy/good" in said.out
    assert "noop" in said.out
    assert "windows" not in said.out
    assert "It takes about" in said.out
    assert "  toy/good, toy/burning" in said.out.splitlines()


def test_a_plan_names_the_rounds_of_an_endpoint_that_has_its_own(
    call: Call, shelf: Workspace, tmp_path: Path
) -> None:
    text = (shelf.shared / "studies" / "tiny.toml").read_text()
    path = tmp_path / "apart.toml"
    path.write_text(text.replace("rounds = 3", "rounds = 3\nrounds_of = { noop = 2 }"))
    assert "3 rounds (2 of noop)" in " ".join(call("plan", str(path)).out.split())


def test_a_plan_of_one_variant_counts_one(call: Call, shelf: Workspace, tmp_path: Path) -> None:
    text = (shelf.shared / "studies" / "tiny.toml").read_text()
    path = tmp_path / "alone.toml"
    path.write_text(text.replace('["toy/good", "toy/burning"]', '["toy/good"]'))
    assert "2 servers (1 variant and a hidden duplicate" in " ".join(
        call("plan", str(path)).out.split()
    )


def test_a_plan_as_json_holds_every_round(call: Call) -> None:
    made = json.loads(call("plan", "tiny", "--json").out)
    assert made["study"]["variants"] == ["toy/good", "toy/burning"]
    assert len(made["plan"]["phases"]) == 4
    assert all(len(phase["orders"]) == 3 for phase in made["plan"]["phases"])


def test_a_plan_shows_its_looks_and_how_strict_verdicts_are_there(
    call: Call, shelf: Workspace, tmp_path: Path
) -> None:
    text = (shelf.shared / "studies" / "tiny.toml").read_text()
    path = tmp_path / "early.toml"
    more = re.sub(r"blocks = \d+", "blocks = 8", text)
    path.write_text(f"{more}\n[stopping]\nverdicts = true\n")
    said = " ".join(call("plan", str(path)).out.split())
    assert "It may end after 4 or 6 blocks, once every ratio to the baseline differs" in said
    for level in ("0.56 %", "2.2 %", "4.1 %"):
        assert level in said
    looks = json.loads(call("plan", str(path), "--json").out)["looks"]
    assert list(looks) == ["4", "6", "8"]
    assert looks["4"] == pytest.approx(0.0056, abs=5e-5)
    assert json.loads(call("plan", "tiny", "--json").out)["looks"] == {}
    assert "may end" not in call("plan", "tiny").out


def test_a_study_may_be_named_by_its_path(call: Call, shelf: Workspace) -> None:
    path = shelf.shared / "studies" / "tiny.toml"
    assert call("plan", str(path), "--json").out == call("plan", "tiny", "--json").out


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('title = "x', "not valid TOML"),
        ("title = 3", "`title` is 3; it must be "),
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


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("my study", "", "the name of the file, which names the run, is no name: `my study` may"),
        ("huge", "blocks = 10_000", "60,000 trials, and at most 10,000 are allowed"),
        ("far", "blocks = 1_000_000", "`blocks` is 1000000; it must be a whole number from 1 to"),
        ("late", "seed = 99999999999999999999", "`seed` is 99999999999999999999; it must be"),
        ("early", "seed = -20261121", "`seed` is -20261121; it must be"),
        ("lost", 'published = "nope"', "`published` is for Locust's ramps; set"),
    ],
)
def test_what_would_fail_later_is_refused_at_once(
    call: Call, shelf: Workspace, name: str, text: str, told: str
) -> None:
    usual = (shelf.shared / "studies" / "tiny.toml").read_text()
    key = text.partition(" =")[0]
    kept = [line for line in usual.splitlines() if not key or not line.startswith(f"{key} =")]
    path = shelf.shared / "studies" / f"{name}.toml"
    path.write_text("\n".join([text, *kept]))
    try:
        said = call("plan", name)
    finally:
        path.unlink()
    assert said.status == 2
    assert told in said.sentence
    assert said.sentence.endswith(".")


def test_a_pipe_in_place_of_a_study_is_not_waited_for(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "pipe.toml"
    os.mkfifo(path)
    said = call("plan", str(path))
    assert (said.status, "is no ordinary file" in said.sentence) == (2, True)


def test_a_long_condition_is_continued_further_in() -> None:
    far = Condition("io_read", window_s=10.0, latency=Latency(database_ms=200, client_ms=200))
    study = msgspec.structs.replace(make_study(), conditions=(far,))
    lines = str(plan_text(study, make_plan(study), 80)).splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("  io_read"))
    assert lines[at + 1].startswith("    ")
    assert max(map(len, lines)) <= 80


def test_a_run_that_is_continued_is_told_what_is_left() -> None:
    study = make_study()
    plan = make_plan(study)
    whole, half, nothing = (str(plan_text(study, plan, 80, left)) for left in (None, 0.5, 0.0))
    assert "after environments and verification" in whole
    assert "What is missing takes about" in half
    assert "verification" not in half
    assert "nothing more is measured" in nothing

"""The command `pack`."""

import shutil
from pathlib import Path

import pytest

from harness.base.workspace import Workspace
from harness.records.store import find_run
from tests.toys.entry import Call
from tests.toys.runs import make_run


@pytest.fixture
def copy(shelf: Workspace, tmp_path: Path) -> Path:
    """The folder of a run that may be packed."""
    return Path(shutil.copytree(shelf.results / make_run().id, tmp_path / "run"))


def test_a_run_is_packed_and_its_trials_stay_the_same(call: Call, copy: Path) -> None:
    before = find_run(copy.parent, str(copy)).trials()
    said = call("pack", str(copy))
    assert said.status == 0
    assert said.out.startswith(f"{len(before[0])} trials in {copy}")
    assert "MiB before" in said.out
    assert not (copy / "trials").exists()
    assert find_run(copy.parent, str(copy)).trials() == before


def test_a_trial_that_cannot_be_read_is_named_and_stays(call: Call, copy: Path) -> None:
    broken = copy / "trials" / "b99-broken.json"
    broken.write_text("{")
    said = call("pack", str(copy))
    assert said.status == 0
    assert "not packed: " in said.err
    assert "b99-broken.json" in said.err
    assert broken.read_text() == "{"


def test_a_packed_run_is_left_as_it_is(call: Call, copy: Path) -> None:
    call("pack", str(copy))
    said = call("pack", str(copy))
    assert said.status == 0
    assert said.out.startswith("run is packed already: ")


def test_a_run_without_trials_is_an_error(call: Call, copy: Path) -> None:
    trials = copy / "trials"
    for path in trials.iterdir():
        path.write_text("{")
    assert "run has no readable trials" in call("pack", str(copy)).sentence
    shutil.rmtree(trials)
    said = call("pack", str(copy))
    assert said.status == 2
    assert said.sentence == "run has no trials; nothing was packed."
    assert not (copy / "trials.jsonl.gz").exists()


def test_an_unknown_run_is_an_error(call: Call) -> None:
    said = call("pack", "nope")
    assert said.status == 2
    assert "no run `nope`" in said.sentence

"""The command `report`."""

import shutil
from pathlib import Path

import pytest

from harness.base.workspace import Workspace
from tests.toys.entry import Call
from tests.toys.runs import make_run


@pytest.mark.usefixtures("drawn")
def test_a_report_is_made_anew_from_the_trials(call: Call, shelf: Workspace) -> None:
    said = call("report", make_run().id)
    assert said.status == 0
    assert (shelf.results / make_run().id / "report" / "index.html").is_file()
    assert f"results/{make_run().id}/report/index.html" in "".join(said.out.split())


def test_a_report_names_the_trials_that_it_leaves_out(call: Call, shelf: Workspace) -> None:
    path = shelf.results / make_run().id / "trials" / "b99-broken.json"
    path.write_text("{")
    try:
        said = call("report", make_run().id)
    finally:
        path.unlink()
    assert said.status == 0
    assert "b99-broken.json" in said.err


@pytest.mark.parametrize("packed", [None, b"\x1f\x8b\x08"], ids=["no-trials", "truncated"])
def test_a_run_without_readable_trials_is_a_failure_with_a_report(
    call: Call, shelf: Workspace, tmp_path: Path, packed: bytes | None
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    shutil.copy(shelf.results / make_run().id / "run.json", folder)
    if packed is not None:
        (folder / "trials.jsonl.gz").write_bytes(packed)
    said = call("report", str(folder))
    assert said.status == 1
    assert (folder / "report" / "index.html").is_file()
    assert said.sentence.startswith("No trial of run can be read")
    assert "bridgetoll run --resume run" in said.sentence

"""The command `publish`."""

from pathlib import Path

from harness.base.workspace import Workspace
from tests.toys.entry import Call
from tests.toys.runs import make_run


def test_runs_are_published_as_a_site(call: Call, tmp_path: Path) -> None:
    said = call("publish", make_run().id, "--to", str(tmp_path / "site"), "--title", "Ours")
    assert said.status == 0
    assert "Ours" in (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert (tmp_path / "site" / "runs" / make_run().id / "trials.csv").is_file()
    assert "site/index.html" in "".join(said.out.split())


def test_the_folder_of_a_run_is_not_made_a_site(call: Call, shelf: Workspace) -> None:
    folder = shelf.results / make_run().id
    said = call("publish", make_run().id, "--to", str(folder / "site"))
    assert said.status == 2
    assert "name another folder with --to." in " ".join(said.err.split())
    assert not (folder / "site").exists()


def test_a_folder_that_is_no_run_yet_is_left_out_of_a_site(
    call: Call, shelf: Workspace, tmp_path: Path
) -> None:
    """As a shell's `results/*/` names it while another run is going on."""
    empty = tmp_path / "begun"
    empty.mkdir()
    to = ("--to", str(tmp_path / "site"))
    said = call("publish", str(shelf.results / make_run().id), str(empty), *to)
    assert said.status == 0
    assert "it holds no `run.json`" in " ".join(said.err.split())
    assert call("publish", str(empty), *to).status == 2

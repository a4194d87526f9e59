"""One bad item spoils only itself: runs, implementations, studies and claims of every command."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.audit import verify
from harness.base.workspace import Workspace
from harness.cli import completion
from harness.records.verification import Verification
from tests.toys.entry import Call, called
from tests.toys.shelves import dated_run, shelve
from tests.toys.workspaces import toy_workspace, write_study

GOOD, OTHER = dated_run(1), dated_run(2)
NEWER = '{"schema": 99}'


@pytest.fixture
def room(tmp_path: Path) -> Workspace:
    """A workspace with a study and two runs, to be spoilt."""
    workspace = toy_workspace(tmp_path / "workspace")
    write_study(workspace, "tiny", ["good"])
    for run in (GOOD, OTHER):
        shelve(workspace.results, run)
    return workspace


@pytest.fixture
def call(room: Workspace, capsys: pytest.CaptureFixture[str]) -> Iterator[Call]:
    with called(room, capsys) as calling:
        yield calling


def words(text: str) -> str:
    return " ".join(text.split())


def _file(results: Path) -> None:
    (results / "notes.txt").write_text("x")


def _empty(results: Path) -> None:
    (results / "empty").mkdir()


def _loop(results: Path) -> None:
    (results / "loop").symlink_to(results / "loop")


def _broken(results: Path) -> None:
    (results / "broken").mkdir()
    (results / "broken" / "run.json").write_text("{")


def _newer(results: Path) -> None:
    (results / "newer").mkdir()
    (results / "newer" / "run.json").write_text(NEWER)


def _folder(results: Path) -> None:
    (results / "folder" / "run.json").mkdir(parents=True)


def _pipe(results: Path) -> None:
    (results / "pipe").mkdir()
    os.mkfifo(results / "pipe" / "run.json")


def _stranger(results: Path) -> None:
    (results / "stranger").mkdir()
    (results / "stranger" / "run.json").symlink_to("/etc/passwd")


BAD: dict[str, Callable[[Path], None]] = {
    "notes.txt": _file, "empty": _empty, "loop": _loop, "broken": _broken, "newer": _newer,
    "folder": _folder, "pipe": _pipe, "stranger": _stranger,
}  # fmt: skip


@pytest.fixture
def spoilt(room: Workspace) -> Workspace:
    """The same with everything in its results folder that is no run."""
    for make in BAD.values():
        make(room.results)
    (room.results / "README.md").write_text("no run, and meant so")
    return room


@pytest.mark.usefixtures("spoilt")
def test_list_names_whatever_is_no_run_and_lists_the_runs(call: Call) -> None:
    said = call("list", "runs")
    assert said.status == 0
    assert said.out.split() == ["Runs", GOOD.id, OTHER.id]
    told = words(said.err)
    assert {name for name in BAD if f"left out: results/{name}" in told} == set(BAD)
    assert "README" not in told


def test_a_folder_whose_name_is_not_utf_8_is_named(call: Call, room: Workspace) -> None:
    folder = room.results / os.fsdecode(b"\xff")
    folder.mkdir()
    (folder / "run.json").write_text("{}")
    said = call("list", "--json")
    assert said.status == 0
    assert "has a name that is not UTF-8" in words(said.err)


@pytest.mark.usefixtures("spoilt")
def test_claims_judge_by_the_runs_that_can_be_read(call: Call) -> None:
    said = call("claims")
    assert said.status == 0
    assert "not tested" in said.out
    told = words(said.err)
    assert "results/broken/run.json" in told
    assert "schema version 99" in told


@pytest.mark.usefixtures("spoilt")
def test_of_runs_asked_for_by_name_the_bad_ones_are_an_error_after_the_others(call: Call) -> None:
    said = call("claims", GOOD.id, "broken", "nope")
    assert said.status == 2
    assert "not tested" in said.out
    told = words(said.err)
    assert "There is no claim or run `nope`" in told
    assert "error: Without nope, broken; the reason stands above." in told


def test_a_site_of_a_results_folder_names_and_skips_what_is_no_run(
    call: Call, spoilt: Workspace, tmp_path: Path
) -> None:
    found = [str(path) for path in sorted(spoilt.results.iterdir())]
    said = call("publish", *found, "--to", str(tmp_path / "site"))
    assert said.status == 0
    told = words(said.err)
    for name in BAD:
        assert f"results/{name}: " in told or f"not published: {name}: " in told
    published = {path.name for path in (tmp_path / "site" / "runs").iterdir()}
    assert published == {GOOD.id, OTHER.id}


@pytest.mark.usefixtures("spoilt")
def test_a_site_without_a_run_that_was_asked_for_by_name_is_made_and_status_2(
    call: Call, tmp_path: Path
) -> None:
    said = call("publish", "nope", GOOD.id, "broken", "--to", str(tmp_path / "site"))
    assert said.status == 2
    assert "error: Without nope, broken; the reason stands above." in words(said.err)
    assert (tmp_path / "site" / "runs" / GOOD.id / "index.html").is_file()


@pytest.mark.usefixtures("spoilt")
@pytest.mark.parametrize("name", ["broken", "nope", "empty"])
def test_where_nothing_is_left_to_publish_nothing_is_written(
    call: Call, tmp_path: Path, name: str
) -> None:
    said = call("publish", name, "--to", str(tmp_path / "site"))
    assert said.status == 2
    assert not (tmp_path / "site").exists()


@pytest.mark.usefixtures("spoilt")
@pytest.mark.parametrize("name", ["broken", "newer", "folder", "pipe", "stranger", "nope"])
def test_a_comparison_needs_both_runs(call: Call, name: str) -> None:
    said = call("compare", GOOD.id, name)
    assert said.status == 2
    assert name in said.sentence
    assert said.sentence.endswith(".")


MANIFESTS = {
    "torn": "[tool", "empty": "", "wrong": "[tool.bridgetoll]\ntitle = 3\n", "Upper Case": "",
}  # fmt: skip


@pytest.fixture
def crowded(room: Workspace) -> Workspace:
    """The workspace with folders and files that are no implementation."""
    for name, text in MANIFESTS.items():
        (room.implementations / name).mkdir()
        (room.implementations / name / "pyproject.toml").write_text(text)
    (room.implementations / "notes.txt").write_text("x")
    (room.implementations / "loop").symlink_to(room.implementations / "loop")
    os.mkfifo(room.implementations / "torn" / "fifo")
    return room


@pytest.mark.usefixtures("crowded")
@pytest.mark.parametrize("command", [("list", "variants"), ("plan", "tiny")])
def test_implementations_that_cannot_be_read_are_named_and_the_rest_is_used(
    call: Call, command: tuple[str, ...]
) -> None:
    said = call(*command)
    assert said.status == 0
    assert "toy/good" in said.out
    told = words(said.err)
    for name in (*MANIFESTS, "notes.txt", "loop"):
        assert f"warning: implementations/{name}" in told


@pytest.mark.usefixtures("spoilt")
def test_completion_offers_what_can_be_used(
    crowded: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRIDGETOLL_ROOT", str(crowded.root))
    assert "toy/good" in completion.variants("")
    assert completion.studies("ti") == ["tiny"]
    assert {GOOD.id, OTHER.id} <= set(completion.runs(""))


@pytest.mark.usefixtures("crowded")
@pytest.mark.parametrize("command", ["verify", "audit"])
def test_a_name_that_is_none_is_told_and_the_others_are_checked(call: Call, command: str) -> None:
    said = call(command, "toy/good", "toy/nope", "torn", "--json")
    told = words(said.err)
    assert '"variant": "toy/good"' in said.out
    assert "There is no variant `toy/nope`" in told
    assert "implementations/torn/pyproject.toml: not valid TOML" in told
    assert "error: Without toy/nope, torn; the reason stands above." in told
    assert said.status == 2


def test_an_environment_that_cannot_be_made_fails_its_own_variants(
    call: Call, room: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other variant passes, unexamined."""
    passed = Verification("toy/good", ())
    monkeypatch.setattr(verify, "verify", lambda *_, **__: passed)
    other = room.implementations / "other"
    shutil.copytree(room.implementations / "toy", other)
    (other / "requirements.lock").write_text("no-such-package-of-ours==1 --hash=sha256:00\n")
    said = call("verify", "toy/good", "other/good", "--json")
    assert '"variant": "toy/good"' in said.out
    assert "1 of 2 variants fail: other/good" in words(said.err)
    assert said.status == 1


def test_a_study_that_cannot_be_read_spoils_no_other(call: Call, room: Workspace) -> None:
    studies = room.shared / "studies"
    (studies / "torn.toml").write_text("= [")
    (studies / "two words.toml").write_text("")
    (studies / "folder.toml").mkdir()
    os.mkfifo(studies / "pipe.toml")
    said = call("list", "studies")
    assert said.status == 0
    lines = [line.strip() for line in said.out.splitlines()]
    assert lines[lines.index("tiny") + 1] == "Toys"
    for name in ("torn", "two words", "folder", "pipe"):
        assert lines[lines.index(name) + 1].startswith("cannot be read; `bridgetoll plan ")
    assert call("plan", "tiny").status == 0


def test_servers_that_cannot_be_read_hide_neither_studies_nor_runs(
    call: Call, room: Workspace
) -> None:
    (room.shared / "servers.toml").write_text("[")
    said = call("list")
    assert said.status == 0
    assert "servers.toml: not valid TOML" in words(said.err)
    assert GOOD.id in said.out
    assert call("list", "variants").status == 2


CLAIM = '[[claims]]\nname = "{}"\nsource = "s"\nsays = "t"\n'


def test_a_claim_that_cannot_be_read_spoils_no_other(call: Call, room: Workspace) -> None:
    path = room.shared / "claims.toml"
    bad = "[[claims]]\nname = 'Bad'\n"
    path.write_text(f"{CLAIM.format('A1')}{bad}{CLAIM.format('A1')}{CLAIM.format('B2')}")
    said = call("claims")
    assert said.status == 0
    told = words(said.err)
    assert "claims.toml: item 2 of `claims`: `source` is missing; add it." in told
    assert "claims.toml: two claims are called A1; rename one." in told
    assert [line.split()[0] for line in said.out.splitlines() if "not tested" in line] == [
        "A1", "B2",
    ]  # fmt: skip


def test_claims_that_cannot_be_read_at_all_spoil_no_report(call: Call, room: Workspace) -> None:
    (room.shared / "claims.toml").write_text("[")
    said = call("report", GOOD.id)
    assert said.status == 0
    assert "claims.toml: not valid TOML" in words(said.err)
    assert call("claims").status == 2

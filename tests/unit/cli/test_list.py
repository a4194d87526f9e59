"""The command `list`."""

import json
import shutil
from itertools import pairwise
from pathlib import Path

import pytest

from harness.base.workspace import Workspace
from harness.inputs.catalog import load_catalog
from harness.inputs.study_loader import study_names
from harness.records.store import run_ids
from tests.toys.command import run_command
from tests.toys.entry import Call
from tests.toys.runs import make_run
from tests.unit.cli.conftest import Refuses


def test_every_name_of_this_checkout_is_whole_at_80_columns(repository: Workspace) -> None:
    """In the terminal of a process of its own, with the longest names that there are."""
    done = run_command(repository, "list")
    assert done.returncode == 0
    lines = {line.rstrip() for line in done.stdout.splitlines()}
    names = {
        *load_catalog(repository).variants, *study_names(repository), *run_ids(repository.results),
    }  # fmt: skip
    assert max(map(len, names)) > 50
    assert names <= {line.partition(" ")[0] for line in lines}
    assert max(map(len, lines)) <= 80


def test_variants_studies_and_runs_are_listed(call: Call) -> None:
    said = call("list")
    assert said.status == 0
    for name in ("toy/good", "toy/closed-form", "tiny", make_run().id):
        assert name in said.out


@pytest.mark.parametrize(
    ("kind", "name"), [("variants", "toy/good"), ("studies", "tiny"), ("runs", make_run().id)]
)
def test_one_kind_is_listed_alone(call: Call, kind: str, name: str) -> None:
    lines = call("list", kind).out.splitlines()
    words = {line.partition(" ")[0] for line in lines}
    assert name in words
    assert len({"toy/good", "tiny", make_run().id} & words) == 1
    assert set(json.loads(call("list", kind, "--json").out)) == {kind}


def test_a_study_stands_with_its_title(call: Call) -> None:
    lines = call("list", "studies").out.splitlines()
    assert lines[lines.index("tiny") + 1].strip() == "Toys"


def test_a_study_that_cannot_be_read_is_listed_with_the_way_to_learn_why(
    call: Call, shelf: Workspace
) -> None:
    path: Path = shelf.shared / "studies" / "torn.toml"
    path.write_text("title = ")
    try:
        lines = call("list", "studies").out.splitlines()
    finally:
        path.unlink()
    assert "`bridgetoll plan torn`" in lines[lines.index("torn") + 1]


def test_the_process_lists_as_json(shelf: Workspace) -> None:
    done = run_command(shelf, "list", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    listed = json.loads(done.stdout)
    assert "tiny" in listed["studies"]
    assert listed["runs"] == [make_run().id]
    variants = {variant["name"]: variant for variant in listed["variants"]}
    assert variants["toy/good"]["factors"] == {"views": "sync", "pool": "pooled"}
    assert str(shelf.root) not in done.stdout


def test_an_empty_workspace_says_none(workspace: Workspace) -> None:
    for path in (workspace.shared / "studies").glob("*.toml"):
        path.unlink()
    done = run_command(workspace, "list")
    assert [line for line in done.stdout.splitlines() if line] == [
        "Variants: none", "Studies: none", "Runs: none",
    ]  # fmt: skip


@pytest.mark.parametrize("body", ["", "{", '{"schema": 1', "[]"])
def test_a_damaged_run_is_left_out_and_the_others_are_listed(
    call: Call, shelf: Workspace, body: str
) -> None:
    folder = shelf.results / "torn"
    folder.mkdir()
    (folder / "run.json").write_text(body)
    try:
        said = call("list", "runs")
    finally:
        shutil.rmtree(folder)
    assert said.status == 0
    assert said.out.split() == ["Runs", make_run().id]
    assert " ".join(said.err.split()).startswith("left out: results/torn/run.json: ")


def test_each_implementation_has_a_heading_and_each_variant_its_columns(
    repository: Workspace,
) -> None:
    lines = run_command(repository, "list", "variants").stdout.splitlines()
    assert lines[0] == "Variants"
    assert {"Flask", "Django"} <= set(lines)
    variants = load_catalog(repository).variants
    rows: dict[str, str] = {}
    for line, following in pairwise(lines):
        name = line.partition(" ")[0]
        if "/" in name:
            rows[name] = following if line == name else line  # a long name has a line of its own
    assert rows.keys() == variants.keys()
    assert max(map(len, lines)) <= 80
    for name, line in rows.items():
        assert line.endswith(f" {variants[name].server.removeprefix('gunicorn-')}")
    assert "startproject" in rows["django/async-pool-middleware"]  # what only it has
    # Cut to the columns, both would be psycopg's own pool.
    assert "own async pool" in rows["django/psycopg"]
    assert "Django's life cycle" in rows["django/psycopg-stock-lifecycle"]


@pytest.mark.parametrize("typed", ["django", "Django"])
def test_one_framework_is_shown_in_full(repository: Workspace, typed: str) -> None:
    lines = run_command(repository, "list", typed).stdout.splitlines()
    assert max(map(len, lines)) <= 80
    text = " ".join(" ".join(lines).split())
    variants = load_catalog(repository).variants.values()
    for variant in variants:
        assert (variant.name in lines) == (variant.framework == "Django")
        if variant.framework == "Django":
            assert "; ".join((variant.title, variant.server, *variant.tags)) in text
    assert "controlled: " in lines[0]
    assert "deployed: " in lines[0]


def test_one_folder_and_one_variant_can_be_shown(call: Call) -> None:
    assert "toy/closed-form" in call("list", "toy").out.splitlines()
    alone = call("list", "toy/good").out.splitlines()
    assert "toy/good" in alone
    assert "toy/closed-form" not in alone
    listed = json.loads(call("list", "toy/good", "--json").out)
    assert [variant["name"] for variant in listed["variants"]] == ["toy/good"]


@pytest.mark.parametrize(
    ("typed", "nearest"), [("tyo", "toy"), ("studis", "studies"), ("toy/goood", "toy/good")]
)
def test_an_unknown_word_is_one_sentence_with_the_nearest_name(
    refuses: Refuses, typed: str, nearest: str
) -> None:
    refuses(("list", typed), f"`{typed}`; the nearest is `{nearest}`")

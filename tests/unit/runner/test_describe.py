"""What a run's digest of the code covers, and what it does not."""

from pathlib import Path

import msgspec
import pytest

from harness.base.workspace import Workspace
from harness.inputs.catalog import load_catalog
from harness.inputs.servers import Protocol
from harness.runner import describe
from harness.runner.describe import code_digest, implementation_digest
from tests.toys.runs import make_study
from tests.toys.workspaces import toy_workspace

STUDY = msgspec.structs.replace(
    make_study(), variants=("toy/good", "toy/burning"), baseline="toy/good"
)


@pytest.fixture
def spoilt(tmp_path: Path) -> Workspace:
    return toy_workspace(tmp_path / "workspace")


def digest(workspace: Workspace) -> str:
    return code_digest(workspace, load_catalog(workspace), STUDY)


@pytest.mark.parametrize(
    "name", ["server.py", "queries.sql", "templates/post.html", "pyproject.toml", "data.json"]
)
def test_every_file_of_an_implementation_is_part_of_its_code(spoilt: Workspace, name: str) -> None:
    before = digest(spoilt)
    path = spoilt.implementations / "toy" / name
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as file:
        file.write("# changed\n")
    assert digest(spoilt) != before


@pytest.mark.parametrize(
    "name",
    ["README.md", "__pycache__/server.cpython-313.pyc", ".cache/x.py", "toy.egg-info/PKG-INFO"],
)
def test_prose_and_caches_are_not(spoilt: Workspace, name: str) -> None:
    before = digest(spoilt)
    path = spoilt.implementations / "toy" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("changed")
    assert digest(spoilt) == before


def test_a_file_that_moves_to_another_folder_changes_the_code(spoilt: Workspace) -> None:
    folder = spoilt.implementations / "toy" / "inner"
    folder.mkdir()
    (folder / "zz.py").write_text("x = 1\n")
    before = digest(spoilt)
    (folder / "zz.py").rename(folder.parent / "zz.py")
    assert digest(spoilt) != before


@pytest.mark.parametrize(
    "name",
    ["base/channel.py", "records/store.py", "records/histogram.py", "inputs/settings.py",
     "runner/slices.py", "analysis/labels/rules.py", "load/worker/connection.py"],
)  # fmt: skip
def test_the_code_that_measures_is_part_of_it(
    spoilt: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    copy = tmp_path / "harness"
    (copy / name).parent.mkdir(parents=True)
    (copy / name).write_text("x = 1\n")
    monkeypatch.setattr(describe, "_HARNESS", copy)
    before = digest(spoilt)
    (copy / name).write_text("x = 2\n")
    assert digest(spoilt) != before


def test_the_digest_of_an_implementation_covers_its_folder_and_its_servers_alone(
    spoilt: Workspace,
) -> None:
    def now() -> str:
        return implementation_digest(load_catalog(spoilt), "toy")

    before = now()
    servers = spoilt.shared / "servers.toml"
    original = servers.read_text()
    unused = 'protocol = "asgi"\nkeep_alive = true\nargv = ["{host}:{port}"]'
    servers.write_text(f"{original}\n[unused]\n{unused}\n")
    (spoilt.implementations / "toy" / "README.md").write_text("changed")
    assert now() == before
    used = load_catalog(spoilt).variant("toy/good").server
    servers.write_text(original.replace(f"[{used}]\n", f"[{used}]\n# changed\n"))
    assert now() == before
    catalog = load_catalog(spoilt)
    server = msgspec.structs.replace(
        catalog.servers[used], argv=(*catalog.servers[used].argv, "--more")
    )
    other = msgspec.structs.replace(catalog, servers=catalog.servers | {used: server})
    assert implementation_digest(other, "toy") != before
    server = msgspec.structs.replace(catalog.servers[used], protocol=Protocol.ASGI)
    other = msgspec.structs.replace(catalog, servers=catalog.servers | {used: server})
    assert implementation_digest(other, "toy") == before, "runs from before stay comparable"
    servers.write_text(original)
    with (spoilt.implementations / "toy" / "server.py").open("a") as file:
        file.write("# changed\n")
    assert now() != before

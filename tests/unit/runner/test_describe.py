"""What a run's digest of the code covers, and what it does not."""

from pathlib import Path
from typing import cast

import msgspec
import pytest

from harness.base.workspace import Workspace
from harness.inputs.catalog import load_catalog
from harness.inputs.servers import Protocol
from harness.records.run import MachineRecord, Run
from harness.runner import describe
from harness.runner.describe import code_digest, implementation_digest, other_machines
from harness.runner.venue import Venue
from tests.toys.runs import make_run, make_study
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


ROLES = ("application", "database", "load")
FACTS: dict[str, str | int] = {"processor": "EPYC"}


class ToyVenue:
    """A set of one machine."""

    def __init__(self, name: str | None, number: int = 0, **changes: str | int) -> None:
        self.name = name
        self.machine = FACTS | changes
        record = MachineRecord(number, ROLES, FACTS | changes, name)
        self.machines: tuple[MachineRecord, ...] = (record,)


def over(*venues: ToyVenue) -> Run:
    machines = tuple(machine for venue in venues for machine in venue.machines)
    return msgspec.structs.replace(make_run(), machines=machines, machine=FACTS)


def others(run: Run, *venues: ToyVenue) -> bool:
    return other_machines(run, [cast(Venue, venue) for venue in venues])


A, B = ToyVenue("a"), ToyVenue("b", 1)


def test_a_run_continues_on_what_is_there_of_its_sets_of_machines() -> None:
    run = over(A, B)
    assert not others(run, A, B)
    assert not others(run, ToyVenue("b", 0))  # whose number is another where it is alone
    assert not others(over(ToyVenue(None)), ToyVenue(None))


@pytest.mark.parametrize(
    "there", [ToyVenue("c"), ToyVenue(None), ToyVenue("b", 1, processor="Xeon")],
    ids=["another name", "no name", "another processor"],
)  # fmt: skip
def test_a_run_does_not_continue_on_a_set_that_it_does_not_know(there: ToyVenue) -> None:
    assert others(over(A, B), A, there)


def test_a_run_of_a_cluster_does_not_continue_on_one_machine_nor_the_other_way_round() -> None:
    here = ToyVenue(None)
    here.machines = ()
    alone = msgspec.structs.replace(make_run(), machine=FACTS)
    assert not others(alone, here)
    assert others(over(A), here)
    assert others(alone, A)
    here.machine = {"processor": "Xeon"}
    assert others(alone, here)

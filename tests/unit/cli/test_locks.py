"""What each command does while another process uses a run, or measures on the machine."""

import uuid
from pathlib import Path

import pytest

from harness.base.processes import how_to_stop
from harness.base.workspace import Workspace
from harness.lab import measuring
from tests.toys.entry import Call
from tests.toys.holders import machine_holder, run_holder
from tests.toys.runs import make_run
from tests.toys.shelves import dated_run, shelve

RUN = make_run().id
OTHER = dated_run(5).id


@pytest.mark.parametrize(
    "arguments",
    [
        ("report", RUN),
        ("pack", RUN),
        ("run", "--resume", RUN),
        ("compare", OTHER, RUN),
        ("claims", RUN),
        ("twins", RUN),
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_run_in_use_is_refused_with_its_name_and_who_uses_it(
    call: Call, shelf: Workspace, arguments: tuple[str, ...]
) -> None:
    folder = shelf.results / RUN
    if not (shelf.results / OTHER).exists():
        shelve(shelf.results, dated_run(5))
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    with run_holder(folder) as (holder, _):
        before[folder / ".lock"] = (folder / ".lock").stat().st_mtime_ns
        said = call(*arguments)
        assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    assert said.status == 2
    assert f"The run {RUN} is in use by process {holder.pid} (`bridgetoll run" in said.sentence
    assert f"`{how_to_stop(holder.pid)}`." in said.sentence


def test_a_run_in_use_is_left_out_of_a_site_by_name(
    call: Call, shelf: Workspace, tmp_path: Path
) -> None:
    other = shelve(shelf.results, dated_run(3))
    with run_holder(shelf.results / RUN) as (holder, _):
        alone = call("publish", RUN, "--to", str(tmp_path / "alone"))
        both = call("publish", RUN, other.id, "--to", str(tmp_path / "both"))
    assert alone.status == 2
    assert f"process {holder.pid} " in alone.sentence
    words = " ".join(both.err.split())
    assert both.status == 2  # it was asked for by name
    assert f"The run {RUN} is in use" in words
    assert f"process {holder.pid} " in words
    assert [path.name for path in (tmp_path / "both" / "runs").iterdir()] == [other.id]


@pytest.mark.parametrize("command", ["claims", "twins"])
def test_a_run_in_use_is_left_out_of_claims_and_counts_by_name(
    call: Call, shelf: Workspace, command: str
) -> None:
    if not (shelf.results / dated_run(4).id).exists():
        shelve(shelf.results, dated_run(4))
    with run_holder(shelf.results / RUN) as (holder, _):
        said = call(command)
    assert said.status == 0
    assert f"process {holder.pid} " in " ".join(said.err.split())


def test_the_run_of_a_killed_process_is_taken_over_with_a_note(
    call: Call, shelf: Workspace
) -> None:
    with run_holder(shelf.results / RUN) as (holder, _):
        holder.kill()
        holder.wait()
        said = call("report", RUN)
        again = call("report", RUN)
    assert (said.status, again.status) == (0, 0)
    words = " ".join(said.err.split())
    assert RUN in words
    assert f"process {holder.pid} " in words
    assert "ended without letting go; this process takes over." in words
    assert again.err == ""


@pytest.mark.parametrize(
    "arguments", [("run", "tiny"), ("run", "--resume", RUN), ("doctor",), ("verify",), ("audit",)]
)
def test_a_second_measuring_process_is_refused(
    call: Call, shelf: Workspace, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    """Before it makes an environment, a folder or anything else."""
    name = f"bridgetoll-tests-{uuid.uuid4()}"
    monkeypatch.setenv(measuring.BESIDE, "")
    monkeypatch.setattr(measuring, "NAME", name)
    before = sorted(shelf.results.rglob("*"))
    with machine_holder(name) as first:
        said = call(*arguments)
    assert said.status == 2
    assert f"process {first.pid} (`bridgetoll run quick`) measures" in said.sentence
    assert "`--wait`" in said.sentence
    assert sorted(shelf.results.rglob("*")) == before


def test_a_second_measuring_process_waits_if_it_is_asked_to(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"bridgetoll-tests-{uuid.uuid4()}"
    monkeypatch.setenv(measuring.BESIDE, "")
    monkeypatch.setattr(measuring, "NAME", name)
    with machine_holder(name) as first:
        assert first.stdin is not None
        first.stdin.close()  # it ends a moment later
        said = call("run", "--resume", "nope", "--wait")
        assert "no run `nope`" in said.sentence
        said = call("verify", "toy/crashes-at-start", "--wait")
    assert said.status == 1
    assert "toy/crashes-at-start" in said.sentence

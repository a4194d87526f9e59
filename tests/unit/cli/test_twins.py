"""The command `twins`, over runs that are kept on disk."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

from harness.base.workspace import Workspace
from harness.records.plan import DUPLICATE
from harness.records.run import Run
from harness.records.store import Store
from harness.records.trial import Trial
from tests.toys.entry import Call, called
from tests.toys.ramps import make_cell, ramp_run
from tests.toys.runs import BASELINE, simulate
from tests.toys.shelves import COST, dated_run
from tests.toys.workspaces import toy_workspace

EVEN, FAVOURED = dated_run(1), dated_run(2)
RAMP = msgspec.structs.replace(
    ramp_run(blocks=2), id="ramp-20260301-000000", started_at="2026-03-01T00:00:00+00:00"
)
TWIN = BASELINE + DUPLICATE


def keep(results: Path, run: Run, trials: Sequence[Trial]) -> Store:
    store = Store.create(results, run.id)
    store.write_run(run)
    for trial in trials:
        store.write_trial(msgspec.structs.replace(trial, run=run.id))
    return store


def quiet(run: Run, factor: float = 1.0) -> list[Trial]:
    """Trials of a quiet machine, whose duplicate needs so many times the CPU of its baseline."""
    return [
        msgspec.structs.replace(
            trial,
            slices=tuple(
                msgspec.structs.replace(
                    s, server_cpu_ns=round(s.server_cpu_ns * (factor if trial.entry == TWIN else 1))
                )
                for s in trial.slices
            ),
        )
        for trial in simulate(run, COST, 1, drift=0.02, noise=0.005, start=0.001)
    ]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A run whose twins agree, one whose duplicate needs a tenth more, and one of Locust."""
    workspace = toy_workspace(tmp_path_factory.mktemp("twins") / "workspace")
    keep(workspace.results, EVEN, quiet(EVEN))
    keep(workspace.results, FAVOURED, quiet(FAVOURED, 1.1))
    keep(workspace.results, RAMP, [make_cell(), make_cell(block=2)])
    return workspace


@pytest.fixture
def call(shelf: Workspace, capsys: pytest.CaptureFixture[str]) -> Iterator[Call]:
    with called(shelf, capsys, "twins") as calling:
        yield calling


def words(text: str) -> str:
    return " ".join(text.split())


def test_all_runs_are_counted_and_the_one_that_fails_is_named(call: Call) -> None:
    said = call()
    told = words(said.out)
    assert said.status == 0
    assert (
        "contained 1 in 1 of 2 conditions (95 % expected; between 1 and 2 would be usual)" in told
    )
    assert f"The check of {FAVOURED.id} failed" in told
    assert "contained 1 in" in said.out.splitlines()[0]  # the answer, before the runs
    assert f"The check of {EVEN.id}" not in told
    assert max(len(line) for line in said.out.splitlines()) <= 80


def test_each_condition_has_its_ratio_and_whether_it_holds_one(call: Call) -> None:
    lines = [line.rstrip() for line in call().out.splitlines()]
    rows = [line for line in lines if line.endswith(("yes", "no"))]
    assert [row.split()[-1] for row in rows] == ["yes", "no"]
    assert all(row.startswith("io_read, 8 connections") for row in rows)
    assert "1.1" in rows[1]


def test_a_run_of_locust_is_counted_out_with_the_reason(call: Call) -> None:
    told = words(call().out)
    assert f"Locust loads setups without a duplicate: {RAMP.id}." in told
    alone = call(RAMP.id)
    assert alone.status == 0
    assert "No run has two identical servers" in words(alone.out)


def test_named_runs_are_counted_alone(call: Call) -> None:
    told = words(call(EVEN.id).out)
    assert "contained 1 in 1 of 1 condition (" in told
    assert "differ under no condition" in told
    assert FAVOURED.id not in told


def test_json_holds_what_the_text_says(call: Call) -> None:
    tally = json.loads(call("--json").out)
    assert (tally["checks"], tally["held"], tally["expected_share"]) == (2, 1, 0.95)
    assert (tally["usual_least"], tally["usual_most"]) == (1, 2)
    even, favoured, ramp = tally["runs"]
    assert [run["run"] for run in (even, favoured, ramp)] == [EVEN.id, FAVOURED.id, RAMP.id]
    (check,) = favoured["checks"]
    assert (check["holds_one"], check["agree"]) == (False, False)
    assert check["ratio"]["mean"] == pytest.approx(1.1, abs=0.02)
    assert (ramp["checks"], even["without"]) == ([], None)
    assert "Locust" in ramp["without"]


def test_json_without_a_check_has_nulls(call: Call) -> None:
    tally = json.loads(call(RAMP.id, "--json").out)
    assert (tally["checks"], tally["usual_least"], tally["usual_most"]) == (0, None, None)


def test_what_is_no_run_is_named_and_the_rest_is_counted(call: Call, shelf: Workspace) -> None:
    """Found by itself or by a shell's pattern, it is a warning; asked for by name, an error."""
    notes, broken = shelf.results / "notes.txt", shelf.results / "broken"
    notes.write_text("x")
    broken.mkdir()
    (broken / "run.json").write_text("{")
    try:
        alone = call()
        pattern = call(*(str(path) for path in sorted(shelf.results.iterdir())))
        named = call(EVEN.id, "nope")
    finally:
        notes.unlink()
        (broken / "run.json").unlink()
        broken.rmdir()
    for said in (alone, pattern):
        assert said.status == 0
        assert "in 1 of 2 conditions" in words(said.out)
        assert "notes.txt" in said.err
        assert "broken" in said.err
    assert named.status == 2
    assert "There is no run `nope`" in words(named.err)
    assert "in 1 of 1 condition" in words(named.out)


def test_a_workspace_without_a_run_says_how_to_make_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with called(toy_workspace(tmp_path / "workspace"), capsys, "twins") as calling:
        said = calling()
    assert said.status == 2
    assert "`bridgetoll run`" in said.sentence

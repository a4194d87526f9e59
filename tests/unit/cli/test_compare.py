"""The command `compare`, called as the console script calls it."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import pytest

from harness.base.workspace import Workspace
from harness.records.run import Run
from harness.records.store import Store
from tests.toys.entry import Call, called
from tests.toys.runs import make_run, make_study, simulate
from tests.toys.workspaces import toy_workspace

BEFORE, AFTER, MOVED, RAMP, STRANGE = "before-1", "after-2", "moved-3", "ramp-4", "strange-5"
DEAD, SLOW_MACHINE, ONE_BLOCK, AGAIN = "dead-6", "slow-7", "one-8", "again-9"
COST = {"a/base": 500.0, "b/other": 500.0, "c/third": 400.0}
SLOWER = COST | {"b/other": 600.0}


def keep(
    workspace: Workspace, run: Run, cost: Mapping[str, float], seed: int, dead: str = ""
) -> None:
    """On a quiet machine; all trials of `dead` failed."""
    store = Store.create(workspace.results, run.id)
    store.write_run(run)
    for trial in simulate(run, cost, seed, drift=0.002, noise=0.005, start=0.002):
        problem = "the server died" if trial.variant == dead else None
        store.write_trial(msgspec.structs.replace(trial, problem=problem))


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with runs of one study, and one run of other variants."""
    workspace = toy_workspace(tmp_path_factory.mktemp("compare") / "workspace")
    replace = msgspec.structs.replace
    run = make_run(make_study(tuple(COST), blocks=4))
    packages = replace(run.implementations["b"], packages={"x": "2"})
    newer = replace(run, implementations=run.implementations | {"b": packages}, commit="abc")
    keep(workspace, replace(run, id=BEFORE), COST, 1)
    keep(workspace, replace(newer, id=AFTER), SLOWER, 2)
    moved = replace(newer, id=MOVED, machine={"kernel": "Plan 9", "processors": 2})
    keep(workspace, moved, SLOWER, 3)
    load = replace(run.study.load, engine="locust")
    keep(workspace, replace(run, id=RAMP, study=replace(run.study, load=load)), COST, 4)
    strange = make_run(make_study(("c/base", "d/other"), blocks=4))
    keep(workspace, replace(strange, id=STRANGE), {"c/base": 500.0, "d/other": 500.0}, 5)
    keep(workspace, replace(newer, id=DEAD), COST, 6, dead="b/other")
    slow = {name: 1.3 * cost for name, cost in COST.items()}
    rebuilt = {
        name: replace(record, packages={"x": "3"}) for name, record in run.implementations.items()
    }
    keep(workspace, replace(run, id=SLOW_MACHINE, implementations=rebuilt), slow, 7)
    single = make_run(make_study(tuple(COST), blocks=1))
    keep(workspace, replace(single, id=ONE_BLOCK), COST, 8)
    keep(workspace, replace(run, id=AGAIN), COST, 9)
    return workspace


@pytest.fixture
def compare(shelf: Workspace, capsys: pytest.CaptureFixture[str]) -> Iterator[Call]:
    with called(shelf, capsys, "compare") as calling:
        yield calling


def test_two_runs_are_compared(compare: Call) -> None:
    said = compare(BEFORE, AFTER)
    assert said.status == 0
    row = next(line.split() for line in said.out.splitlines() if line.startswith("b/other"))
    assert row[-1] == "slower"
    assert "commit n/a -> abc" in said.out
    assert "reference: a/base, c/third, the same in both runs." in said.out
    assert "not measured alike" not in said.out


def test_the_same_as_json(compare: Call) -> None:
    said = compare(BEFORE, AFTER, "--json")
    told = json.loads(said.out)
    assert said.status == 0
    assert told["not_measured_alike"] == []
    assert told["changed"] == [
        {"subject": "bridgetoll", "name": "commit", "a": None, "b": "abc"},
        {"subject": "b", "name": "x", "a": "1", "b": "2"},
    ]
    found = told["comparison"]
    assert (found["run_a"], found["run_b"]) == (BEFORE, AFTER)
    assert found["measure"] == "server_cpu_us_per_request"
    assert found["margin_share"] == 0.03
    (reference,) = found["references"]
    assert reference["variants"] == ["a/base", "c/third"]
    assert (reference["changed"], reference["missing"]) == ({}, None)
    pairs = {pair["variant"]: pair for pair in found["pairs"]}
    assert pairs.keys() == COST.keys()
    pair = pairs["b/other"]
    assert pair["verdict"] == "slower"
    assert pair["reference"] == ["a/base", "c/third"]
    assert pair["ratio_b_to_a"]["mean"] == pytest.approx(1.2, rel=0.02)
    assert pair["absolute_b_to_a"]["mean"] == pytest.approx(1.2, rel=0.02)
    assert pair["a"]["server_cpu_us_per_request"]["mean"] == pytest.approx(500, rel=0.02)
    assert pair["reason"] is None
    assert told["gate"] is None


def test_a_page_is_written_to_a_folder_with_the_same_data(compare: Call, tmp_path: Path) -> None:
    to = ("--to", str(tmp_path / "page"))
    said = compare(BEFORE, AFTER, *to)
    page = tmp_path / "page" / "index.html"
    assert said.status == 0
    assert said.out.endswith(f"page: {page}\n")
    assert "b/other on a read: 1.2" in said.out.splitlines()[1]
    assert said.out.splitlines()[1] in page.read_text(encoding="utf-8")
    told = compare(BEFORE, AFTER, "--json", *to)
    assert json.loads(told.out) == json.loads((page.parent / "comparison.json").read_text())
    assert f"page: {page}" in told.err


def test_a_regression_has_its_page_too(compare: Call, tmp_path: Path) -> None:
    gate = ("--fail-on-regression", "5%", "--to", str(tmp_path / "page"))
    assert compare(BEFORE, AFTER, *gate).status == 1
    told = json.loads((tmp_path / "page" / "comparison.json").read_text())
    assert told["gate"]["answer"] == "regressed"


def test_no_page_is_written_over_something_else(
    compare: Call, shelf: Workspace, tmp_path: Path
) -> None:
    (tmp_path / "thesis.tex").touch()
    for folder, why in ((tmp_path, "did not make"), (shelf.results / BEFORE, "must not change")):
        before = sorted(folder.iterdir())
        said = compare(BEFORE, AFTER, "--to", str(folder))
        assert (said.status, said.out) == (2, "")
        assert why in said.sentence
        assert sorted(folder.iterdir()) == before


def test_by_throughput_the_same_is_slower(compare: Call) -> None:
    told = json.loads(compare(BEFORE, AFTER, "--measure", "throughput", "--json").out)
    pairs = {pair["variant"]: pair for pair in told["comparison"]["pairs"]}
    assert pairs["b/other"]["verdict"] == "slower"
    assert pairs["b/other"]["ratio_b_to_a"]["mean"] == pytest.approx(1 / 1.2, rel=0.03)


def test_the_user_names_the_reference_where_the_runs_do_not_tell(compare: Call) -> None:
    """All packages changed, and the machine is slower by a third."""
    said = compare(BEFORE, SLOW_MACHINE)
    assert "reference: none: of every variant, its packages changed." in " ".join(said.out.split())
    row = next(line for line in said.out.splitlines() if line.startswith("b/other"))
    assert "slower" in row
    named = json.loads(compare(
        BEFORE, SLOW_MACHINE, "--reference", "a/base", "--reference", "c/third", "--json"
    ).out)["comparison"]  # fmt: skip
    assert named["named"] == ["a/base", "c/third"]
    pairs = {pair["variant"]: pair for pair in named["pairs"]}
    assert pairs["b/other"]["ratio_b_to_a"]["mean"] == pytest.approx(1, abs=0.02)
    assert pairs["b/other"]["verdict"] not in ("slower", "faster")


def test_runs_that_were_not_measured_alike_are_compared_on_request_alone(compare: Call) -> None:
    reason = "the machines differ in kernel (Linux / Plan 9)"
    refused = compare(BEFORE, MOVED)
    assert (refused.status, refused.out) == (2, "")
    assert reason in refused.sentence
    assert "--anyway" in refused.sentence
    said = compare(BEFORE, MOVED, "--anyway")
    assert said.status == 0
    assert "caution: The runs were not measured alike: the machines differ." in said.out
    assert f"not measured alike: {reason}" in said.out
    told = json.loads(compare(BEFORE, MOVED, "--anyway", "--json").out)
    assert told["not_measured_alike"] == [reason]


@pytest.mark.parametrize("allowed", ["5%", "0.05", "5 %"])
def test_a_regression_that_is_worse_than_allowed_ends_with_1(compare: Call, allowed: str) -> None:
    said = compare(BEFORE, AFTER, "--fail-on-regression", allowed)
    assert said.status == 1
    assert "b/other under io_read, 8 connections, 100 rows (1.2" in said.sentence
    assert "slower by more than 5 %" in said.sentence
    assert said.sentence.endswith(".")
    assert "B / A" in said.out


def test_what_is_allowed_or_faster_passes_and_is_told(compare: Call) -> None:
    said = compare(BEFORE, AFTER, "--fail-on-regression", "50%")
    assert said.status == 0
    assert "no regression: 1 pair tested, none slower by more than 50 %." in said.err
    assert compare(AFTER, BEFORE, "--fail-on-regression", "5%").status == 0


def test_a_gate_that_cannot_decide_ends_with_3_and_tells_how_many_blocks_would(
    compare: Call,
) -> None:
    """Where nothing changed, all pairs must pass."""
    said = compare(BEFORE, AGAIN, "--fail-on-regression", "0.01%")
    assert said.status == 3
    assert "of 3 pairs may have changed by more than 0.01 %: " in said.sentence
    assert "blocks" in said.sentence


def test_a_gate_without_a_reference_does_not_take_the_machine_for_a_regression(
    compare: Call,
) -> None:
    for one, other in ((BEFORE, SLOW_MACHINE), (SLOW_MACHINE, BEFORE)):
        said = compare(one, other, "--fail-on-regression", "5%")
        assert said.status == 3
        assert "may be the machine's, because there is no reference" in said.sentence
        assert "--reference" in said.sentence
    named = ("--reference", "a/base", "--reference", "c/third")
    assert compare(BEFORE, SLOW_MACHINE, *named, "--fail-on-regression", "5%").status == 0


def test_a_gate_that_compares_nothing_ends_with_2(compare: Call) -> None:
    assert compare(STRANGE, BEFORE).status == 0
    said = compare(BEFORE, STRANGE, "--fail-on-regression", "5%", "--json")
    assert said.status == 2
    assert "no pair of the two runs can be compared" in said.sentence
    told = json.loads(said.out)
    assert told["comparison"]["pairs"] == []
    assert told["gate"]["answer"] == "not comparable"


def test_a_variant_that_measured_nothing_ends_with_3_and_not_as_slower(compare: Call) -> None:
    said = compare(BEFORE, DEAD, "--fail-on-regression", "5%")
    assert said.status == 3
    assert "a regression of b/other cannot be ruled out (in B it has no figures" in said.sentence
    assert compare(DEAD, BEFORE, "--fail-on-regression", "5%").status == 0


def test_one_block_gives_estimates_and_decides_nothing(compare: Call) -> None:
    said = compare(BEFORE, ONE_BLOCK)
    assert said.status == 0
    assert "(one block)" in said.out
    assert "1 good block in B, and 2 are needed in each run" in " ".join(said.out.split())
    assert compare(BEFORE, ONE_BLOCK, "--fail-on-regression", "5%").status == 3


BAD: list[tuple[tuple[str, ...], str]] = [
    ((BEFORE, "nope"), "There is no run `nope`; choose one of: after-2, again-9,"),
    ((BEFORE, BEFORE), "Both names are of the run before-1"),
    ((BEFORE, RAMP), "Run ramp-4 was loaded by Locust"),
    ((BEFORE, RAMP, "--anyway"), "Run ramp-4 was loaded by Locust"),
    (
        (BEFORE, AFTER, "--measure", "p95"),
        "no measure `p95`; the nearest is `p99`. Choose one of: cpu,",
    ),
    ((BEFORE, AFTER, "--reference", "b/othr"), "no variant `b/othr` in both runs; choose one of"),
    ((BEFORE, AFTER, "--fail-on-regression", "much"), "`much` is no share from 0% to below 100%"),
    ((BEFORE, AFTER, "--fail-on-regression", "%"), "`%` is no share"),
    ((BEFORE, AFTER, "--fail-on-regression", "nan"), "`nan` is no share"),
    ((BEFORE, AFTER, "--fail-on-regression", "5"), "`5` is no share"),
    ((BEFORE, AFTER, "--fail-on-regression=-5%"), "`-5%` is no share"),
]


@pytest.mark.parametrize(("arguments", "told"), BAD, ids=lambda value: " ".join(value)[:40])
def test_bad_input_is_one_sentence_and_status_2(
    compare: Call, arguments: tuple[str, ...], told: str
) -> None:
    said = compare(*arguments)
    assert (said.status, said.out) == (2, "")
    assert told in said.sentence
    assert said.sentence.endswith(".")


def test_a_trial_that_cannot_be_read_is_named_and_left_out(compare: Call, shelf: Workspace) -> None:
    path = shelf.results / AFTER / "trials" / "b99-broken.json"
    path.write_text("{")
    try:
        said = compare(BEFORE, AFTER)
    finally:
        path.unlink()
    assert said.status == 0
    assert "b99-broken.json" in said.err

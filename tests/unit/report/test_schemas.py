"""The published schemas, against the code that makes them and the runs that are kept."""

import gzip
import json
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from harness.analysis.analyse import Analysis, analyse
from harness.base.workspace import Workspace
from harness.inputs.claims import load_claims
from harness.records.packed import PACKED
from harness.records.store import Store
from harness.report import schemas
from harness.report.schemas import KINDS, file_name, schema, schema_text, summary_text
from tests.toys.ladder import ladder_run, ladder_study, ladder_trials
from tests.toys.receipts import WSGI, against, receipt, recommended, url_receipt
from tests.toys.runs import BASELINE, make_run, make_study, make_trial, simulate

KEPT = sorted(path.parent for path in Workspace().results.glob(f"*/{PACKED}"))
RUN = make_run(make_study(blocks=2))


def complaints(name: str, value: Any) -> list[str]:
    """What a schema says against a value; nothing if it is as it should be."""
    checker = jsonschema.Draft202012Validator(schema(name))
    return [error.message[:200] for error in checker.iter_errors(value)]


def as_json(value: object) -> Any:
    return json.loads(msgspec.json.encode(value))


@pytest.mark.parametrize("name", KINDS)
def test_the_file_that_is_kept_is_what_the_code_makes(name: str, repository: Workspace) -> None:
    path = repository.shared / "schemas" / file_name(name)
    renew = "renew it: uv run python -m harness.report.schemas"
    assert path.read_text(encoding="utf-8") == schema_text(name), renew


def test_nothing_else_is_kept(repository: Workspace) -> None:
    found = {path.name for path in (repository.shared / "schemas").iterdir()}
    assert found == {file_name(name) for name in KINDS}


@pytest.mark.parametrize("name", KINDS)
def test_a_schema_is_one(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema(name))


def test_the_schemas_are_written_where_they_are_kept(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRIDGETOLL_ROOT", str(workspace.root))
    for path in (workspace.shared / "schemas").glob("*"):
        path.unlink()
    schemas.main()
    for name in KINDS:
        written = workspace.shared / "schemas" / file_name(name)
        assert json.loads(written.read_bytes()) == schema(name)


def test_a_summary_says_first_what_it_is() -> None:
    text = summary_text(analyse(RUN, []))
    first = json.loads(text)
    assert list(first)[:3] == ["$schema", "schema", "run"]
    assert (first["$schema"], first["schema"]) == ("summary.schema.json", 1)
    assert complaints("summary", first) == []


def test_summaries_made_here_are_valid(repository: Workspace) -> None:
    ladder = ladder_run(ladder_study(blocks=3))
    claims = load_claims(repository)
    for analysis in (
        analyse(RUN, simulate(RUN, {BASELINE: 500, "b/other": 600}, 1), claims),
        analyse(RUN, [make_trial(slices=(), problem="cut off")], claims),
        analyse(ladder, ladder_trials(ladder, noise=0.01), claims),
    ):
        assert complaints("summary", json.loads(summary_text(analysis))) == []


def test_runs_and_trials_made_here_are_valid() -> None:
    assert complaints("run", as_json(RUN)) == []
    assert complaints("trial", as_json(make_trial())) == []


def test_receipts_made_here_are_valid() -> None:
    for of in (
        receipt(url_receipt(against=against(0.4)), other=WSGI, recommendations=(recommended(),)),
        receipt(url_receipt(priced=False), prices=None, left_behind=None),
    ):
        assert complaints("receipt", as_json(of)) == []
    assert complaints("receipt", as_json(receipt()) | {"urls": [{}]})


def test_what_is_no_summary_is_told() -> None:
    value = json.loads(summary_text(analyse(RUN, [])))
    assert complaints("summary", value | {"schema": 2})
    assert complaints("summary", value | {"conditions": [{}]})
    del value["baseline"]
    assert complaints("summary", value)


def test_a_summary_is_read_back_as_an_analysis() -> None:
    analysis = analyse(RUN, simulate(RUN, {BASELINE: 500, "b/other": 600}, 1))
    text = summary_text(analysis)
    assert msgspec.json.decode(text, type=Analysis) == analysis


@pytest.mark.parametrize("folder", KEPT, ids=lambda folder: folder.name)
def test_runs_that_are_kept_are_valid(folder: Path) -> None:
    assert complaints("run", json.loads((folder / "run.json").read_bytes())) == []
    with gzip.open(folder / PACKED) as lines:
        assert complaints("trial", json.loads(lines.readline())) == []
    store = Store(folder)
    trials, damaged = store.trials(store.read_run())
    assert (bool(trials), damaged) == (True, [])


def test_a_kept_run_is_four_things_and_all_of_them_are_small(repository: Workspace) -> None:
    command = ["git", "-C", str(repository.root), "ls-files", "-z", "results/"]
    listed = subprocess.run(command, capture_output=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a checkout")
    paths = [Path(name) for name in listed.stdout.decode().split("\0") if name]
    runs: dict[str, list[str]] = {}
    for path in paths:
        if len(path.parts) > 2:
            runs.setdefault(path.parts[1], []).append("/".join(path.parts[2:]))
    for names in runs.values():
        assert {"run.json", PACKED, "report.md"} <= set(names)
        others = set(names) - {"run.json", PACKED, "report.md"}
        assert all(name.startswith("pictures/") for name in others)
        assert len(others) <= 4
    size = sum((repository.root / path).stat().st_size for path in paths)
    assert size <= 12 * 2**20

"""The command `ab`, as far as it measures nothing: what it refuses, and what it saves."""

import json
import shlex
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from harness.analysis.analyse import analyse
from harness.base.errors import EnvironmentFailed, RunFailed, Stopped, Untestable
from harness.base.workspace import Workspace
from harness.cli import ab
from harness.cli.ab import _typed
from harness.cli.console import laboratory_of
from harness.inputs.ab import Changes, ab_study
from harness.inputs.catalog import load_catalog
from harness.inputs.setups import interpreter_version
from harness.lab import environments, wheels
from harness.lab.wheels import BuiltWheel
from harness.records.store import Store
from harness.report.write import Report
from harness.runner import examine, start
from tests.toys.ab import B, measured
from tests.toys.entry import Call, called
from tests.toys.workspaces import toy_workspace

A, SYNC = "django/async-pool", "django/sync-threads"
CHANGE = ("--with", "asgiref==3.11.1")


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Iterator[Call]:
    """The command in this checkout, whose variants are real."""
    with called(Workspace(), capsys) as calling:
        yield calling


def words(text: str) -> str:
    """Without its line breaks."""
    return " ".join(text.split())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((A,), "Nothing changes"),
        ((A, "--with", "asgirf==3"), "--with: the variant does not use the package `asgirf`"),
        ((A, "--with", "asgirf @ ../nowhere"), "the nearest that it uses is `asgiref`"),
        ((A, "--with", "../asgiref"), "'PACKAGE @ ../asgiref'"),
        ((A, "--with", "asgiref==3.1,asgiref==3.2"), "--with names `asgiref` twice"),
        ((A, *CHANGE, "--baseline", "djang==6"), "--baseline: the variant does not use"),
        ((A, *CHANGE, "--baseline", "asgiref"), "--baseline: 'asgiref' names no version"),
        ((A, "--baseline", "asgiref==3.11.1"), "Nothing changes"),
        ((A, "--server", "gunicorn-gthread"), "--server: the server `gunicorn-gthread` speaks"),
        ((A, "--threads", "4"), "--threads does nothing, because the command line"),
        ((SYNC, "--pool-size", "4"), "--pool-size does nothing, because its variant has no pool"),
        ((A, "--env", "PYTHONPATH=/x"), "--env PYTHONPATH: "),
        ((A, *CHANGE, "--save", "x.toml", "--json"), "--json has no answer"),
        ((A, *CHANGE, "--save", "x.toml", "--fail-on-regression", "3%"), "has no answer"),
        ((A, "--with", "asgiref @ https://example.org/x.whl"), "an address"),
        ((A, "--threads", "4", "--threads", "8", "--workers", "2"), "one value of each"),
        ((A, "--python", "three"), "--python is 'three', which is no version"),
        ((A, "--server", "gunicorn-uvicron"), "gunicorn-uvicorn"),
        ((A, "--env", "NOTHING"), "NAME=value"),
        ((A, *CHANGE, "--endpoint", "io_raed"), "io_read"),
        ((A, *CHANGE, "--margin", "much"), "--margin"),
        ((A, *CHANGE, "--margin", "0"), "margin"),
        ((A, *CHANGE, "--fail-on-regression", "2"), "--fail-on-regression"),
        (("django/async-pol", *CHANGE), "django/async-pool"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_sentence(
    call: Call, arguments: tuple[str, ...], told: str
) -> None:
    said = call("ab", *arguments)
    assert said.status == 2
    assert told in said.sentence
    assert "setups." not in said.sentence
    assert said.out == ""


def test_a_saved_study_can_be_planned_and_nothing_is_measured(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    assert call("ab", A, *CHANGE, "--endpoint", "noop", "--save", str(path)).status == 0
    study = tomllib.loads(path.read_text(encoding="utf-8"))
    ((name, setup),) = study["setups"].items()
    assert setup["packages"] == ["asgiref==3.11.1"]
    assert study["variants"] == [A, name]
    planned = call("plan", str(path))
    assert planned.status == 0
    assert "noop" in planned.out
    again = call("ab", A, *CHANGE, "--save", str(path))
    assert again.status == 2
    assert "exists" in again.err


def test_a_dirty_checkout_is_measured_and_said(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, Path]] = []

    def build(_cache: Path, name: str, source: Path) -> BuiltWheel:
        asked.append((name, source))
        return BuiltWheel(name, "3.12.1", "0123", "95d2430-dirty")

    monkeypatch.setattr(wheels, "build_wheel", build)
    path = tmp_path / "mine.toml"
    said = call("ab", A, "--with", "Asgiref @ ../asgiref", "--save", str(path))
    assert said.status == 0
    assert asked == [("asgiref", Path("../asgiref"))]
    assert "asgiref 3.12.1 at 95d2430-dirty: changes that no commit has" in words(said.err)
    ((_, setup),) = tomllib.loads(path.read_text(encoding="utf-8"))["setups"].items()
    assert setup["packages"] == ["asgiref @ built:0123"]
    assert setup["title"] == "asgiref 3.12.1 at 95d2430-dirty"
    assert "../asgiref" not in path.read_text(encoding="utf-8")


def test_a_checkout_that_is_not_there_is_skipped_by_git_bisect(call: Call, tmp_path: Path) -> None:
    said = call("ab", A, "--with", f"asgiref @ {tmp_path / 'nowhere'}")
    assert said.status == 125
    assert "neither a folder nor a wheel" in words(said.err)


def test_the_kept_command_has_no_path_and_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "sys.argv", ["bridgetoll", "ab", "--database-url", "postgresql://u:secret@h/d"]
    )
    changes = Changes(
        packages=(("asgiref @ built:0123", "django==6.0.*"),),
        baseline=("asgiref==3.11.1",),
        titles={"asgiref @ built:0123": "x"},
    )
    study = ab_study(A, changes.sides(A), ("noop",), 8, 0.03, 2)
    typed = _typed(study, changes)
    assert "secret" not in typed
    assert shlex.split(typed) == [
        "ab", A, "--with", "asgiref @ built:0123,django==6.0.*", "--baseline", "asgiref==3.11.1",
        "--endpoint", "noop", "--connections", "8", "--margin", "3%", "--minutes", "2",
    ]  # fmt: skip


def test_a_saved_study_has_its_baseline(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    two = "asgiref==3.12.1,django==6.0.*"
    assert call("ab", A, "--baseline", CHANGE[1], "--with", two, "--save", str(path)).status == 0
    study = tomllib.loads(path.read_text(encoding="utf-8"))
    a, b = study["variants"]
    assert study["baseline"] == a
    assert study["setups"][a]["packages"] == ["asgiref==3.11.1"]
    assert study["setups"][b]["packages"] == ["asgiref==3.12.1", "django==6.0.*"]
    assert call("plan", str(path)).status == 0


@pytest.fixture
def measured_as(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes the command find that B costs so much, in place of a measurement."""

    def given(cost: float, excluded: str | None = None) -> None:
        run, trials = measured(cost)
        if excluded is not None:
            run = msgspec.structs.replace(run, excluded={B: excluded})
        report = Report(Path("page"), len(trials), run, analyse(run, trials), ())
        monkeypatch.setattr(ab, "_measure", lambda *_, **__: report)

    return given


GATE = ("--fail-on-regression", "3%")


@pytest.mark.parametrize(
    ("cost", "gate", "status", "told"),
    [
        (1100.0, GATE, 1, "with x 2, a/base takes 1.10 times the CPU of A"),
        (1000.0, GATE, 0, "at most 3 % slower"),
        (1100.0, (), 0, ""),
    ],
)
def test_the_status_is_the_gates_answer_and_json_stands_alone(
    call: Call, measured_as: Callable[..., None], cost: float, gate: tuple[str, ...], status: int,
    told: str,
) -> None:  # fmt: skip
    measured_as(cost)
    said = call("ab", A, *CHANGE, *gate, "--json")
    assert said.status == status
    assert told in words(said.err)
    result = json.loads(said.out)
    assert result["run"] == "tiny-20260101-000000"
    assert (result["gate"] is None) is (not gate)
    (b,) = result["bs"]
    (endpoint,) = b["endpoints"]
    first = endpoint["measures"][0]
    assert first["measure"] == "server_cpu_us_per_request"
    assert first["ratio"]["mean"] == pytest.approx(cost / 1000, rel=0.02)
    assert first["ratio"]["low"] < first["ratio"]["mean"] < first["ratio"]["high"]


def test_with_json_standard_output_has_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plan, summary and ending go to standard error."""
    workspace = toy_workspace(tmp_path / "workspace")

    def measure(_: object, store: Store, *__: object, **___: object) -> None:
        run, trials = measured(1000.0)
        store.write_run(msgspec.structs.replace(run, id=store.id))
        for trial in trials:
            store.write_trial(msgspec.structs.replace(trial, run=store.id))

    monkeypatch.setattr(start, "start", measure)
    monkeypatch.setattr(examine, "prepare", lambda *_: Path(sys.executable))
    with called(workspace, capsys) as call:
        said = call("ab", "toy/good", "--env", "TOY_BURN_US=5", "--endpoint", "noop", "--json")
    assert said.status == 0
    result = json.loads(said.out)
    assert (workspace.results / result["run"] / "report.md").is_file()
    for told in ("blocks of 3 servers", "the same within 3 %", "report: "):
        assert told in words(said.err)


def test_a_b_that_does_other_work_is_skipped_by_git_bisect(
    call: Call, measured_as: Callable[..., None]
) -> None:
    measured_as(1000.0, excluded="sums: /cpu is off by one")
    said = call("ab", A, *CHANGE, *GATE)
    assert said.status == 125
    assert "does not do A's work: sums: /cpu is off by one" in said.sentence


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (RunFailed("PostgreSQL ended."), 4),
        (EnvironmentFailed("A cannot be made."), 4),
        (OSError(28, "No space left on device"), 4),
        (Untestable("B cannot be built."), 125),
        (Stopped("nothing is left running", 2), 130),
    ],
)
def test_what_is_no_fault_of_b_is_no_answer(
    call: Call, monkeypatch: pytest.MonkeyPatch, failure: Exception, status: int
) -> None:
    """`git bisect` would take 1 for a bad commit."""

    def fail(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr(ab, "_measure", fail)
    said = call("ab", A, *CHANGE, *GATE, "--json")
    assert (said.status, said.out) == (status, "")
    assert "Traceback" not in said.err


def test_two_equal_sides_are_told_to_be_an_a_a(monkeypatch: pytest.MonkeyPatch) -> None:
    changes = Changes(python=(interpreter_version(), "3.99"))
    study = ab_study(A, changes.sides(A), ("noop",), 8, 0.03, 2)
    catalog = load_catalog(Workspace())
    laboratory = laboratory_of(Workspace(), catalog, None)
    monkeypatch.setattr(environments, "installed", lambda _: {"asgiref": "3"})
    pythons = dict.fromkeys(laboratory.with_setups(study).catalog.implementations, Path("python"))
    assert ab._same(laboratory, study, pythons) == [f"Python {interpreter_version()}"]

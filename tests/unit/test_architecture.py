"""The import rules of the house, read from the code itself."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.workspace import Workspace

ROOT = Workspace().root
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "harness").rglob("*.py"))
}
FOUNDATION = {
    "harness.errors", "harness.files", "harness.model", "harness.workspace", "harness.decode",
}  # fmt: skip
FILES = {
    "harness.catalog", "harness.claims", "harness.contract", "harness.factors", "harness.published",
    "harness.settings", "harness.study",
}  # fmt: skip
EXAMINATIONS = {"harness.examinations"}
RECORDS = {"harness.observations", "harness.records", "harness.trial_files"} | EXAMINATIONS
MAY: dict[str, set[str]] = {
    "harness.errors": set(),
    "harness.files": set(),
    "harness.workspace": {"harness.errors"},
    "harness.model": set(),
    "harness.decode": {"harness.errors"},
    "harness.settings": set(),
    "harness.catalog": FOUNDATION | {"harness.settings"},
    "harness.claims": FOUNDATION,
    "harness.published": FOUNDATION,
    "harness.contract": FOUNDATION,
    "harness.factors": set(),
    "harness.study": {"harness.settings"},
    "harness.cells": FOUNDATION | FILES,
    "harness.comparisons": FOUNDATION | FILES,
    "harness.studies": FOUNDATION | FILES | {"harness.cells", "harness.comparisons"},
    "harness.comparability": FOUNDATION | FILES | RECORDS,
    "harness.examinations": set(),
    "harness.observations": set(),
    "harness.records": FOUNDATION | FILES | EXAMINATIONS | {"harness.observations"},
    "harness.trial_files": {"harness.records", "harness.study"},
    "harness.lab": FOUNDATION | FILES | {"harness.lab"},
    "harness.load": FOUNDATION
    | {"harness.load", "harness.lab.process", "harness.lab.clocks", "harness.lab.network"}
    | {"harness.lab.environments"},  # Locust's
    "harness.delay": FOUNDATION
    | {"harness.delay", "harness.lab.process", "harness.lab.clocks", "harness.lab.network"},
    "harness.audit": FOUNDATION | FILES | RECORDS | {"harness.audit", "harness.lab"},
    "harness.experiment": FOUNDATION
    | FILES
    | RECORDS
    | {"harness.audit", "harness.experiment", "harness.lab", "harness.load"}
    | {"harness.analysis", "harness.delay", "harness.doctor.limits"},
    "harness.analysis": FOUNDATION | FILES | RECORDS | {"harness.analysis"},
    "harness.report": FOUNDATION
    | FILES
    | RECORDS
    | {"harness.analysis", "harness.report", "harness.experiment.store"},
    "harness.publish": FOUNDATION
    | FILES
    | RECORDS
    | {"harness.analysis", "harness.comparability", "harness.experiment.store"}
    | {"harness.publish", "harness.report"},
    "harness.doctor": FOUNDATION
    | {"harness.settings", "harness.study", "harness.doctor", "harness.lab", "harness.load"}
    | {"harness.analysis.validity"},  # the thresholds of its labels
    "harness.changes": FOUNDATION | FILES | {"harness.experiment.plan"},
    "harness.show": FOUNDATION | FILES | RECORDS | {"harness.analysis", "harness.report"},
    "harness.show_audit": EXAMINATIONS,
    "harness.show_claims": {"harness.analysis", "harness.report"},
    "harness.show_compare": {"harness.analysis", "harness.comparability", "harness.report"},
    "harness.show_doctor": {"harness.doctor"},
    "harness.cli": {"harness"},
    "harness": set(),
}
"""By room: the rooms and modules of the harness that it may import."""
PURE = {"os", "subprocess", "socket", "psutil", "psycopg", "asyncio", "uvloop", "threading", "time"}
"""What touches the machine; nothing of it in analysis."""
LONGEST = 300


def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def imports(module: str) -> Iterator[str]:
    """Full names of the modules that are imported, wherever in the file."""
    for node in ast.walk(tree(module)):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(source), names=names, level=0):
                for alias in names:
                    full = f"{source}.{alias.name}"
                    yield full if full in MODULES else source
            case ast.ImportFrom():
                yield "."


def room(module: str) -> str:
    """The longest name in the table that the module stands under."""
    return max((name for name in MAY if within(module, name)), key=len)


def within(module: str, name: str) -> bool:
    return module == name or module.startswith(f"{name}.")


def test_the_table_knows_every_room() -> None:
    rooms = {".".join(module.split(".")[:2]) for module in MODULES}
    assert rooms == set(MAY)


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_in_the_direction_of_the_design(module: str) -> None:
    allowed = MAY[room(module)]
    ours = {name for name in imports(module) if within(name, "harness")}
    wrong = {name for name in ours if not any(within(name, may) for may in allowed)}
    assert wrong == set()


@pytest.mark.parametrize("module", [m for m in MODULES if within(m, "harness.analysis")])
def test_analysis_is_pure(module: str) -> None:
    assert {name.partition(".")[0] for name in imports(module)} & PURE == set()


@pytest.mark.parametrize("module", MODULES)
def test_imports_are_absolute_and_none_is_of_an_implementation_or_of_tests(module: str) -> None:
    names = {name.partition(".")[0] for name in imports(module)}
    assert names & {"", "implementations", "tests"} == set()


@pytest.mark.parametrize("module", [m for m in MODULES if not within(m, "harness.cli")])
def test_only_the_command_line_prints_and_exits(module: str) -> None:
    """Except the launcher, which is a program of its own and imports nothing of ours."""
    used: set[str] = set()
    for node in ast.walk(tree(module)):
        match node:
            case ast.Call(func=ast.Name(id="print" | "exit" | "quit" as name)):
                used.add(name)
            case ast.Call(func=ast.Attribute(value=ast.Name(id="sys"), attr="exit")):
                used.add("sys.exit")
            case ast.Call(func=ast.Attribute(value=ast.Name(id="os"), attr="_exit")):
                used.add("os._exit")
            case ast.Name(id="SystemExit"):
                used.add("SystemExit")
    assert used <= ({"sys.exit"} if module == "harness.lab.launcher" else set())


def test_the_launcher_imports_nothing_of_ours() -> None:
    """It runs isolated, without site-packages, before each program that is measured."""
    assert not [name for name in imports("harness.lab.launcher") if within(name, "harness")]


@pytest.mark.parametrize(
    "path",
    sorted((ROOT / "implementations").rglob("*.py")),
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_implementations_import_nothing_of_the_harness(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            assert not any(within(alias.name, "harness") for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert not within(node.module or "", "harness")


@pytest.mark.parametrize("module", MODULES)
def test_no_module_is_longer_than_a_reader_bears(module: str) -> None:
    assert len(MODULES[module].read_text(encoding="utf-8").splitlines()) <= LONGEST


@pytest.mark.parametrize("module", MODULES)
def test_every_module_says_what_it_is_for(module: str) -> None:
    assert ast.get_docstring(tree(module))

"""The import rules of the house, read from the code itself."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.base.workspace import Workspace

ROOT = Workspace().root
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "harness").rglob("*.py"))
}
_BELOW = {"base", "inputs", "records"}
MAY: dict[str, set[str]] = {
    "base": {"base"},
    "inputs": {"base", "inputs"},
    "records": _BELOW,
    "lab": _BELOW | {"lab"},
    "load": _BELOW | {"lab", "load"},
    "analysis": _BELOW | {"analysis"},
    "audit": _BELOW | {"lab", "load", "audit"},
    "doctor": _BELOW | {"lab", "load", "analysis", "doctor"},
    "runner": _BELOW | {"lab", "load", "analysis", "audit", "runner"},
    "report": _BELOW | {"analysis", "report"},
}
"""By room: the rooms that it may import. The command line may import all of them."""
PURE = {"os", "subprocess", "socket", "psutil", "psycopg", "asyncio", "uvloop", "threading", "time"}
"""What touches the machine; nothing of it in analysis."""


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
    """The second part of its name."""
    return module.partition(".")[2].partition(".")[0]


def within(module: str, name: str) -> bool:
    return module == name or module.startswith(f"{name}.")


def test_the_table_knows_every_room() -> None:
    assert {room(module) for module in MODULES} == {"", "cli", *MAY}


def test_the_root_holds_a_dozen_entries_at_most() -> None:
    entries = [path for path in (ROOT / "harness").iterdir() if path.name != "__pycache__"]
    assert len(entries) <= 12


@pytest.mark.parametrize("module", [m for m in MODULES if room(m) in MAY])
def test_imports_go_in_the_direction_of_the_design(module: str) -> None:
    ours = {name for name in imports(module) if within(name, "harness")}
    assert {room(name) for name in ours} <= MAY[room(module)]


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


def test_no_public_class_name_stands_twice() -> None:
    names = Counter(
        node.name
        for module in MODULES
        for node in tree(module).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("module", MODULES)
def test_every_module_says_what_it_is_for(module: str) -> None:
    assert ast.get_docstring(tree(module))


@pytest.mark.parametrize(
    "path",
    sorted((ROOT / "tests").rglob("test_*.py")),
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_no_test_module_imports_another(path: Path) -> None:
    """What several of them need lies in `tests/toys/`."""
    modules = {
        node.module or ""
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
    }
    assert [name for name in modules if name.rpartition(".")[2].startswith("test_")] == []

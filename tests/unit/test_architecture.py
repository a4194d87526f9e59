"""The import rules of the house, read from the code itself."""

import ast
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

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


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imports(module: str) -> frozenset[str]:
    """Full names of the modules that are imported, wherever in the file."""
    return frozenset(imported(module))


def imported(module: str) -> Iterator[str]:
    for node in ast.walk(tree(MODULES[module])):
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


def broken[T](modules: Iterable[T], wrong: Callable[[T], set[str]]) -> dict[T, set[str]]:
    """What is wrong, by module; one test for hundreds of modules costs as much as for one."""
    return {module: found for module in modules if (found := wrong(module))}


def test_the_table_knows_every_room() -> None:
    assert {room(module) for module in MODULES} == {"", "cli", *MAY}


def test_the_root_holds_a_dozen_entries_at_most() -> None:
    entries = [path for path in (ROOT / "harness").iterdir() if path.name != "__pycache__"]
    assert len(entries) <= 12


def test_imports_go_in_the_direction_of_the_design() -> None:
    def astray(module: str) -> set[str]:
        ours = {name for name in imports(module) if within(name, "harness")}
        return {name for name in ours if room(name) not in MAY[room(module)]}

    assert broken([m for m in MODULES if room(m) in MAY], astray) == {}


def test_analysis_imports_nothing_that_touches_the_machine() -> None:
    def impure(module: str) -> set[str]:
        return {name.partition(".")[0] for name in imports(module)} & PURE

    assert broken([m for m in MODULES if within(m, "harness.analysis")], impure) == {}


def test_imports_are_absolute_and_none_is_of_an_implementation_or_of_tests() -> None:
    def foreign(module: str) -> set[str]:
        outside = {"", "implementations", "tests"}
        return {name.partition(".")[0] for name in imports(module)} & outside

    assert broken(MODULES, foreign) == {}


def test_only_the_room_of_the_command_line_prints_and_exits() -> None:
    """Except the launcher, which is a program of its own and imports nothing of ours."""

    def used(module: str) -> set[str]:
        found: set[str] = set()
        for node in ast.walk(tree(MODULES[module])):
            match node:
                case ast.Call(func=ast.Name(id="print" | "exit" | "quit" as name)):
                    found.add(name)
                case ast.Call(func=ast.Attribute(value=ast.Name(id="sys"), attr="exit")):
                    found.add("sys.exit")
                case ast.Call(func=ast.Attribute(value=ast.Name(id="os"), attr="_exit")):
                    found.add("os._exit")
                case ast.Name(id="SystemExit"):
                    found.add("SystemExit")
        return found - ({"sys.exit"} if module == "harness.lab.launcher" else set())

    assert broken([m for m in MODULES if not within(m, "harness.cli")], used) == {}


def test_the_launcher_imports_nothing_of_ours() -> None:
    """It runs isolated, without site-packages, before each program that is measured."""
    assert not [name for name in imports("harness.lab.launcher") if within(name, "harness")]


def test_implementations_import_nothing_of_the_harness() -> None:
    def ours(path: Path) -> set[str]:
        found: set[str] = set()
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            if isinstance(node, ast.ImportFrom):
                found.add(node.module or "")
        return {name for name in found if within(name, "harness")}

    assert broken(sorted((ROOT / "implementations").rglob("*.py")), ours) == {}


def test_no_public_class_name_stands_twice() -> None:
    names = Counter(
        node.name
        for path in MODULES.values()
        for node in tree(path).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert [name for name, count in names.items() if count > 1] == []


def test_every_module_says_what_it_is_for() -> None:
    assert [m for m, path in MODULES.items() if not ast.get_docstring(tree(path))] == []


def test_no_test_module_imports_another() -> None:
    """What several of them need lies in `tests/toys/`."""

    def others(path: Path) -> set[str]:
        names = {
            node.module or "" for node in ast.walk(tree(path)) if isinstance(node, ast.ImportFrom)
        }
        return {name for name in names if name.rpartition(".")[2].startswith("test_")}

    assert broken(sorted((ROOT / "tests").rglob("test_*.py")), others) == {}

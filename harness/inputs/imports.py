"""What an implementation's application imports, read from its code without running it."""

import ast
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import msgspec
from packaging.utils import canonicalize_name

from harness.base.errors import UsageError

_NAMED = re.compile(r"\+([A-Za-z_]\w*)|(?<![\w.])([A-Za-z_]\w*)\.[A-Za-z_]")
"""A package in a text: a driver, as in `postgresql+asyncpg://`, or the beginning of a dotted name,
as in `django_async_backend.db`. A single word may be anything."""
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_FILE = re.compile(r"[\w-][\w./-]{0,200}\.\w+")
_SUFFIX = ".py"
_BY_CONVENTION = ("models", "apps")
"""Modules that Django imports of each application that its settings name."""


class Imported(msgspec.Struct, frozen=True):
    """What an application takes to run.

    files: of its folder, relative to it.
    names: of everything else that they import, or name in a text: drivers and backends are often
        loaded so. Canonical, as packages are.
    """

    files: tuple[Path, ...]
    names: frozenset[str]


def imports_of(
    folder: Path, app: str, argv: Iterable[str] = (), values: Collection[str] = ()
) -> Imported:
    """Follow an application's imports through its folder, and names of modules in its texts.

    Args:
        folder: of the implementation; imports begin there, as it is the working directory.
        app: what the server is told to serve: `app.main:app`, or a file.
        argv: of the server; files of the folder that it names belong to the application.
        values: of the variant's environment: `f"views_{kind}"` is the module of such a value.

    Raises:
        UsageError: there is no such application, or a module is no Python.
    """
    walk = _Walk(folder, values)
    place = app.partition(":")[0]
    if not walk.file(place) and not walk.module(place):
        raise UsageError(f"`{place}` is no module of {folder}; mend `app` in its pyproject.toml.")
    for part in argv:
        walk.file(part)
    return walk.found()


def all_names(folder: Path) -> frozenset[str]:
    """What any module of a folder imports or names, whether an application takes it or not."""
    walk = _Walk(folder, ())
    for path in _modules(folder):
        walk.file(str(path))
    return walk.found().names


def _modules(folder: Path) -> Iterator[Path]:
    """Every module of a folder, relative to it; environments that stand in it are hidden."""
    for path in sorted(folder.rglob(f"*{_SUFFIX}")):
        place = path.relative_to(folder)
        if not any(part.startswith(".") for part in place.parts):
            yield place


class _Walk:
    """Visits modules, each once, and gathers what they take."""

    def __init__(self, folder: Path, values: Collection[str]) -> None:
        self._folder, self._values = folder, values
        self._files: dict[Path, None] = {}
        self._names: set[str] = set()

    def found(self) -> Imported:
        """All so far."""
        names = frozenset(canonicalize_name(name) for name in self._names)
        return Imported(tuple(sorted(self._files)), names)

    def file(self, name: str) -> bool:
        """Visit a file by its path; returns whether the folder has it."""
        if not _FILE.fullmatch(name) or ".." in name or not (self._folder / name).is_file():
            return False
        self._visit(Path(name))
        return True

    def module(self, name: str) -> bool:
        """Visit a module by its dotted name, with the packages above it; returns whether the
        folder has it."""
        if not _DOTTED.fullmatch(name):
            return False
        place = Path(*name.split("."))
        options = (place / "__init__.py", place.with_suffix(_SUFFIX))
        path = next((option for option in options if (self._folder / option).is_file()), None)
        if path is None and not (self._folder / place).is_dir():
            return False
        for above in reversed(place.parents[:-1]):
            if (self._folder / above / "__init__.py").is_file():
                self._visit(above / "__init__.py")
        if path is not None:
            self._visit(path)
        return True

    def _visit(self, path: Path) -> None:
        if path in self._files:
            return
        self._files[path] = None
        if path.suffix != _SUFFIX:
            return
        try:
            tree = ast.parse((self._folder / path).read_bytes())
        except (SyntaxError, ValueError) as error:
            raise UsageError(f"{self._folder / path} is no Python ({error}); mend it.") from None
        described = {id(node) for node in _docstrings(tree)}
        package = path.parent.parts
        for node in ast.walk(tree):
            match node:
                case ast.Import(names=names):
                    for alias in names:
                        self._import(alias.name)
                case ast.ImportFrom(module=source, names=names, level=level):
                    base = package[: len(package) - level + 1] if level else ()
                    whole = ".".join((*base, *([source] if source else [])))
                    self._import(whole, [alias.name for alias in names], ours=level > 0)
                case ast.Constant(value=str(text)) if id(node) not in described:
                    self._text(text)
                case ast.JoinedStr(values=parts):
                    self._pattern(parts)

    def _import(self, name: str, members: Iterable[str] = (), *, ours: bool = False) -> None:
        if name and not self.module(name) and not ours:
            self._names.add(name.partition(".")[0])
            return
        for member in members:  # which may be a module, or anything else
            self.module(f"{name}.{member}" if name else member)

    def _text(self, text: str) -> None:
        """A text may name a file, a module, something in a module, or a package elsewhere."""
        self._names |= {driver or package for driver, package in _NAMED.findall(text)}
        if self.file(text) or not _DOTTED.fullmatch(text):
            return
        parts = text.split(".")
        for end in range(len(parts), 0, -1):
            name = ".".join(parts[:end])
            if self.module(name):
                for usual in _BY_CONVENTION:
                    self.module(f"{name}.{usual}")
                return

    def _pattern(self, parts: list[ast.expr]) -> None:
        """Modules whose name a text with gaps makes, such as `f"posts.views_{kind}"`."""
        texts = [
            re.escape(str(part.value)) if isinstance(part, ast.Constant) else r"(\w+)"
            for part in parts
        ]
        if not parts or not isinstance(parts[0], ast.Constant) or not _begins_name(parts[0].value):
            return
        pattern = re.compile("".join(texts))
        fits = {
            name: match
            for name in (".".join(p.with_suffix("").parts) for p in _modules(self._folder))
            if (match := pattern.fullmatch(name)) is not None
        }
        chosen = [n for n, match in fits.items() if set(match.groups()) <= set(self._values)]
        for name in chosen or fits:
            self.module(name)


def _begins_name(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[A-Za-z_][\w.]*", value) is not None


def _docstrings(tree: ast.Module) -> Iterator[ast.Constant]:
    """What describes modules, classes and functions; it names many things, and takes none."""
    for node in ast.walk(tree):
        match node:
            case (
                ast.Module(body=[ast.Expr(value=ast.Constant() as text), *_])
                | ast.ClassDef(body=[ast.Expr(value=ast.Constant() as text), *_])
                | ast.FunctionDef(body=[ast.Expr(value=ast.Constant() as text), *_])
                | ast.AsyncFunctionDef(body=[ast.Expr(value=ast.Constant() as text), *_])
            ):
                yield text

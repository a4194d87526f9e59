"""The command `list`: the names that other commands take."""

import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

import msgspec
import typer
from rich.text import Text

from harness.base.errors import MalformedFile, UnknownName
from harness.base.workspace import Workspace
from harness.cli import completion
from harness.cli.console import Json, open_workspace, out, print_json, warn, warn_of_broken, wrapped
from harness.cli.rows import cut

if TYPE_CHECKING:
    from harness.inputs.catalog import Catalog
    from harness.inputs.manifests import Variant

EXAMPLE = "bridgetoll list django"
_LISTS = ("variants", "studies", "runs")
_NAME = 33
"""Columns for a variant's name."""
_LEAST = 8
"""Columns in which something can still be said."""


def command(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="WHAT",
            help="variants, studies, runs, a framework or a variant.",
            autocompletion=completion.lists,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the variants, studies and runs of this checkout."""
    from harness.inputs.study_loader import study_names

    workspace, catalog = _readable(what)
    chosen = _chosen(catalog, what)
    warn_of_broken(catalog)
    names = {
        "studies": study_names(workspace),
        "runs": _runs(workspace) if what in (None, "runs") else [],
    }
    if as_json:
        variants = [
            {key: value for key, value in msgspec.structs.asdict(v).items() if key != "folder"}
            for v in chosen
        ]
        lists = {"variants": variants, **names}
        kind = what if what in _LISTS else "variants"
        print_json(lists if what is None else {kind: lists[kind]})
        return
    lines: list[Text] = []
    if what in (None, "variants"):
        lines += _frameworks(catalog, out.width)
    if what in (None, "studies"):
        lines += _studies(workspace, names["studies"], out.width)
    if what in (None, "runs"):
        lines += [_heading("Runs", names["runs"]), *(Text(n, style="bold") for n in names["runs"])]
    if what is not None and what not in _LISTS:
        lines += _details(catalog, chosen, out.width)
    out.print(*lines, sep="\n", soft_wrap=True)


def _readable(what: str | None) -> "tuple[Workspace, Catalog]":
    """This checkout and its catalog; an empty one where it cannot be read and is not asked for."""
    from harness.inputs.catalog import Catalog

    try:
        return open_workspace()
    except MalformedFile as error:
        if what not in (None, "studies", "runs"):
            raise
        warn("left out", f"{error} All variants are left out.")
        return Workspace(), Catalog({}, {})


def _chosen(catalog: "Catalog", what: str | None) -> "list[Variant]":
    """The variants that are shown: of a framework or folder, the one of that name, or all.

    Raises:
        UnknownName: there is nothing of that name.
        BridgetollError: the folder of that name cannot be read.
    """
    if what is None or what in _LISTS:
        return list(catalog.variants.values())
    framework = [v for v in catalog.variants.values() if v.framework.lower() == what.lower()]
    if framework:
        return framework
    if what in catalog.broken:
        raise catalog.broken[what]
    if what in catalog.implementations or what in catalog.variants:
        return catalog.select([what])
    if "/" in what:
        raise UnknownName("variant", what, list(catalog.variants))
    raise UnknownName("list or framework", what, [*_LISTS, *catalog.implementations])


def _frameworks(catalog: "Catalog", width: int) -> list[Text]:
    """By framework: a line for each variant, with what tells it from the others of its folder."""
    lines = [_heading("Variants", list(catalog.variants))]
    if catalog.variants:
        more = "`bridgetoll list django` shows one framework in full."
        lines.append(Text(wrapped(more, width) + "\n", style="dim"))
    for implementation in catalog.implementations.values():
        lines.append(Text(_title(catalog, implementation.name), style="italic"))
        lines += _lines(implementation.variants, width)
        lines.append(Text())
    return lines


class _Row(msgspec.Struct, frozen=True):
    """A variant's line: name, what it is, and its server, in columns.

    name: with the columns before what it is; a long name has a line of its own.
    room: columns for what it is. parts: of its title.
    """

    name: str
    room: int
    parts: tuple[str, ...]
    server: str

    @classmethod
    def of(cls, variant: "Variant", width: int) -> Self:
        """As wide as the terminal."""
        server = variant.server.removeprefix("gunicorn-")
        name = f"{variant.name:{_NAME}} "
        if len(variant.name) > _NAME and width > 2 * _NAME:
            name = f"{variant.name}\n{'':{_NAME}} "
        room = max(0, width - len(name.rpartition("\n")[2]) - len(server) - 1)
        return cls(name, room, tuple(variant.title.split(", ")), server)

    def line(self, about: str) -> Text:
        """The line, with what the variant is."""
        about = about if self.room > _LEAST else ""
        return Text.assemble((self.name, "bold"), f"{about:{self.room}} ", (self.server, "dim"))


def _lines(variants: "Sequence[Variant]", width: int) -> list[Text]:
    """The lines of one folder; one that would repeat another says how it differs instead."""
    rows = [_Row.of(variant, width) for variant in variants]
    usual = Counter(part for row in rows for part in row.parts)
    alike: dict[str, list[_Row]] = {}
    lines: list[Text] = []
    for row in rows:
        about = _about(row.parts, usual, row.room)
        before = alike.setdefault(about, [])
        difference = _difference(row, before) if before else ""
        lines.append(row.line(difference or about))
        before.append(row)
    return lines


def _about(title: Sequence[str], usual: "Counter[str]", room: int) -> str:
    """The parts of a title that fit; those that most variants share are left out first."""
    parts = list(title)
    while len(parts) > 1 and len(", ".join(parts)) > room:
        parts.pop(max(reversed(range(len(parts))), key=lambda at: usual[parts[at]]))
    return _joined(parts, room)


def _difference(row: _Row, alike: Sequence[_Row]) -> str:
    """What a variant has and not all of those have of which the same would be said."""
    shared = set(alike[0].parts).intersection(*(other.parts for other in alike))
    return _joined([part for part in row.parts if part not in shared], row.room)


def _joined(parts: Sequence[str], room: int) -> str:
    return cut(", ".join(parts).removeprefix("and "), room)


def _title(catalog: "Catalog", folder: str) -> str:
    """An implementation's title; with its folder, if another one has the same title."""
    title = catalog.implementations[folder].title
    titles = [implementation.title for implementation in catalog.implementations.values()]
    return f"{title} ({folder})" if titles.count(title) > 1 else title


def _details(catalog: "Catalog", variants: "Sequence[Variant]", width: int) -> list[Text]:
    """Each variant's name on a line of its own, and below it what it is."""
    from harness.inputs.factors import vocabulary

    tags = "; ".join(f"{tag}: {what}" for tag, what in vocabulary().tags.items())
    lines: list[Text] = [Text(wrapped(tags, width), style="dim")]
    folder = ""
    for variant in variants:
        if variant.implementation != folder:
            folder = variant.implementation
            lines += [Text(), Text(_title(catalog, folder), style="italic")]
        lines.append(Text(variant.name, style="bold"))
        parts = (variant.title, variant.server, *variant.tags)
        lines.append(Text(wrapped("; ".join(parts), width, "    ")))
    return lines


def _studies(workspace: Workspace, names: list[str], width: int) -> list[Text]:
    """Each study's name, and below it its title."""
    from harness.base.decode import toml_table
    from harness.inputs.study_loader import find_study

    lines = [_heading("Studies", names)]
    for name in names:
        try:
            title = toml_table(find_study(workspace, name)).get("title", "")
        except MalformedFile:
            title = f"cannot be read; `bridgetoll plan {shlex.quote(name)}` says why"
        lines.append(Text(name, style="bold"))
        lines.append(Text(wrapped(str(title), width, "    ")))
    return [*lines, Text()]


def _runs(workspace: Workspace) -> list[str]:
    """The runs, with a warning for each whose `run.json` is damaged.

    Only a file that is no such JSON object, or of another schema, is read whole: that takes longer.
    """
    from harness.records.store import Store, not_runs, run_ids

    for stranger, reason in not_runs(workspace.results).items():
        warn("left out", f"{workspace.results / stranger} {reason}.")
    names: list[str] = []
    for name in run_ids(workspace.results):
        store = Store(workspace.results / name)
        try:
            if not _is_sound(store.folder / "run.json"):
                store.read_run()
        except MalformedFile as error:
            warn("left out", str(error))
        else:
            names.append(name)
    return names


class _Head(msgspec.Struct):
    schema: Literal[1]
    id: str
    study: msgspec.Raw
    plan: msgspec.Raw


def _is_sound(path: Path) -> bool:
    """Whether an ordinary file holds one JSON object with the schema's number."""
    try:
        if path.is_symlink() or not path.is_file():
            return False
        msgspec.json.decode(path.read_bytes(), type=_Head)
    except (OSError, UnicodeDecodeError, RecursionError, msgspec.DecodeError):
        return False
    return True


def _heading(title: str, names: list[str]) -> Text:
    return Text(title, style="underline") if names else Text(f"{title}: none")

"""The command `list`: the names that other commands take."""

import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

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
        variants = implementation.variants
        usual = Counter(part for variant in variants for part in variant.title.split(", "))
        lines.append(Text(_title(catalog, implementation.name), style="italic"))
        lines += [_line(variant, usual, width) for variant in variants]
        lines.append(Text())
    return lines


def _line(variant: "Variant", usual: "Counter[str]", width: int) -> Text:
    """Its name, what it is, and its server, in columns; a long name has a line of its own."""
    server = variant.server.removeprefix("gunicorn-")
    name = f"{variant.name:{_NAME}} "
    if len(variant.name) > _NAME and width > 2 * _NAME:
        name = f"{variant.name}\n{'':{_NAME}} "
    room = max(0, width - len(name.rpartition("\n")[2]) - len(server) - 1)
    about = _about(variant.title, usual, room) if room > _LEAST else ""
    return Text.assemble((name, "bold"), f"{about:{room}} ", (server, "dim"))


def _about(title: str, usual: "Counter[str]", room: int) -> str:
    """The parts of a title that fit; those that most variants share are left out first."""
    parts = title.split(", ")
    while len(parts) > 1 and len(", ".join(parts)) > room:
        parts.pop(max(reversed(range(len(parts))), key=lambda at: usual[parts[at]]))
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

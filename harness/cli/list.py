"""The command `list`: the names that other commands take."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import typer
from rich.text import Text

from harness.base.errors import MalformedFile
from harness.base.workspace import Workspace
from harness.cli.console import Json, open_workspace, out, print_json, warn, warn_of_broken, wrapped

if TYPE_CHECKING:
    from harness.inputs.catalog import Catalog

EXAMPLE = "bridgetoll list studies"
_Kind = Literal["variants", "studies", "runs"]
_TAGS = "controlled: the same knobs everywhere; deployed: as an expert would run it"


def command(
    kind: Annotated[
        _Kind | None, typer.Argument(metavar="KIND", help="Only these: variants, studies or runs.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the variants, studies and runs of this checkout."""
    from harness.inputs.study_loader import study_names

    workspace, catalog = _readable(kind)
    warn_of_broken(catalog)
    names = {
        "studies": study_names(workspace),
        "runs": _runs(workspace) if kind in (None, "runs") else [],
    }
    if as_json:
        variants = [
            {key: value for key, value in msgspec.structs.asdict(v).items() if key != "folder"}
            for v in catalog.variants.values()
        ]
        lists = {"variants": variants, **names}
        print_json(lists if kind is None else {kind: lists[kind]})
        return
    lines: list[Text] = []
    if kind in (None, "variants"):
        lines += _variants(catalog, out.width)
    if kind in (None, "studies"):
        lines += _studies(workspace, names["studies"], out.width)
    if kind in (None, "runs"):
        lines += [_heading("Runs", names["runs"]), *(Text(n, style="bold") for n in names["runs"])]
    out.print(*lines, sep="\n", soft_wrap=True)


def _readable(kind: _Kind | None) -> "tuple[Workspace, Catalog]":
    """This checkout and its catalog; an empty one where it cannot be read and is not asked for."""
    from harness.inputs.catalog import Catalog

    try:
        return open_workspace()
    except MalformedFile as error:
        if kind == "variants":
            raise
        warn("left out", f"{error} All variants are left out.")
        return Workspace(), Catalog({}, {})


def _variants(catalog: "Catalog", width: int) -> list[Text]:
    """By implementation: each variant's name on a line of its own, and below it what it is."""
    lines = [_heading("Variants", list(catalog.variants))]
    lines.append(Text(wrapped(_TAGS, width) + "\n") if catalog.variants else Text())
    titles = [implementation.title for implementation in catalog.implementations.values()]
    for implementation in catalog.implementations.values():
        title = implementation.title
        if titles.count(title) > 1:
            title = f"{title} ({implementation.name})"
        lines.append(Text(title, style="italic"))
        for variant in implementation.variants:
            lines.append(Text(variant.name, style="bold"))
            parts = (variant.title, variant.server, *variant.tags)
            lines.append(Text(wrapped("; ".join(parts), width, "    ")))
        lines.append(Text())
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

"""The command `list`: the names that other commands take."""

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import typer
from rich.text import Text

from harness.base.workspace import Workspace
from harness.cli.console import Json, open_workspace, out, print_json, wrapped

if TYPE_CHECKING:
    from harness.inputs.catalog import Catalog

EXAMPLE = "bridgetoll list studies"
_Kind = Literal["variants", "studies", "runs"]


def command(
    kind: Annotated[
        _Kind | None, typer.Argument(help="Only these: variants, studies or runs.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the variants, studies and runs of this checkout."""
    from harness.inputs.study_loader import study_names
    from harness.records.store import run_ids

    workspace, catalog = open_workspace()
    names = {"studies": study_names(workspace), "runs": list(run_ids(workspace.results))}
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


def _variants(catalog: "Catalog", width: int) -> list[Text]:
    """By implementation: each variant's name on a line of its own, and below it what it is."""
    lines: list[Text] = [] if catalog.variants else [Text("Variants: none\n")]
    for implementation in catalog.implementations.values():
        lines.append(Text(implementation.title, style="underline"))
        for variant in implementation.variants:
            lines.append(Text(variant.name, style="bold"))
            parts = (variant.title, variant.server, *variant.tags)
            lines.append(Text(wrapped("; ".join(parts), width, "    ")))
        lines.append(Text())
    return lines


def _studies(workspace: Workspace, names: list[str], width: int) -> list[Text]:
    """Each study's name, and below it its title."""
    from harness.base.decode import toml_table
    from harness.base.errors import MalformedFile

    lines = [_heading("Studies", names)]
    for name in names:
        try:
            title = toml_table(workspace.shared / "studies" / f"{name}.toml").get("title", "")
        except MalformedFile:
            title = f"cannot be read; `bridgetoll plan {name}` says why"
        lines.append(Text(name, style="bold"))
        lines.append(Text(wrapped(str(title), width, "    ")))
    return [*lines, Text()]


def _heading(title: str, names: list[str]) -> Text:
    return Text(title, style="underline") if names else Text(f"{title}: none")

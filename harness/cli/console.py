"""What every command shares: the application, two consoles, options, and where things are."""

import re
import textwrap
from collections.abc import Iterable
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from harness.base.workspace import Workspace, cache_folder
from harness.cli import tables
from harness.inputs.catalog import Catalog, load_catalog
from harness.inputs.contract import Contract
from harness.runner.laboratory import Laboratory

app = typer.Typer(
    help="What does Django's thread bridge cost, and which Python web stack should you pick?",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


class _PlainConsole(Console):
    """A console that passes no control character on: texts of a run may be a stranger's, and one
    that moves the cursor, or renames the window, could hide what is said."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """What is shown, each control character but the line's end as a replacement sign."""
        for segment in super().render(renderable, options):
            if segment.control or _CONTROL.search(segment.text) is None:
                yield segment
            else:
                yield segment._replace(text=_CONTROL.sub("\N{REPLACEMENT CHARACTER}", segment.text))


_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
out = _PlainConsole(highlight=False, soft_wrap=False)
err = _PlainConsole(stderr=True, highlight=False)


def warn(label: str, text: str, style: str = "bold yellow") -> None:
    """Print `label: text` to standard error, wrapped between words: no name is broken."""
    lines = f"{label}: {text}".split("\n")
    wrapped = [
        textwrap.fill(line, err.width, break_long_words=False, break_on_hyphens=False)
        for line in lines
    ]
    message = Text("\n".join(wrapped))
    message.stylize(style, 0, len(label) + 1)
    err.print(message, soft_wrap=True)


Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--database-url",
        envvar="BRIDGETOLL_DATABASE_URL",
        help="Use this PostgreSQL instead of the embedded one.",
        show_envvar=True,
    ),
]


def open_workspace() -> tuple[Workspace, Catalog]:
    """This checkout and its catalog; warns of each implementation that cannot be read."""
    workspace = Workspace()
    catalog = load_catalog(workspace)
    for folder, error in catalog.broken.items():
        reason = str(error).replace(f"{workspace.root}/", "")
        warn("warning", f"implementations/{folder} is left out: {reason}")
    return workspace, catalog


def laboratory_of(workspace: Workspace, catalog: Catalog, database_url: str | None) -> Laboratory:
    """What a command needs that starts servers."""
    return Laboratory(
        workspace=workspace,
        cache=cache_folder(),
        catalog=catalog,
        contract=Contract(workspace),
        database_url=database_url,
        listener=tables.ProgressListener(err),
    )


def public(record: msgspec.Struct) -> dict[str, Any]:
    """A variant as JSON, without the paths of this machine."""
    return {k: v for k, v in msgspec.structs.asdict(record).items() if k != "folder"}


def print_json(value: object) -> None:
    """Indented, and nothing beside it."""
    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())

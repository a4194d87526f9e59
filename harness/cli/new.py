"""The command `new`: a folder for a framework that is not here yet."""

from typing import TYPE_CHECKING, Annotated

import typer

from harness.base.errors import UsageError
from harness.base.files import new_folder
from harness.cli import completion
from harness.cli.console import note, open_workspace, out
from harness.cli.ending import when_stopped

if TYPE_CHECKING:
    from harness.inputs.catalog import Catalog
    from harness.inputs.drafts import Draft

EXAMPLE = "bridgetoll new mine --like starlette/asyncpg"


def command(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Name of the folder under implementations/.")
    ],
    like: Annotated[
        str | None,
        typer.Option(
            "--like",
            metavar="VARIANT",
            help="Copy what this variant needs, and nothing else.",
            autocompletion=completion.variants,
        ),
    ] = None,
    empty: Annotated[
        bool, typer.Option("--empty", help="Write stubs that answer 501, without a framework.")
    ] = False,
    server: Annotated[
        str | None,
        typer.Option(
            "--server",
            metavar="NAME",
            help="Server that --empty writes for.",
            autocompletion=completion.servers,
        ),
    ] = None,
    with_: Annotated[
        list[str] | None,
        typer.Option(
            "--with", metavar="PACKAGE", help="Your framework's package, e.g. 'pyramid~=2.1'."
        ),
    ] = None,
) -> None:
    """Make a folder for a framework that is not here yet.

    It needs the network for the lock file. If it fails, it leaves nothing behind.
    """
    from harness.inputs.drafts import check_new_name, check_packages
    from harness.inputs.locks import several
    from harness.lab.environments import write_lock

    workspace, catalog = open_workspace()
    check_new_name(name, workspace.implementations)
    packages = check_packages(part for text in with_ or () for part in several(text))
    draft = _draft(catalog, name, like, server, packages, empty=empty)
    with (
        when_stopped("nothing was made; the same command starts anew."),
        new_folder(workspace.implementations / name) as folder,
    ):
        draft.write(folder)
        note("finding the packages for the lock file")
        write_lock(folder, name)
        draft.pin(folder)
    _tell(draft)


def _draft(
    catalog: "Catalog",
    name: str,
    like: str | None,
    server: str | None,
    packages: list[str],
    *,
    empty: bool,
) -> "Draft":
    from harness.inputs.drafts import draft_empty, draft_like

    if like is not None and (empty or server is not None):
        raise UsageError("--like copies the server too; leave out --empty and --server.")
    if like is not None:
        return draft_like(name, catalog.only_variant(like), catalog, packages)
    if server is None and empty:
        raise UsageError("--empty needs a server; add e.g. `--server gunicorn-gthread`.")
    if server is None:
        raise UsageError(
            f"Say what to begin with: `bridgetoll new {name} --like flask/sqlalchemy` copies a "
            f"variant, `bridgetoll new {name} --empty --server gunicorn-gthread` writes stubs."
        )
    return draft_empty(name, server, catalog, packages)


def _tell(draft: "Draft") -> None:
    """What was made and is still to be written, the next three commands, and that of the lock."""
    from harness.inputs.locks import lock_command

    name = draft.name
    out.print(f"Made implementations/{name} from {draft.source}.", soft_wrap=True)
    out.print(draft.todo, soft_wrap=True)
    out.print("Next:")
    steps = (
        (f"uv run bridgetoll verify {name} --watch", "what is missing, after every change"),
        (f"uv run bridgetoll serve {name}", "the server with a database, and its log"),
        ("uv run bridgetoll run STUDY.toml", f'a study whose `variants` have "{draft.variant}"'),
    )
    width = max(len(step) for step, _ in steps)
    for step, shows in steps:
        out.print(f"  {step:<{width}}  {shows}", soft_wrap=True)
    out.print("After each change of `dependencies` in pyproject.toml, make the lock anew:")
    out.print(f"  {lock_command(name)}", soft_wrap=True)
    out.print("docs/adding.md leads from here to a study.")

"""The commands of `bridgetoll`, in the order in which they are needed.

They must start at once. So their modules import at their top only what is light, and within their
functions what does the work.
"""

from typing import Annotated

import typer

from harness.cli import (
    ab,
    audit,
    claims,
    compare,
    doctor,
    list,
    new,
    pack,
    plan,
    publish,
    receipt,
    report,
    run,
    serve,
    twins,
    verify,
)

app = typer.Typer(
    help="What does Django's thread bridge cost, and which Python web stack should you pick?",
    no_args_is_help=True,
    rich_markup_mode=None,
)
for _module in (
    run, ab, report, list, plan, doctor, verify, audit, receipt, compare, claims, twins, publish,
    pack, serve, new,
):  # fmt: skip
    _name = _module.__name__.rpartition(".")[2]
    app.command(
        _name,
        cls=getattr(_module, "COMMAND_CLASS", None),
        epilog=f"Example: {_module.EXAMPLE}",
    )(_module.command)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"bridgetoll {version('bridgetoll')}")
        raise typer.Exit


@app.callback(epilog="Example: bridgetoll run quick")
def _bridgetoll(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    pass

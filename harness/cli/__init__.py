"""The command `bridgetoll`: parse, print, exit, and nothing else.

It must start at once. So the commands' modules import at their top only what is light, and within
their functions what does the work.
"""

import signal
import sys
from types import FrameType
from typing import Annotated

import typer

from harness.base.errors import BridgetollError
from harness.cli import (
    audit,
    claims,
    compare,
    doctor,
    list,
    pack,
    plan,
    publish,
    report,
    run,
    serve,
    verify,
)
from harness.cli.console import warn

app = typer.Typer(
    help="What does Django's thread bridge cost, and which Python web stack should you pick?",
    no_args_is_help=True,
    rich_markup_mode=None,
)
for _module in (
    run, report, list, plan, doctor, verify, audit, compare, claims, publish, pack, serve,
):  # fmt: skip
    _name = _module.__name__.rpartition(".")[2]
    app.command(_name, epilog=f"Example: {_module.EXAMPLE}")(_module.command)


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


def main() -> None:
    """Run the command: an error that a user can cause is one sentence, and never a traceback."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        app()
    except BridgetollError as error:
        warn("error", str(error), "bold red")
        sys.exit(error.exit_status)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt

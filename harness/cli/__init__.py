"""The command `bridgetoll`: parse, print, exit, and nothing else."""

import signal
import sys
from types import FrameType

from rich.text import Text

from harness.cli import (  # noqa: F401 (they register commands)
    checking,
    comparing,
    judging,
    looking,
    publishing,
    running,
    serving,
)
from harness.cli.console import app, err
from harness.errors import BridgetollError


def main() -> None:
    """Entry of the command: one sentence per error, never a traceback for what a user can cause."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        app()
    except BridgetollError as error:
        err.print(Text.assemble(("error: ", "bold red"), str(error)))
        sys.exit(error.exit_status)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt

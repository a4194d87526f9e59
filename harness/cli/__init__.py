"""The command `bridgetoll`: parse, print, exit, and nothing else."""

import signal
import sys
from types import FrameType

from harness.base.errors import BridgetollError
from harness.cli import (  # noqa: F401 (they register commands)
    claims,
    compare,
    list,
    publish,
    report,
    run,
    serve,
    verify,
)
from harness.cli.console import app, warn


def main() -> None:
    """Entry of the command: one sentence per error, never a traceback for what a user can cause."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        app()
    except BridgetollError as error:
        warn("error", str(error), "bold red")
        sys.exit(error.exit_status)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt

"""The command `bridgetoll`: parse, print, exit, and nothing else.

This module handles signals before it imports anything that takes time.
"""

import os
import sys

from harness.base import signals


def main() -> None:
    """Run the command, and tell how it ended: in one sentence, and never by a traceback.

    Any other exception than those for users is a bug, and shows where it is.
    """
    _open_standard_streams()
    signals.install()
    status: str | int | None
    try:
        status = _carry_out()
    except signals.Interrupted as interrupt:
        status = _tell(interrupt)
    signals.end()
    sys.exit(status)


def _open_standard_streams() -> None:
    """Where a shell closed one (`2>&-`), open nothing in its place: the next file that is opened,
    perhaps a trial's, would get its number, and whatever is said there."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def _carry_out() -> str | int | None:
    """Parse and run the command; returns its exit status."""
    from harness.cli.streams import READER_GONE, ReaderGone, named_output

    try:
        from harness.cli.commands import app

        with named_output():
            app()
    except SystemExit as leaving:
        return leaving.code
    except ReaderGone:
        return READER_GONE
    except Exception as error:
        return _tell(error)
    return 0


def _tell(error: Exception | signals.Interrupted) -> int:
    from harness.cli.ending import told

    return told(error)

"""Standard output that names itself where it cannot be written."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from signal import SIGPIPE
from typing import IO, cast

READER_GONE = 128 + SIGPIPE
"""The exit status of a command whose output has lost its reader, as for other signals."""


class ReaderGone(Exception):
    """The reader of standard output has left, so there is nothing more to print."""


@contextmanager
def named_output() -> Iterator[None]:
    """Within the block standard output raises `ReaderGone`, or an `OSError` with its name."""
    before = sys.stdout
    sys.stdout = cast("IO[str]", _Named(before))
    try:
        yield
    finally:
        sys.stdout = before


class _Named:
    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        if text == "":  # by which a library asks whether this is a stream of text
            return 0
        with self._naming():
            return self._stream.write(text)

    def flush(self) -> None:
        with self._naming():
            self._stream.flush()

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)

    @contextmanager
    def _naming(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            let_go(self._stream)
            if isinstance(error, BrokenPipeError):
                raise ReaderGone from None
            raise OSError(error.errno, error.strerror, "standard output") from None


def let_go(stream: IO[str]) -> None:
    """Send what is still buffered nowhere, or it would fail once more at the interpreter's end."""
    with suppress(OSError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)

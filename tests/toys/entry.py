"""The command `bridgetoll` in this process, called as the console script calls it."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec
import pytest

from harness import cli
from harness.base.workspace import Workspace


class Said(msgspec.Struct):
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The error, without its line breaks."""
        return " ".join(self.err.partition("error:")[2].split())


Call = Callable[..., Said]


@contextmanager
def called(
    workspace: Workspace, capsys: pytest.CaptureFixture[str], *command: str
) -> Iterator[Call]:
    """A function that takes what follows `bridgetoll` and the command, if one is named here."""
    with handlers_kept(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("BRIDGETOLL_ROOT", str(workspace.root))

        def run(*arguments: str) -> Said:
            patch.setattr(sys, "argv", ["bridgetoll", *command, *arguments])
            status: object = 0
            try:
                cli.main()
            except SystemExit as leaving:
                status = leaving.code or 0
            said = capsys.readouterr()
            assert isinstance(status, int)
            return Said(status, said.out, said.err)

        yield run


@contextmanager
def handlers_kept() -> Iterator[None]:
    """Afterwards the process handles signals as before: `main` handles them until its end."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

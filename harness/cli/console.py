"""What several commands share: two consoles, options, the workspace, and the laboratory."""

import re
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Annotated, cast

import msgspec
import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from harness.base.errors import MalformedFile, SystemRefused, plain
from harness.base.workspace import Workspace, cache_folder
from harness.cli import completion
from harness.cli.streams import ReaderGone, let_go

if TYPE_CHECKING:
    from harness.inputs.catalog import Catalog
    from harness.lab.measuring import MachineInUse
    from harness.records.lock import RunInUse
    from harness.records.run import Run
    from harness.records.store import Store
    from harness.records.trial import Trial
    from harness.runner.laboratory import Laboratory


class _PlainConsole(Console):
    """A console that passes no control character on: texts of a run may be a stranger's, and one
    that moves the cursor, or renames the window, could hide what is said.

    Where it is `steady`, it drops what cannot be written, because its reader is gone or a disk is
    full, and what is printed is the lesser part of the work. `lost` keeps the first reason.
    """

    def __init__(self, *, stderr: bool = False, steady: bool = False) -> None:
        super().__init__(stderr=stderr, highlight=False, soft_wrap=False)
        self.steady = steady
        self.lost: OSError | None = None

    @property
    def file(self) -> IO[str]:
        """Where it prints now."""
        return cast("IO[str]", _Printing(super().file, self))

    @file.setter
    def file(self, new_file: IO[str]) -> None:
        self._file = new_file

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """What is shown, each control character but the line's end as a replacement sign."""
        for segment in super().render(renderable, options):
            if segment.control or _CONTROL.search(segment.text) is None:
                yield segment
            else:
                yield segment._replace(text=_CONTROL.sub("\N{REPLACEMENT CHARACTER}", segment.text))


_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
"""Also halves of characters, as which Python shows a name of a file that is not UTF-8."""


_PADDED = re.compile(r" +(?=\n)")


class _Printing:
    """The stream of a console, which tells it what cannot be written."""

    def __init__(self, stream: IO[str], console: _PlainConsole) -> None:
        self._stream = stream
        self._console = console

    def write(self, text: str) -> None:
        """Write it, or drop it where the console is steady.

        A file or pipe gets no spaces at the end of a line, with which tables are filled up.
        """
        with self._lost():
            self._stream.write(text if self._console.is_terminal else _PADDED.sub("", text))

    def flush(self) -> None:
        """Let the reader have it."""
        with self._lost():
            self._stream.flush()

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)

    @contextmanager
    def _lost(self) -> Iterator[None]:
        try:
            yield
        except ReaderGone:
            self._console.lost = self._console.lost or BrokenPipeError()
            if not self._console.steady:
                raise
        except OSError as error:
            self._console.lost = self._console.lost or error
            let_go(self._stream)
            if self._console.steady:
                return
            if isinstance(error, BrokenPipeError):
                raise
            name = "standard error" if self._console.stderr else "standard output"
            raise SystemRefused(OSError(error.errno, error.strerror, name)) from None


out = _PlainConsole()
err = _PlainConsole(stderr=True, steady=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
RunName = Annotated[
    str,
    typer.Argument(metavar="RUN", help="A run's name or folder.", autocompletion=completion.runs),
]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--database-url",
        metavar="URL",
        envvar="BRIDGETOLL_DATABASE_URL",
        help="Use this PostgreSQL instead of the embedded one.",
        show_envvar=True,
    ),
]

Wait = Annotated[
    bool,
    typer.Option("--wait", help="Wait until no other process measures on this machine."),
]


def wrapped(text: str, width: int, indent: str = "", hanging: str = "") -> str:
    """`text` in lines of that width, broken between words only, so that names stay whole.

    Nor is a command broken: it stands on one line, however long, from which it can be copied.

    indent: of every line. hanging: of those that continue one, in addition.
    """
    whole = _COMMAND.sub(lambda found: found[0].replace(" ", _UNBROKEN), text)
    lines = (
        textwrap.fill(
            line, width, initial_indent=indent, subsequent_indent=indent + hanging,
            break_long_words=False, break_on_hyphens=False,
        )
        for line in whole.split("\n")
    )  # fmt: skip
    return "\n".join(lines).replace(_UNBROKEN, " ")


_COMMAND = re.compile(r"`(?:uv|bridgetoll) [^`\n]+`")
_UNBROKEN = "\ue000"
"""Of a private use: it is in no text, and no space to `textwrap`."""


def warn(label: str, text: str, style: str = "bold yellow") -> None:
    """Print `label: text` to standard error, with whole names and paths within this checkout."""
    text = text.replace(f"{Workspace().root}/", "")
    message = Text(wrapped(f"{label}: {text}", err.width))
    message.stylize(style, 0, len(label) + 1)
    err.print(message, soft_wrap=True)


def note(text: str) -> None:
    """Print to standard error what happens now."""
    err.print(Text(text, style="dim"))


@contextmanager
def measuring_alone(*, wait: bool, here: bool = True) -> Iterator[None]:
    """Within the block no other process measures on this machine; see `lab.measuring`.

    Args:
        wait: for another one to end, instead of refusing.
        here: whether this machine measures; those of a cluster see to it themselves.
    """
    from harness.lab.measuring import measuring

    if not here:
        yield
        return
    with measuring(_tell_waiting if wait else None):
        yield


@contextmanager
def using(store: "Store", *, wait: bool = False) -> Iterator[None]:
    """Within the block no other process changes or reads the run; see `records.lock`.

    Args:
        store: of the run.
        wait: for another one to end, instead of refusing.
    """
    from harness.records.lock import changing

    with changing(store.folder, _tell_waiting if wait else None) as killed:
        if killed is not None:
            note(f"{store.id}: {killed} ended without letting go; this process takes over.")
        yield


def _tell_waiting(used: "MachineInUse | RunInUse") -> None:
    note(f"waiting until {used.who} has ended")


@contextmanager
def whoever_reads() -> Iterator[None]:
    """Within the block, work goes on though nothing can be printed any more."""
    out.steady, out.lost = True, None
    try:
        yield
    finally:
        out.steady = False


def print_json(value: object) -> None:
    """Print indented JSON, and nothing beside it."""
    out.file.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")
    out.file.flush()


def open_workspace() -> tuple[Workspace, "Catalog"]:
    """This checkout and its catalog; see `warn_of_broken`."""
    from harness.inputs.catalog import load_catalog

    workspace = Workspace()
    return workspace, load_catalog(workspace)


def warn_of_broken(catalog: "Catalog", used: Iterable[str] = ()) -> None:
    """Warn of each implementation that cannot be read, and of each server that cannot be used.

    Commands call it after they have looked up their names, which fails for such a folder.

    Args:
        catalog: with what is broken.
        used: variants that the command looks up later; there is no warning for their folders.
    """
    used = list(used)
    later = {name.partition("/")[0] for name in used}
    for folder, error in catalog.broken.items():
        if folder not in later:
            warn("warning", f"{error} Variants of `{plain(folder)}` are left out.")
    told_later = {catalog.broken_server(name) for name in used}
    for server, error in catalog.broken_servers.items():
        if server not in told_later:
            warn("warning", f"{error} Variants on `{plain(server)}` are left out.")


def read_trials(store: "Store", run: "Run") -> list["Trial"]:
    """The run's trials; see `read_what_can_be`."""
    return read_what_can_be(store, run)[0]


def read_what_can_be(store: "Store", run: "Run") -> "tuple[list[Trial], list[MalformedFile]]":
    """The run's trials, and the errors of those that cannot be read, named on standard error.

    Raises:
        RunInUse: another process still measures it.
    """
    from harness.records.lock import reading

    note(f"reading {store.id}")
    with reading(store.folder):
        trials, damaged = store.trials(run)
    for problem in damaged:
        warn("left out", f"{store.id}: {problem}")
    return trials, damaged


def laboratory_of(
    workspace: Workspace,
    catalog: "Catalog",
    database_url: str | None,
    cluster: str | None = None,
) -> "Laboratory":
    """The laboratory of a command that starts servers."""
    from harness.cli.progress import ProgressListener
    from harness.inputs.contract import Contract
    from harness.lab.postgres.url import checked_url
    from harness.runner.laboratory import Laboratory

    return Laboratory(
        workspace=workspace,
        cache=cache_folder(),
        catalog=catalog,
        contract=Contract(workspace),
        database_url=None if database_url is None else checked_url(database_url),
        listener=ProgressListener(err),
        cluster=cluster,
    )

"""The command `serve`: one variant, to try it by hand."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from harness.base.errors import NotReady, RunFailed, ServerFailed
from harness.base.signals import Interrupted
from harness.cli import completion
from harness.cli.console import DatabaseUrl, err, laboratory_of, open_workspace, out, warn_of_broken
from harness.cli.options import Threads, Workers

EXAMPLE = "bridgetoll serve django/async-pool --port 8000"
_POLL_S = 0.1
_COLOUR = re.compile(rb"\x1b\[[0-9;]*m")


def command(
    variant: Annotated[
        str,
        typer.Argument(
            metavar="VARIANT",
            help="A variant, or a folder that has only one.",
            autocompletion=completion.variants,
        ),
    ],
    port: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, max=65535, help="Port to listen on; a free one if none."),
    ] = None,
    rows: Annotated[
        int, typer.Option(metavar="N", min=0, max=10_000_000, help="Number of rows in the table.")
    ] = 1_000,
    workers: Workers = 1,
    threads: Threads = 16,
    database_url: DatabaseUrl = None,
) -> None:
    """Serve one variant and its database, until Ctrl-C.

    It listens on the loopback address only. The output of the server is shown as it comes.
    """
    from harness.audit.bench import log_path
    from harness.inputs.settings import DatabaseSettings, ServerSettings
    from harness.lab.environments import prepare
    from harness.lab.servers import await_ready, launch_server

    workspace, catalog = open_workspace()
    chosen = catalog.only_variant(variant)
    warn_of_broken(catalog)
    laboratory = laboratory_of(workspace, catalog, database_url)
    python = prepare(laboratory.cache, catalog.implementations[chosen.implementation])
    with laboratory.database(DatabaseSettings()) as database:
        database.reset(rows)
        log = log_path(workspace.logs(laboratory.cache), chosen.name, "serve")
        log.unlink(missing_ok=True)
        server = launch_server(
            chosen,
            catalog.servers[chosen.server],
            python,
            ServerSettings().application(database.login(chosen.name)),
            workers=workers,
            threads=threads,
            log=log,
            port=port,
        )
        with _printed(log), server:
            try:
                await_ready(server)
            except NotReady as error:
                raise ServerFailed(f"{error.what[:-1]}; what it printed stands above.") from None
            out.print(f"{chosen.name} answers on {server.url}; stop it with Ctrl-C")
            try:
                while server.running:
                    time.sleep(0.2)
            except Interrupted:
                return
            ending = server.process.ending()
        raise RunFailed(f"The server of `{chosen.name}` {ending}; what it printed stands above.")


@contextmanager
def _printed(log: Path) -> Iterator[None]:
    """Within the block print what is added to the file, as it comes, to standard error."""
    done = threading.Event()

    def follow() -> None:
        start = 0
        while True:
            last = done.is_set()  # asked first, so that the file's end is printed too
            start = _print_from(log, start, whole_lines=not last)
            if last:
                return
            done.wait(_POLL_S)

    follower = threading.Thread(target=follow, name="server's output", daemon=True)
    follower.start()
    try:
        yield
    finally:
        done.set()
        follower.join()


def _print_from(log: Path, start: int, *, whole_lines: bool) -> int:
    """Print what follows so many bytes; returns how many bytes are printed now."""
    if not log.exists():
        return start
    with log.open("rb") as file:
        file.seek(start)
        added = file.read()
    whole = added[: added.rfind(b"\n") + 1] if whole_lines else added
    for line in _COLOUR.sub(b"", whole).decode(errors="replace").splitlines():
        err.print(Text(line), soft_wrap=True)
    return start + len(whole)

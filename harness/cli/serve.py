"""The command `serve`: one variant, to try it by hand."""

import time
from typing import Annotated

import typer

from harness.base.errors import RunFailed
from harness.base.signals import Interrupted
from harness.cli import completion
from harness.cli.console import DatabaseUrl, laboratory_of, open_workspace, out, warn_of_broken

EXAMPLE = "bridgetoll serve django/async-pool --port 8000"


def command(
    variant: Annotated[
        str,
        typer.Argument(
            metavar="VARIANT", help="A variant's name.", autocompletion=completion.variants
        ),
    ],
    port: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, max=65535, help="Port to listen on; a free one if none."),
    ] = None,
    rows: Annotated[
        int, typer.Option(metavar="N", min=0, max=10_000_000, help="Number of rows in the table.")
    ] = 1_000,
    workers: Annotated[
        int, typer.Option(metavar="N", min=1, max=1_000, help="Number of worker processes.")
    ] = 1,
    threads: Annotated[
        int,
        typer.Option(
            metavar="N", min=1, max=10_000, help="Threads per worker, where the server has threads."
        ),
    ] = 16,
    database_url: DatabaseUrl = None,
) -> None:
    """Serve one variant and its database, until Ctrl-C.

    It listens on the loopback address only.
    """
    from harness.inputs.settings import DatabaseSettings, ServerSettings
    from harness.lab.environments import prepare
    from harness.lab.servers import await_ready, launch_server

    workspace, catalog = open_workspace()
    chosen = catalog.variant(variant)
    warn_of_broken(catalog)
    laboratory = laboratory_of(workspace, catalog, database_url)
    python = prepare(laboratory.cache, catalog.implementations[chosen.implementation])
    with laboratory.database(DatabaseSettings()) as database:
        database.reset(rows)
        log = workspace.logs(laboratory.cache) / f"serve-{variant.replace('/', '.')}.log"
        log.unlink(missing_ok=True)
        server = launch_server(
            chosen,
            catalog.servers[chosen.server],
            python,
            ServerSettings().application(database.login(variant)),
            workers=workers,
            threads=threads,
            log=log,
            port=port,
        )
        with server:
            await_ready(server)
            out.print(f"{variant} answers on {server.url}; stop it with Ctrl-C")
            try:
                while server.running:
                    time.sleep(0.2)
            except Interrupted:
                return
        raise RunFailed(f"The server of `{variant}` ended. It said:\n{server.last_words()}")

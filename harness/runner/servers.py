"""An entry's server, started as the study says and reached by its legs."""

from contextlib import ExitStack
from pathlib import Path

from harness.base.errors import ServerFailed
from harness.inputs.catalog import Catalog
from harness.inputs.settings import ApplicationSettings, ServerSettings
from harness.inputs.study import Study
from harness.lab.postgres.database import Database
from harness.lab.servers import await_ready, launch_server
from harness.records.plan import Entry
from harness.records.run import Cores
from harness.runner.legs import Legs
from harness.runner.listener import Listener
from harness.runner.trial_builder import Server


class Launcher:
    """Starts servers for one session.

    Args:
        study: what servers are given.
        catalog: variants and servers.
        cores: who runs where.
        logs: where servers' standard error is kept.
        listener: who is told.
    """

    def __init__(
        self, study: Study, catalog: Catalog, cores: Cores, logs: Path, listener: Listener
    ) -> None:
        self.pythons: dict[str, Path] = {}
        self._study = study
        self._catalog = catalog
        self._cores = cores
        self._logs = logs
        self._listener = listener

    def launch(
        self, block: int, entry: Entry, database: Database, legs: Legs, stack: ExitStack
    ) -> Server:
        """Start it, and do not wait until it is ready; the stack ends it."""
        variant = self._catalog.variant(entry.variant)
        server = self._study.server_of(entry.variant)
        settings = _told(server, legs.database_url(database.login(entry.name)))
        log = self._logs / f"b{block:02d}-{entry.name.replace('/', '.').replace('#', '_')}.log"
        running = launch_server(
            variant,
            self._catalog.servers[variant.server],
            self.pythons[variant.implementation],
            settings,
            workers=server.workers,
            threads=server.threads,
            log=log,
            cpus=self._cores.application,
        )
        stack.enter_context(running)
        keep_alive = self._catalog.servers[variant.server].keep_alive
        address = legs.server_address(running.port)
        return Server(entry, running, settings, address, keep_alive=keep_alive)

    def await_ready(self, server: Server) -> None:
        """Wait; a server that does not come has a problem from then on."""
        try:
            await_ready(server.running)
        except ServerFailed as error:
            server.problem = str(error)
            self._listener.problem(str(error))


def _told(server: ServerSettings, database_url: str) -> ApplicationSettings:
    """What an implementation learns of it."""
    return ApplicationSettings(
        database_url=database_url,
        pool_size=server.pool_size,
        pool_timeout_s=server.pool_timeout_s,
        cpu_iterations=server.cpu_iterations,
        wait_ms=server.wait_ms,
    )

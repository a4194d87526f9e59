"""An entry's server, started as the study says and reached by its legs."""

from pathlib import Path

import msgspec

from harness.audit.http_client import Probe
from harness.audit.subject import Subject
from harness.base.errors import ServerFailed
from harness.inputs.catalog import Catalog
from harness.inputs.contract import Contract
from harness.inputs.settings import ApplicationSettings
from harness.inputs.study import Study
from harness.lab.network import Address
from harness.lab.postgres.database import Database
from harness.lab.servers import LiveServer, ServerGroup, await_ready, launch_server
from harness.records.plan import Entry
from harness.records.run import Cores
from harness.runner.legs import Legs


class LiveEntry(msgspec.Struct, frozen=True):
    """An entry with its running server.

    settings: what the application was given.
    address: where the load reaches it; its own, or that of a leg with added latency.
    keep_alive: whether the server keeps connections open between requests.
    """

    entry: Entry
    server: LiveServer
    settings: ApplicationSettings
    address: Address
    keep_alive: bool

    @property
    def name(self) -> str:
        """The entry's name, under which PostgreSQL's role and the generator's target are known."""
        return self.entry.name

    def subject(self, contract: Contract, database: Database, timeout_s: float) -> Subject:
        """The server as single requests find it, without a leg in between.

        timeout_s: for the answers to these requests.
        """
        return Subject(
            variant=self.name,
            probe=Probe(self.server.url, timeout_s),
            contract=contract,
            database=database,
            settings=self.settings,
        )

    def death(self) -> str | None:
        """How the server ended, with its last words; None while it runs."""
        if self.server.running:
            return None
        words = self.server.last_words()
        died = f"the server died: it {self.server.process.ending()}"
        return died + (f"; it said:\n{words}" if words else "")


class Launcher(msgspec.Struct, frozen=True):
    """Starts the servers of a run.

    pythons: the interpreter of each implementation's environment.
    logs: where servers' standard error is kept.
    """

    study: Study
    catalog: Catalog
    cores: Cores
    pythons: dict[str, Path]
    logs: Path

    def launch(
        self, block: int, entry: Entry, database: Database, legs: Legs, group: ServerGroup
    ) -> LiveEntry:
        """Start a server without waiting until it is ready; the group ends it."""
        variant = self.catalog.variant(entry.variant)
        given = self.study.server_of(entry.variant)
        settings = given.application(legs.database_url(database.login(entry.name)))
        server = launch_server(
            variant,
            self.catalog.servers[variant.server],
            self.pythons[variant.implementation],
            settings,
            workers=given.workers,
            threads=given.threads,
            log=self.logs / f"b{block:02d}-{entry.name.replace('/', '.').replace('#', '_')}.log",
            cpus=self.cores.application,
        )
        group.add(server)
        return LiveEntry(
            entry=entry,
            server=server,
            settings=settings,
            address=legs.server_address(server.port),
            keep_alive=self.catalog.servers[variant.server].keep_alive,
        )


def await_entry(live: LiveEntry) -> str | None:
    """Wait until the server answers. Returns why it does not, or None."""
    try:
        await_ready(live.server)
    except ServerFailed as error:
        return str(error)
    return None

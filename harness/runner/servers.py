"""An entry's server, started as the study says and reached by its legs."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from harness.audit.http_client import Probe
from harness.audit.subject import Subject
from harness.base.errors import ServerFailed
from harness.inputs.catalog import Catalog
from harness.inputs.contract import Contract
from harness.inputs.settings import ApplicationSettings, ServerSettings
from harness.inputs.study import Condition, Study
from harness.lab.network import HOST, Address
from harness.lab.postgres.database import Database
from harness.lab.servers import LiveServer, RunningServer, ServerGroup, launch_server
from harness.records.plan import Entry
from harness.runner.legs import Legs


class LiveEntry(msgspec.Struct, frozen=True):
    """An entry with its running server.

    settings: what the application was given.
    address: where the load reaches it; its own, or that of a leg with added latency.
    keep_alive: whether the server keeps connections open between requests.
    """

    entry: Entry
    server: RunningServer
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
        died = f"the server died: it {self.server.ending()}"
        return died + (f"; it said:\n{words}" if words else "")


class Application(msgspec.Struct, frozen=True):
    """Starts the servers of a run on this machine.

    pythons: the interpreter of each implementation's environment.
    logs: where servers' standard error is kept. cpus: processors of the servers.
    host: the address on which they listen.
    """

    catalog: Catalog
    pythons: dict[str, Path]
    logs: Path
    cpus: tuple[int, ...]
    host: str = HOST

    def start(
        self, variant: str, settings: ApplicationSettings, given: ServerSettings, log: str
    ) -> LiveServer:
        """Start a server without waiting until it is ready.

        Args:
            variant: its name.
            settings: of the application. given: workers and threads.
            log: name of the file for its output.
        """
        chosen = self.catalog.variant(variant)
        return launch_server(
            chosen,
            self.catalog.servers[chosen.server],
            self.pythons[chosen.implementation],
            settings,
            workers=given.workers,
            threads=given.threads,
            log=self.logs / log,
            cpus=self.cpus,
            host=self.host,
        )


class Launcher(msgspec.Struct, frozen=True):
    """Starts the servers of a run, on the machine of the application.

    start: see `Application.start`.
    """

    study: Study
    catalog: Catalog
    start: Callable[[str, ApplicationSettings, ServerSettings, str], RunningServer]

    def launch(
        self,
        block: int,
        entry: Entry,
        database: Database,
        legs: Legs,
        group: ServerGroup,
        condition: Condition | None = None,
    ) -> LiveEntry:
        """Start a server without waiting until it is ready; the group ends it.

        condition: for which; it may give the server workers of its own.
        """
        variant = self.catalog.variant(entry.variant)
        given = self.study.server_of(entry.variant, condition)
        settings = given.application(legs.database_url(database.login(entry.name)))
        log = f"b{block:02d}-{entry.name.replace('/', '.').replace('#', '_')}.log"
        server = self.start(entry.variant, settings, given, log)
        group.add(server)
        return LiveEntry(
            entry=entry,
            server=server,
            settings=settings,
            address=legs.server_address(server.address),
            keep_alive=self.catalog.servers[variant.server].fitted(variant.knobs).keep_alive,
        )


def await_entry(live: LiveEntry) -> str | None:
    """Wait until the server answers. Returns why it does not, or None."""
    try:
        live.server.await_ready()
    except ServerFailed as error:
        return str(error)
    return None

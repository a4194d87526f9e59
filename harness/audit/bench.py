"""The bench of checks and audits: a database, servers and logs."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from harness.inputs.contract import Contract
from harness.inputs.manifests import Variant
from harness.inputs.servers import Server
from harness.inputs.settings import ApplicationSettings
from harness.lab.postgres.database import Database
from harness.lab.servers import LiveServer, ServerGroup, await_ready, launch_server


def log_path(logs: Path, variant: str, purpose: str) -> Path:
    """The log of a variant's server in a folder of logs, one for each purpose."""
    return logs / f"{purpose}-{variant.replace('/', '.')}.log"


class Bench(msgspec.Struct, frozen=True):
    """A database, the servers of `shared/servers.toml`, and a folder for logs.

    group: of the servers that are up, so that another thread can stop them; None without one.
    """

    contract: Contract
    database: Database
    servers: dict[str, Server]
    logs: Path
    group: ServerGroup | None = None

    def log(self, variant: Variant, purpose: str) -> Path:
        """The log of a variant's server, one for each purpose."""
        return log_path(self.logs, variant.name, purpose)

    @contextmanager
    def start(
        self,
        variant: Variant,
        python: Path,
        settings: ApplicationSettings,
        log: Path,
        *,
        threads: int,
        workers: int = 1,
        extra: Mapping[str, str] | None = None,
    ) -> Iterator[LiveServer]:
        """A server that is ready, within the block; `extra` joins its environment.

        At its end it has nothing to put away, so it is not given time to.

        Raises:
            ServerFailed: it did not get ready; it has been stopped.
        """
        server = launch_server(
            msgspec.structs.replace(variant, env=variant.env | dict(extra or {})),
            self.servers[variant.server],
            python,
            settings,
            workers=workers,
            threads=threads,
            log=log,
        )
        if self.group is not None:
            self.group.add(server)
        try:
            await_ready(server)
            try:
                yield server
            finally:
                server.stop_soon()
        finally:
            if self.group is not None:
                self.group.discard(server)

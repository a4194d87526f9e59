"""What a command needs that starts servers, and the listener that it tells."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import msgspec

from harness.analysis.so_far import SoFar
from harness.base.workspace import Workspace
from harness.inputs.catalog import Catalog
from harness.inputs.contract import Contract
from harness.inputs.settings import DatabaseSettings
from harness.inputs.study import Study
from harness.lab.postgres.cluster import EmbeddedPostgres
from harness.lab.postgres.database import Database
from harness.records.plan import Phase
from harness.records.run import Cores
from harness.records.verification import Verification
from harness.runner.time_left import Stage


class Listener(Protocol):
    """Hears how a run goes. The command line shows it; a test may count it."""

    def step(self, what: str, stage: Stage | None = None) -> None:
        """Something that is not a trial begins; a part of that stage, where one is named."""

    def verified(self, verification: Verification) -> None:
        """A variant has been checked."""

    def begun(self, run: str) -> None:
        """From here on the run exists on disk, can be reported, and can be resumed."""

    def progress(self, phase: Phase, entry: str, done_slices: int, throughput: float) -> None:
        """A slice has ended; `done_slices` counts those of the whole run."""

    def planned(self, phases: Sequence[Phase], at_once: int = 1) -> None:
        """These phases are measured from here on, or again in part; so many blocks at a time."""

    def known(self, so_far: SoFar) -> None:
        """A block has ended, or one of Locust's cells; nothing is measured right now."""

    def noticed(self, what: str) -> None:
        """Trials that have just been measured bear labels that the report will show."""

    def problem(self, what: str) -> None:
        """Something went wrong, and the run goes on."""


class Laboratory(msgspec.Struct, frozen=True):
    """Where things are, what can be run, and who listens.

    cache: where environments, clusters and PostgreSQL's binaries are kept.
    database_url: of a PostgreSQL that the user named; None for the embedded one.
    cluster: address of a Dask scheduler, whose machines measure; None for this machine.
    """

    workspace: Workspace
    cache: Path
    catalog: Catalog
    contract: Contract
    database_url: str | None
    listener: Listener
    cluster: str | None = None

    def with_setups(self, study: Study) -> "Laboratory":
        """The same, with the variants that the study makes of others."""
        return msgspec.structs.replace(
            self, catalog=self.catalog.with_setups(study.setups, workers=study.server.workers)
        )

    @contextmanager
    def database(
        self, settings: DatabaseSettings, cores: Cores | None = None
    ) -> Iterator[Database]:
        """The embedded PostgreSQL, started for the block, or the one that the user named.

        Args:
            settings: of the embedded one.
            cores: whose database cores it is pinned to; not pinned if None.
        """
        if self.database_url is not None:
            with Database(self.database_url, self.contract) as database:
                yield database
            return
        self.listener.step("starting PostgreSQL", Stage.DATABASE)
        cpus = cores.database if cores else None
        with (
            EmbeddedPostgres(self.cache, settings, cpus) as cluster,
            Database(cluster.url, self.contract, cluster) as database,
        ):
            yield database

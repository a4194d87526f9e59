"""Where a run is measured: this machine, or the machines of a cluster, behind one interface."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from harness.base.errors import UsageError
from harness.inputs.study import Study
from harness.lab.latency.netem import NetemInjector, enter_namespace
from harness.lab.limits import Limits, read_limits
from harness.lab.machine import describe, pinned, propose_cores
from harness.lab.postgres.database import Database
from harness.lab.thread_limits import ThreadLimit, read_thread_limits
from harness.load.ceiling import Ceiling, measure_ceiling
from harness.records.run import Cores, MachineRecord
from harness.runner.examine import (
    Environments,
    Examination,
    examine_variants,
    prepare_environments,
)
from harness.runner.feasibility import HERE
from harness.runner.instruments import Instruments, open_instruments
from harness.runner.laboratory import Laboratory
from harness.runner.locust_cells.tools import RampTools, open_ramp_tools
from harness.runner.places.roles import Role
from harness.runner.servers import Application, Launcher

CEILING_S = 1.0
"""Of load, by which the generator's ceiling is measured."""


class Venue(Protocol):
    """Machines that together play application, database and load, and what the runner does on them.

    name: of this set of machines; None where a run has one. cores: of each role.
    machines: see `Run.machines`.
    """

    name: str | None
    cores: Cores
    machines: tuple[MachineRecord, ...]

    @property
    def machine(self) -> dict[str, str | int]:
        """The application's machine, described for the report."""

    def halt(self) -> None:
        """Let every call under way on its machines fail soon, because the run ends."""

    def prepare(self, made: Environments | None = None) -> Environments:
        """Make every environment that the study needs, unless they are made; be ready to measure.

        Raises:
            EnvironmentFailed: one cannot be made.
            UsageError: the study asks for a network that cannot be had here.
        """

    def named(self, role: Role) -> str:
        """The machine of a role, as sentences name it."""

    def limits(self) -> Limits:
        """The kernel's limits where the load comes from."""

    def thread_limits(self) -> Sequence[ThreadLimit]:
        """The kernel's limits on threads where the application runs."""

    def ceiling(self) -> Ceiling:
        """Requests per second that one process of the generator reaches at most."""

    def database(self) -> AbstractContextManager[Database]:
        """The run's database, within the block."""

    def examine(
        self, environments: Environments, database: Database, logs: Path
    ) -> Sequence[Examination]:
        """Check every variant of the study once."""

    def launcher(self, environments: Environments, logs: Path) -> Launcher:
        """What starts the servers."""

    def instruments(self, database: Database, logs: Path) -> AbstractContextManager[Instruments]:
        """What loads and watches, within the block."""

    def ramp_tools(
        self, environments: Environments, database: Database, logs: Path
    ) -> AbstractContextManager[RampTools]:
        """The same where Locust loads."""


class Here:
    """This machine."""

    name: str | None = None
    machines: tuple[MachineRecord, ...] = ()

    def __init__(self, laboratory: Laboratory, study: Study) -> None:
        self._laboratory = laboratory
        self._study = study
        self.cores = propose_cores(study.most_workers, study.load.senders)

    @property
    def machine(self) -> dict[str, str | int]:
        """See `Venue.machine`."""
        return describe()

    def halt(self) -> None:
        """Nothing: the one thread that measures here is interrupted itself."""

    def prepare(self, made: Environments | None = None) -> Environments:
        """See `Venue.prepare`."""
        environments = made or prepare_environments(self._laboratory, self._study)
        self._enter_network()
        return environments

    def _enter_network(self) -> None:
        """Where the kernel is to add latency, everything lives on a loopback of our own.

        Environments are made before: their packages come from the network that is left here.
        """
        if not self._study.delayed or self._study.network.injector != "netem":
            return
        if self._laboratory.database_url is not None:
            raise UsageError(
                "netem delays a loopback of our own, from which --database-url cannot be reached; "
                'leave it out, or use the relay (`[network] injector = "relay"`).'
            )
        enter_namespace()
        NetemInjector()  # a kernel that cannot do it says so before anything is measured

    def named(self, role: Role) -> str:
        """See `Venue.named`."""
        del role
        return HERE

    def limits(self) -> Limits:
        """See `Venue.limits`."""
        return read_limits()

    def thread_limits(self) -> Sequence[ThreadLimit]:
        """See `Venue.thread_limits`."""
        return read_thread_limits()

    def ceiling(self) -> Ceiling:
        """See `Venue.ceiling`."""
        return measure_ceiling(self.cores.application, self.cores.load, seconds=CEILING_S)

    def database(self) -> AbstractContextManager[Database]:
        """See `Venue.database`."""
        return self._laboratory.database(self._study.database, self.cores)

    def examine(
        self, environments: Environments, database: Database, logs: Path
    ) -> Sequence[Examination]:
        """See `Venue.examine`."""
        return examine_variants(self._laboratory, self._study, environments, database, logs)

    def launcher(self, environments: Environments, logs: Path) -> Launcher:
        """See `Venue.launcher`."""
        catalog = self._laboratory.catalog
        here = Application(catalog, environments.pythons, logs, self.cores.application)
        return Launcher(self._study, catalog, here.start)

    @contextmanager
    def instruments(self, database: Database, logs: Path) -> Iterator[Instruments]:
        """See `Venue.instruments`. The harness stays off the application's cores meanwhile."""
        with (
            pinned({*self.cores.load, *self.cores.database}),
            open_instruments(self._study, database, self.cores, logs) as instruments,
        ):
            yield instruments

    @contextmanager
    def ramp_tools(
        self, environments: Environments, database: Database, logs: Path
    ) -> Iterator[RampTools]:
        """See `Venue.ramp_tools`."""
        python = environments.locust
        assert python is not None
        with (
            pinned({*self.cores.load, *self.cores.database}),
            open_ramp_tools(self._study, database, self.cores, logs, python) as tools,
        ):
            yield tools


@contextmanager
def open_venues(laboratory: Laboratory, study: Study) -> Iterator[tuple[Venue, ...]]:
    """The sets of machines that the laboratory has for a study, within the block; one at least.

    Raises:
        UsageError: a cluster cannot be used.
    """
    if laboratory.cluster is None:
        yield (Here(laboratory, study),)
        return
    from harness.runner.places.cluster import connected  # `distributed` is an extra

    with connected(laboratory, study) as sets:
        yield sets

"""Everything that loads, delays and watches during a run: the instruments and their readings."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

import msgspec

from harness.inputs.study import Study
from harness.lab.clocks import MachineTime, TreeClock, process_cpu_ns, run_delay_ns
from harness.lab.latency.injector import Injector, RelayInjector
from harness.lab.latency.netem import NetemInjector
from harness.lab.postgres.checkpointer import Checkpointer
from harness.lab.postgres.database import Database
from harness.lab.postgres.waits import WaitSampler
from harness.lab.quota import CpuQuota, own_groups
from harness.lab.sentinel import Sentinel
from harness.lab.speed.probe import SpeedProbe
from harness.load.generator import Generator, ProcessGenerator
from harness.records.run import Cores
from harness.runner.legs import Legs
from harness.runner.lookout import Lookout


class Reading(msgspec.Struct, frozen=True):
    """CPU time so far, in nanoseconds; the difference of two readings is what a slice used.

    at_ns: monotonic clock.
    """

    at_ns: int
    server_ns: int
    database_ns: int | None
    generator_ns: int
    harness_ns: int
    machine_busy_ns: int
    steal_ns: int
    run_delay_ns: int | None
    relay_ns: int

    def __sub__(self, earlier: "Reading") -> "Reading":
        return Reading(
            at_ns=self.at_ns - earlier.at_ns,
            harness_ns=self.harness_ns - earlier.harness_ns,
            server_ns=self.server_ns - earlier.server_ns,
            database_ns=_difference(self.database_ns, earlier.database_ns),
            generator_ns=self.generator_ns - earlier.generator_ns,
            machine_busy_ns=self.machine_busy_ns - earlier.machine_busy_ns,
            steal_ns=self.steal_ns - earlier.steal_ns,
            relay_ns=self.relay_ns - earlier.relay_ns,
            run_delay_ns=_positive(_difference(self.run_delay_ns, earlier.run_delay_ns)),
        )


def _difference(later: int | None, earlier: int | None) -> int | None:
    return None if later is None or earlier is None else later - earlier


def _positive(value: int | None) -> int | None:
    """Threads that ended in between took their share along."""
    return None if value is None else max(0, value)


class Gauges:
    """Reads the CPU clocks of all roles together, at both edges of a slice.

    Everything that PostgreSQL does in a slice is counted to that slice: only one variant is loaded
    at a time, and background work that a variant causes is its cost too.

    Args:
        postmaster: PostgreSQL's first process; None where it cannot be watched.
        generators: the processes that load.
        cpus: the run's processors.
        helpers: other processes of the harness now, such as the speed probe, which may be
            replaced.
        relays: processes that add latency.
    """

    def __init__(
        self,
        postmaster: int | None,
        generators: Sequence[int],
        cpus: frozenset[int],
        helpers: Callable[[], Sequence[int]] = tuple,
        relays: Sequence[int] = (),
    ) -> None:
        self._database = None if postmaster is None else TreeClock(postmaster)
        self._generators = tuple(generators)
        self._cpus = cpus
        self._helpers = helpers
        self._relays = tuple(relays)

    def read(self, server: TreeClock) -> Reading:
        """Read all clocks now. The server is idle at that moment, so the order is free."""
        machine = MachineTime.read(self._cpus)
        server_ns = server.read_ns()
        return Reading(
            at_ns=time.monotonic_ns(),
            harness_ns=time.process_time_ns() + _used_ns(self._helpers()),
            server_ns=server_ns,
            database_ns=None if self._database is None else self._database.read_ns(),
            generator_ns=_used_ns(self._generators),
            machine_busy_ns=machine.busy_ns,
            steal_ns=machine.steal_ns,
            run_delay_ns=run_delay_ns(server.pids),
            relay_ns=_used_ns(self._relays),
        )

    @property
    def processes(self) -> Mapping[str, Sequence[int]]:
        """Those of each role beside the server, by its name for readers, as last read."""
        database = () if self._database is None else tuple(self._database.pids)
        return {
            "PostgreSQL": database,
            "the load generator": self._generators,
            "the relay": self._relays,
        }


def _used_ns(pids: Sequence[int]) -> int:
    return sum(process_cpu_ns(pid) or 0 for pid in pids)


class MonotonicClock(Protocol):
    """Time as a phase sees it; tests have one that is advanced by hand."""

    def now_ns(self) -> int:
        """Monotonic time."""

    def sleep(self, seconds: float) -> None:
        """Let time pass."""


class SystemClock:
    """The machine's monotonic clock."""

    def now_ns(self) -> int:
        """Monotonic time."""
        return time.monotonic_ns()

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        time.sleep(seconds)


class Instruments(msgspec.Struct, frozen=True):
    """The instruments of a run.

    generator: loads. background: another, for second loads; None where no condition has one.
    legs: the ways between the roles, and their added latency.
    gauges: reads the CPU clocks of all roles.
    sampler: asks PostgreSQL what its connections wait for.
    probe: watches the speed of the application's core; None where the study does without.
    lookout: notices what befalls a turn.
    checks: each raises an error when its partner is gone.
    """

    generator: Generator
    background: Generator | None
    legs: Legs
    gauges: Gauges
    sampler: WaitSampler
    probe: SpeedProbe | None
    lookout: Lookout
    checks: tuple[Callable[[], None], ...] = ()
    clock: MonotonicClock = SystemClock()

    def check_partners(self) -> None:
        """Notice between two turns when a process has died without which none can go on.

        Raises:
            BridgetollError: which one, and how to continue.
        """
        for check in self.checks:
            check()


@contextmanager
def open_instruments(
    study: Study, database: Database, cores: Cores, logs: Path
) -> Iterator[Instruments]:
    """The instruments that a study needs, running within the block."""
    load = study.load
    with ExitStack() as stack:
        enter = stack.enter_context
        injector = enter(open_injector(study, cores, logs)) if study.delayed else None
        legs = Legs(injector)

        def meanwhile() -> None:
            database.check_alive()
            legs.check_alive()

        generator = enter(
            ProcessGenerator(cores.load, logs / "generator.log", load.generators, meanwhile)
        )
        background = None
        if any(condition.beside is not None for condition in study.conditions):
            background = enter(ProcessGenerator(cores.load, logs / "background.log", 1, meanwhile))
        probe = enter(SpeedProbe(cores.application)) if load.probe else None
        sampler = enter(WaitSampler(database.connect, load.samples_per_s))
        gauges = Gauges(
            database.postmaster_pid,
            (*generator.pids, *(background.pids if background else ())),
            cores.all,
            helpers=lambda: () if probe is None else probe.pids,
            relays=injector.pids if injector else (),
        )
        lookout = enter(open_lookout(gauges, database.postmaster_pid, probe))
        checks = (database.check_answers, legs.check_alive)
        yield Instruments(generator, background, legs, gauges, sampler, probe, lookout, checks)


@contextmanager
def open_lookout(
    gauges: Gauges, postmaster: int | None, probe: SpeedProbe | None = None
) -> Iterator[Lookout]:
    """What notices the events of a turn, within the block."""
    checkpointer = None if postmaster is None else Checkpointer(postmaster)
    with Sentinel() as sentinel, CpuQuota(own_groups()) as quota:
        yield Lookout(
            sentinel,
            quota,
            probe,
            backbone=lambda: None if checkpointer is None else checkpointer.pid(),
            roles=lambda: gauges.processes,
            now_ns=time.monotonic_ns,
        )


@contextmanager
def open_injector(study: Study, cores: Cores, logs: Path) -> Iterator[Injector]:
    """The injector of latency that the study names, running within the block."""
    if study.network.injector == "netem":
        yield NetemInjector()
        return
    with RelayInjector(cores.load, logs / "relay.log") as relay:
        yield relay

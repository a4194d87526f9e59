"""Everything that loads, delays and watches during a run: the instruments."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from harness.inputs.study import Study
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
from harness.runner.clock import MonotonicClock, SystemClock
from harness.runner.gauges import Gauges
from harness.runner.legs import Legs
from harness.runner.lookout import Lookout
from harness.runner.watch import Watch, WatchHere


class Instruments(msgspec.Struct, frozen=True):
    """The instruments of a run.

    generator: loads. background: another, for second loads; None where no condition has one.
    legs: the ways between the roles, and their added latency.
    watch: reads the CPU clocks of all roles, and notices what befalls a turn.
    sampler: asks PostgreSQL what its connections wait for.
    checks: each raises an error when its partner is gone.
    """

    generator: Generator
    background: Generator | None
    legs: Legs
    watch: Watch
    sampler: WaitSampler
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
        watch = WatchHere(gauges, lookout, probe, SystemClock())
        yield Instruments(generator, background, legs, watch, sampler, checks)


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

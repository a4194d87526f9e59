"""Everything that loads, delays and watches during a run, started and stopped together."""

from contextlib import ExitStack
from pathlib import Path
from typing import Self

from harness.inputs.study import Study
from harness.lab.latency.injector import Injector, RelayInjector
from harness.lab.latency.netem import NetemInjector
from harness.lab.postgres.database import Database
from harness.lab.postgres.waits import WaitSampler
from harness.lab.speed.probe import SpeedProbe
from harness.load.generator import ProcessGenerator
from harness.records.run import Cores
from harness.runner.gauges import Gauges


class Instruments:
    """Generator, clocks, speed probe and wait sampler. Use as a context manager.

    speed: None where the study does without. injector: None where it adds no latency.
    background: another generator, for second loads; None where no condition has one.
    """

    def __init__(self, study: Study, database: Database, cores: Cores, logs: Path) -> None:
        load = study.load
        self._stack = ExitStack()
        with ExitStack() as stack:
            enter = stack.enter_context
            self.generator = enter(
                ProcessGenerator(cores.load, logs / "generator.log", load.generators)
            )
            self.background = _background(study, cores, logs, stack)
            self.injector = injector_for(study, cores, logs, stack) if study.delayed else None
            self.speed = enter(SpeedProbe(cores.application)) if load.probe else None
            self.sampler = enter(WaitSampler(database.connect, load.samples_per_s))
            self._stack = stack.pop_all()
        self.gauges = Gauges(
            database.postmaster_pid,
            (*self.generator.pids, *(self.background.pids if self.background else ())),
            cores.all,
            self.speed.pids if self.speed else (),
            self.injector.pids if self.injector else (),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def injector_for(study: Study, cores: Cores, logs: Path, stack: ExitStack) -> Injector:
    """The one that the study names, started."""
    if study.network.injector == "netem":
        return NetemInjector()
    return stack.enter_context(RelayInjector(cores.load, logs / "relay.log"))


def _background(
    study: Study, cores: Cores, logs: Path, stack: ExitStack
) -> ProcessGenerator | None:
    if all(condition.beside is None for condition in study.conditions):
        return None
    return stack.enter_context(ProcessGenerator(cores.load, logs / "background.log"))

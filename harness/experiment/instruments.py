"""Everything that loads and watches during a run, started together and stopped together."""

from contextlib import ExitStack
from pathlib import Path
from typing import Self

from harness.experiment.gauges import Gauges
from harness.lab.database import Database
from harness.lab.speed import SpeedProbe
from harness.lab.waits import WaitSampler
from harness.load.generator import Generator
from harness.model import Cores
from harness.study import LoadSettings


class Instruments:
    """Generator, clocks, speed probe and wait sampler. Use as a context manager.

    speed: None where the study does without.
    """

    def __init__(self, load: LoadSettings, database: Database, cores: Cores, log: Path) -> None:
        self._stack = ExitStack()
        with ExitStack() as stack:
            enter = stack.enter_context
            self.generator = enter(Generator(cores.load, log, load.generators))
            self.speed = enter(SpeedProbe(cores.application)) if load.probe else None
            self.sampler = enter(WaitSampler(database.connect, load.samples_per_s))
            self._stack = stack.pop_all()
        self.gauges = Gauges(
            database.postmaster_pid,
            self.generator.pids,
            cores.all,
            self.speed.pids if self.speed else (),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

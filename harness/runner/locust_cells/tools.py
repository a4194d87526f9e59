"""What climbs ramps, delays and watches in the cells of Locust."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import msgspec

from harness.inputs.study import Study
from harness.lab.postgres.database import Database
from harness.load.locust.driver import Locusts, LocustsHere
from harness.records.run import Cores
from harness.runner.clock import SystemClock
from harness.runner.gauges import Gauges
from harness.runner.instruments import open_injector, open_lookout
from harness.runner.legs import Legs
from harness.runner.watch import Watch, WatchHere


class RampTools(msgspec.Struct, frozen=True):
    """The instruments of a run of Locust.

    machines: that send; see `driver.climb`.
    legs: the ways between the roles, and their added latency.
    watching: the watch over one cell, within a block; PostgreSQL may be started anew between two.
    checks: each raises an error when its partner is gone.
    """

    machines: Sequence[Locusts]
    legs: Legs
    watching: Callable[[], AbstractContextManager[Watch]]
    checks: tuple[Callable[[], None], ...] = ()

    def check_partners(self) -> None:
        """Notice that something has died without which no ramp can be climbed.

        Raises:
            BridgetollError: which one, and how to continue.
        """
        for check in self.checks:
            check()


@contextmanager
def open_ramp_tools(
    study: Study, database: Database, cores: Cores, logs: Path, python: Path
) -> Iterator[RampTools]:
    """The tools of this machine, within the block.

    python: the interpreter of Locust's environment.
    """
    with ExitStack() as stack:
        injector = None
        if study.delayed:
            injector = stack.enter_context(open_injector(study, cores, logs))
        legs = Legs(injector)

        @contextmanager
        def watching() -> Iterator[Watch]:
            relays = injector.pids if injector else ()
            gauges = Gauges(database.postmaster_pid, (), cores.all, relays=relays)
            with open_lookout(gauges, database.postmaster_pid) as lookout:
                yield WatchHere(gauges, lookout, None, SystemClock())

        yield RampTools(
            machines=[LocustsHere(python, logs, cores.load)],
            legs=legs,
            watching=watching,
            checks=(database.check_alive, legs.check_alive),
        )

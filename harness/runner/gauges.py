"""CPU clocks of all roles, read together at both edges of a slice."""

import time
from collections.abc import Callable, Mapping, Sequence

import msgspec

from harness.lab.clocks import MachineTime, TreeClock, process_cpu_ns, run_delay_ns


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

    def read(self, server: TreeClock | None) -> Reading:
        """Read all clocks now. The server is idle at that moment, so the order is free.

        server: None where the application runs on another machine.
        """
        machine = MachineTime.read(self._cpus)
        server_ns = 0 if server is None else server.read_ns()
        return Reading(
            at_ns=time.monotonic_ns(),
            harness_ns=time.process_time_ns() + _used_ns(self._helpers()),
            server_ns=server_ns,
            database_ns=None if self._database is None else self._database.read_ns(),
            generator_ns=_used_ns(self._generators),
            machine_busy_ns=machine.busy_ns,
            steal_ns=machine.steal_ns,
            run_delay_ns=None if server is None else run_delay_ns(server.pids),
            relay_ns=_used_ns(self._relays),
        )

    @property
    def database_clock(self) -> TreeClock | None:
        """PostgreSQL's; None where it cannot be watched."""
        return self._database

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

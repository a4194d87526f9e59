"""The watch over the machines of a run: clocks and events at the edges of each turn."""

from collections.abc import Callable
from typing import Protocol

import msgspec

from harness.lab.servers import LiveServer, RunningServer
from harness.lab.speed.probe import SpeedProbe
from harness.records.trial import Event
from harness.runner.clock import MonotonicClock
from harness.runner.gauges import Gauges, Reading
from harness.runner.lookout import Lookout

_LOOK_S, _REST_SHARE, _LONGEST_UNREST_S = 0.005, 0.05, 0.2
"""A server rests once it uses less than that share of a core between two looks. Thirty-two requests
of async Django leave 12 ms of work; a server that works unasked for longer is labelled for it."""


class Seen(msgspec.Struct, frozen=True):
    """What a look after a turn has found.

    reading: of every clock. probe_ns: mean time of the speed probe's arithmetic; None without one.
    events: what befell the turn, stalls apart.
    running: whether the server's main process lives; True where the application is elsewhere.
    """

    reading: Reading
    probe_ns: int | None
    events: tuple[Event, ...]
    running: bool = True


class Watch(Protocol):
    """Watches all machines: one (`WatchHere`), or those of a cluster.

    Times of a reading are of the application's machine, and are compared with no other's.
    """

    def begin(self, server: RunningServer) -> int:
        """Forget what befell the warm-up; returns the server's CPU time so far, in nanoseconds."""

    def ready(self) -> None:
        """Prepare for a turn, before its clocks are read."""

    def before(self, server: RunningServer) -> Reading:
        """Read every clock, and look, before a turn."""

    def read(self, server: RunningServer) -> Reading:
        """Read every clock within a turn."""

    def after(
        self,
        server: RunningServer,
        paused_ns: int,
        period: tuple[int, int] | None = None,
        following: RunningServer | None = None,
    ) -> Seen:
        """Read every clock, and look, after a turn, once the server rests.

        What a server does after it has answered belongs to the requests that caused it: Django
        ends their threads then. On a machine without the server, PostgreSQL must rest.

        Args:
            server: whose turn it was.
            paused_ns: the longest time for which the generator did not run.
            period: over which the speed probe's readings count, by `Reading.at_ns`; from the look
                before the turn until now if None.
            following: whose turn comes next, at once. Distant machines then look before that one
                in the same call.
        """

    def database_restarted(self) -> bool:
        """Whether PostgreSQL has cut all connections so far: pools may still hold lost ones."""


class WatchHere:
    """Watches this machine, with those roles that it has.

    Args:
        gauges: reads the clocks. lookout: notices events. probe: of the application's cores.
        clock: of this machine.
    """

    def __init__(
        self, gauges: Gauges, lookout: Lookout, probe: SpeedProbe | None, clock: MonotonicClock
    ) -> None:
        self.gauges = gauges
        self._lookout = lookout
        self.probe = probe
        self._clock = clock
        self._before_ns = 0

    def begin(self, server: RunningServer) -> int:
        """See `Watch.begin`."""
        own = of_this_machine(server)
        used_ns = own.clock.read_ns()
        self._lookout.begin(own)
        return used_ns

    def ready(self) -> None:
        """See `Watch.ready`."""
        self._lookout.ready()

    def before(self, server: RunningServer | None) -> Reading:
        """See `Watch.before`; without a server, where the application runs elsewhere."""
        own = None if server is None else of_this_machine(server)
        reading = self.gauges.read(None if own is None else own.clock)
        self._before_ns = reading.at_ns
        self._lookout.before(own)
        return reading

    def read(self, server: RunningServer | None) -> Reading:
        """See `Watch.read`."""
        return self.gauges.read(None if server is None else of_this_machine(server).clock)

    def after(
        self,
        server: RunningServer | None,
        paused_ns: int,
        period: tuple[int, int] | None = None,
        following: RunningServer | None = None,
    ) -> Seen:
        """See `Watch.after`."""
        del following  # a look before its turn costs no call
        own = None if server is None else of_this_machine(server)
        working = self.gauges.database_clock if own is None else own.clock
        if working is not None:
            await_rest(working.read_ns, self._clock)
        reading = self.gauges.read(None if own is None else own.clock)
        begun_ns, ended_ns = period or (self._before_ns, reading.at_ns)
        return Seen(
            reading=reading,
            probe_ns=None if self.probe is None else self.probe.mean_ns(begun_ns, ended_ns),
            events=self._lookout.after(own, paused_ns),
            running=own is None or own.running,
        )

    def database_restarted(self) -> bool:
        """See `Watch.database_restarted`."""
        return self._lookout.database_restarted()


def await_rest(cpu_ns: Callable[[], int], clock: MonotonicClock) -> None:
    """Wait until a server, or PostgreSQL, does nothing more, or for as long as a turn may wait.

    Args:
        cpu_ns: reads the CPU time that it has used.
        clock: by which it is waited.
    """
    end_ns = clock.now_ns() + round(_LONGEST_UNREST_S * 1e9)
    now_ns, used_ns = clock.now_ns(), cpu_ns()
    while now_ns < end_ns:
        clock.sleep(_LOOK_S)
        before_ns, now_ns = now_ns, clock.now_ns()
        used_before_ns, used_ns = used_ns, cpu_ns()
        if used_ns - used_before_ns < _REST_SHARE * (now_ns - before_ns):
            return


def of_this_machine(server: RunningServer) -> LiveServer:
    """Only a server of this machine can be watched from here."""
    assert not server.distant
    return server  # type: ignore[return-value]

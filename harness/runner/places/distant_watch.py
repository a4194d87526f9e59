"""The watch over all machines of a run, whose clocks each machine reads for itself."""

import time
from collections.abc import Sequence
from typing import Any

import msgspec

from harness.lab.servers import RunningServer
from harness.runner.gauges import Reading
from harness.runner.places.distant import DistantPlace, DistantServer, key_of
from harness.runner.watch import Seen

_FRESH_S = 0.05
"""Between two turns nothing is done that takes as long, unless something holds up the harness."""


class _Early(msgspec.Struct, frozen=True):
    """A look before the turn of a server, made with the look after another's turn.

    at_s: when, on this machine's monotonic clock.
    """

    server: RunningServer
    reading: Reading
    at_s: float

    @property
    def fresh(self) -> bool:
        """Whether so little time has passed that it counts as the look just before the turn."""
        return time.monotonic() - self.at_s < _FRESH_S


class DistantWatch:
    """Watches all machines of a run; see `Watch`.

    All are asked at the same time, each reads its own clocks, and only differences of one clock's
    times are taken.

    Args:
        places: the machines.
        among: whether this process runs on one of them, and its CPU time is the harness's there.
        loading: a machine that only loads. Its clocks are read in the call that loads; see `note`.
            Its times and costs begin at 0 with each turn.
    """

    def __init__(
        self,
        places: Sequence[DistantPlace],
        *,
        among: bool = False,
        loading: DistantPlace | None = None,
    ) -> None:
        self._loading = loading
        self._others = [place for place in places if place is not loading]
        self._everywhere = [*self._others, *([loading] if loading is not None else [])]
        self._among = among
        self._early: _Early | None = None
        self._base: Reading | None = None
        self._noted: Seen | None = None
        (self._application,) = (p for p in places if "application" in p.roles)
        self._database = next((p for p in places if "database" in p.roles), None)

    def begin(self, server: RunningServer) -> int:
        """See `Watch.begin`."""
        return int(self._application.call("begin", key_of(server)))

    def ready(self) -> None:
        """Each machine is ready when it looks; see `before`."""

    def before(self, server: RunningServer) -> Reading:
        """See `Watch.before`; no call is made where the last look was for this turn too."""
        self._base = self._noted = None
        early, self._early = self._early, None
        if early is not None and early.server is server and early.fresh:
            return early.reading
        return self._merged(self._ask("before", self._others, server))

    def before_window(self) -> None:
        """The machine that only loads begins a window: it looks now."""
        if self._loading is not None:
            self._base = self._loading.call("before", None)

    def note(self, before: Reading, after: Seen) -> None:
        """The machine that only loads has looked around its slice."""
        self._base, self._noted = before, after

    def read(self, server: RunningServer) -> Reading:
        """See `Watch.read`."""
        return self._merged(self._ask("read", self._everywhere, server))

    def after(
        self,
        server: RunningServer,
        paused_ns: int,
        period: tuple[int, int] | None = None,
        following: RunningServer | None = None,
    ) -> Seen:
        """See `Watch.after`."""
        self._early = None
        noted = [] if self._noted is None else [self._noted]
        places = self._others if noted else self._everywhere
        pending = [
            place.begin("after" if following is None else "between", *arguments)
            for place in places
            for arguments in [self._arguments(place, server, paused_ns, period, following)]
        ]
        told = [place.wait(each) for place, each in zip(places, pending, strict=True)]
        if following is not None:
            early = self._merged([before for _, before in told])
            self._early = _Early(following, early, time.monotonic())
            told = [after for after, _ in told]
        seen: list[Seen] = [*told, *noted]
        own = seen[places.index(self._application)]
        if own.running and isinstance(server, DistantServer):
            server.seen_running()
        return Seen(
            reading=self._merged([each.reading for each in seen]),
            probe_ns=own.probe_ns,
            events=tuple(event for each in seen for event in each.events),
            running=own.running,
        )

    def _arguments(
        self,
        place: DistantPlace,
        server: RunningServer,
        paused_ns: int,
        period: tuple[int, int] | None,
        following: RunningServer | None,
    ) -> tuple[Any, ...]:
        """Of a look after a turn, and before the following one: each machine's own part."""
        mine = place is self._application
        own = (
            key_of(server) if mine else None,
            paused_ns if "load" in place.roles else 0,
            period if mine else None,
        )
        return own if following is None else (*own, key_of(following) if mine else None)

    def database_restarted(self) -> bool:
        """See `Watch.database_restarted`."""
        return self._database is not None and bool(self._database.call("database_restarted"))

    def _ask(
        self, method: str, places: Sequence[DistantPlace], server: RunningServer
    ) -> list[Reading]:
        pending = [
            place.begin(method, key_of(server) if place is self._application else None)
            for place in places
        ]
        return [place.wait(each) for place, each in zip(places, pending, strict=True)]

    def _merged(self, told: Sequence[Reading]) -> Reading:
        """One reading: the server's and the time of the application's machine, sums of the rest.

        told: of all machines in their order, or of all but the one that only loads, which is last
            where it is among them.
        """
        readings = list(told)
        if self._base is not None and len(readings) == len(self._everywhere):
            readings[-1] -= self._base
        own = readings[self._others.index(self._application)]
        known = [r.database_ns for r in readings if r.database_ns is not None]
        return msgspec.structs.replace(
            own,
            database_ns=sum(known) if known else None,
            generator_ns=sum(r.generator_ns for r in readings),
            harness_ns=sum(r.harness_ns for r in readings)
            + (time.process_time_ns() if self._among else 0),
            machine_busy_ns=sum(r.machine_busy_ns for r in readings),
            steal_ns=sum(r.steal_ns for r in readings),
            relay_ns=sum(r.relay_ns for r in readings),
        )

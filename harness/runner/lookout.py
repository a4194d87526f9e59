"""What befalls a turn and is no part of its load, found from looks before and after it."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from harness.lab.clocks import Offsets
from harness.lab.crew import CrewChange
from harness.lab.quota import CpuQuota
from harness.lab.sentinel import STILL_S, Pause, Sentinel
from harness.lab.servers import LiveServer
from harness.lab.speed.probe import SpeedProbe
from harness.load.protocol import Tally
from harness.records.trial import Event, EventKind

STALL_S = 1.0
"""A stall begins here. Pauses for garbage and waits on a busy core stay below, and a slice of 0.1 s
is a tenth of it."""
SLOW = 5.0
"""Times the typical latency: a server that needs two seconds for each request does not stall. It
holds added latency too, because latencies are measured with it."""
_THROTTLED = 0.01
"""Of the turn: less can hardly be seen in its figures."""
_JUMP_S = 0.1
"""A clock that is set by less than this is one that NTP corrects."""
_SLEW = 0.001
"""Of the time that passes: twice what the kernel allows NTP for a slow correction."""
_RESTARTED = "PostgreSQL restarted and cut every connection"
_ASLEEP_S = 0.01
"""No machine sleeps for less, and reading two clocks takes a thousandth of it."""


class Sight(msgspec.Struct, frozen=True):
    """A look at everything that may befall a turn; differences of two have a meaning.

    throttled_ns: None where no quota is counted. backbone: PostgreSQL's process that lives as long
        as its connections may; None where it cannot be watched.
    """

    at_ns: int
    offsets: Offsets
    throttled_ns: int | None
    backbone: int | None


class Lookout:
    """Looks before and after each turn.

    Args:
        sentinel: sees processes that stand still.
        quota: of this process's control groups.
        probe: of the application's core, kept alive here; None without one.
        backbone: the process id of PostgreSQL's checkpointer now; it ends when PostgreSQL cuts all
            connections, and only then. None where it cannot be seen.
        roles: the processes of each role beside the server, by its name for readers.
        now_ns, offsets: the machine's clocks.
    """

    def __init__(
        self,
        sentinel: Sentinel,
        quota: CpuQuota,
        probe: SpeedProbe | None,
        backbone: Callable[[], int | None],
        roles: Callable[[], Mapping[str, Sequence[int]]],
        now_ns: Callable[[], int],
        offsets: Callable[[], Offsets] = Offsets.read,
    ) -> None:
        self._sentinel = sentinel
        self._quota = quota
        self._probe = probe
        self._backbone = backbone
        self._roles = roles
        self._now_ns = now_ns
        self._offsets = offsets
        self._before: Sight | None = None
        self._known_backbone = backbone()
        self._restarted = False
        self._early: list[Event] = []

    def begin(self, server: LiveServer) -> None:
        """The warm-up is over: what befell it does not matter. The tree's clock was just read."""
        server.crew.gather()

    def database_restarted(self) -> bool:
        """Whether PostgreSQL has cut all connections so far: pools may still hold lost ones."""
        self._note_backbone(self._backbone())
        return self._restarted

    def ready(self) -> None:
        """Prepare for a turn, before its clocks are read: a lost probe is replaced."""
        self._early = [] if self._probe is None else [_probe_lost(t) for t in self._probe.revive()]

    def before(self, server: LiveServer | None) -> None:
        """Look before a turn; the tree's clock was just read.

        server: None where the application runs on another machine.
        """
        if server is not None and (change := server.crew.look()) is not None:
            self._early.append(_workers_changed(change, "before its turn"))
        self._before = self._sight()
        if self._note_backbone(self._before.backbone):
            self._early.append(_event("database-restarted", f"{_RESTARTED} before its turn"))
        own = {} if server is None else {"the server": server.clock.pids}
        self._sentinel.watch({**own, **self._roles()})

    def after(self, server: LiveServer | None, paused_ns: int) -> tuple[Event, ...]:
        """Look after it, and tell what befell it, stalls apart.

        paused_ns: the longest time for which the generator did not run.
        """
        assert self._before is not None
        stopped, late = self._sentinel.pauses()
        events = list(self._early)
        sight = self._sight()
        events += between(self._before, sight)
        self._note_backbone(sight.backbone)
        events += _stood_still(stopped, late, paused_ns)
        if server is not None and (change := server.crew.look()) is not None:
            events.append(_workers_changed(change, "in its turn"))
        if self._probe is not None:
            events += [_probe_lost(told) for told in self._probe.losses()]
        return tuple(events)

    def _note_backbone(self, now: int | None) -> bool:
        """Whether it is another one than before; none is there while PostgreSQL recovers."""
        changed = self._known_backbone is not None and now != self._known_backbone
        self._restarted |= changed
        self._known_backbone = now
        return changed

    def _sight(self) -> Sight:
        return Sight(self._now_ns(), self._offsets(), self._quota.throttled_ns(), self._backbone())


def between(before: Sight, after: Sight) -> Iterator[Event]:
    """What happened to the machine and to PostgreSQL between two looks."""
    passed_s = (after.at_ns - before.at_ns) / 1e9
    jumped_s = (after.offsets.real_ns - before.offsets.real_ns) / 1e9
    asleep_s = (after.offsets.asleep_ns - before.offsets.asleep_ns) / 1e9
    if asleep_s >= _ASLEEP_S:
        yield _event("suspended", f"the machine was suspended for {asleep_s:.2f} s", asleep_s)
        jumped_s -= asleep_s  # the time of day ran on meanwhile
    if abs(jumped_s) >= _JUMP_S + _SLEW * passed_s:
        way = "forward" if jumped_s > 0 else "back"
        detail = f"the time of day was set {way} by {abs(jumped_s):.2f} s"
        yield _event("clock-jumped", detail, abs(jumped_s))
    if before.throttled_ns is not None and after.throttled_ns is not None:
        throttled_s = (after.throttled_ns - before.throttled_ns) / 1e9
        if throttled_s > 0 and throttled_s >= _THROTTLED * passed_s:
            detail = f"a CPU quota withheld processors for {throttled_s:.2f} s of {passed_s:.2f} s"
            yield _event("throttled", detail, throttled_s)
    if before.backbone is not None and before.backbone != after.backbone:
        yield _event("database-restarted", f"{_RESTARTED} in its turn")


def stalls(tally: Tally) -> list[float]:
    """The times, in seconds, without an answer although requests were under way, from STALL_S on.

    Only correct answers have their times kept. So a stall that ends in time-outs is an error.
    """
    return gaps(tally.start_ns, *_answers(tally))


def gaps(start_ns: int, ends: NDArray[np.int64], starts: NDArray[np.int64]) -> list[float]:
    """The same of answers by the times at which they came and at which their requests were sent."""
    if not ends.size:
        return []
    order = np.argsort(ends, kind="stable")
    ends, starts = ends[order], starts[order]
    # Of those that come at the end of a gap or later, the first one sent was under way from then.
    oldest = np.minimum.accumulate(starts[::-1])[::-1]
    previous = np.concatenate(([start_ns], ends[:-1]))
    seconds = (ends - np.maximum(previous, oldest)) / 1e9
    return [float(gap) for gap in seconds if gap >= STALL_S]


def _answers(tally: Tally) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """When each correct answer came, and when its request was sent or due."""
    starts, latencies = tally.starts_ns, tally.latencies_ns
    early = tally.ends_before_ns
    return (
        np.concatenate((starts + latencies, early)),
        np.concatenate((starts, np.full(early.size, tally.start_ns, np.int64))),
    )


def stalled(longest_s: float, typical_s: float) -> Event | None:
    """The event of a gap of that length, at a server with such a latency; None for no stall."""
    if longest_s < max(STALL_S, SLOW * typical_s):
        return None
    detail = (
        f"no answer came for {longest_s:.1f} s, although requests were under way; its latency is "
        f"{typical_s * 1e3:,.0f} ms otherwise"
    )
    return _event("stalled", detail, longest_s)


def _stood_still(
    stopped: Sequence[Pause], harness: Pause | None, generator_ns: int
) -> Iterator[Event]:
    generator_s = generator_ns / 1e9
    paused = generator_s >= STILL_S
    by_role: dict[str, float] = {}
    for pause in stopped:
        by_role[pause.role] = by_role.get(pause.role, 0.0) + pause.seconds
    for role, seconds in by_role.items():
        yield _event(
            "stopped", f"{role} was stopped by a signal for about {seconds:.1f} s", seconds
        )
    if harness is not None and paused:
        seconds = max(harness.seconds, generator_s)
        detail = f"neither harness nor generator ran for {seconds:.1f} s: all stood still"
        yield _event("suspended", detail, seconds)
    elif harness is not None:
        detail = f"the harness did not run for {harness.seconds:.1f} s"
        yield _event("harness-paused", detail, harness.seconds)
    elif paused and "the load generator" not in by_role:
        detail = f"the load generator did not run for {generator_s:.1f} s"
        yield _event("generator-paused", detail, generator_s)


def _workers_changed(change: CrewChange, when: str) -> Event:
    parts = []
    if change.ended:
        parts.append(f"{change.ended} of {max(change.before, change.ended)} ended")
    if change.started:
        parts.append(f"{change.started} started")
    return _event("workers-changed", f"serving processes {when}: {', '.join(parts)}")


def _probe_lost(told: str) -> Event:
    return _event("probe-lost", told)


def _event(kind: EventKind, detail: str, seconds: float | None = None) -> Event:
    return Event(kind, None, None, detail, seconds)

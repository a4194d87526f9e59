"""What Locust's processes note of a ramp, and the one result that it makes."""

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec


class Notes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one process noted; a master has neither users nor answers.

    clock: which machine's monotonic clock, since which start of it.
    began_ns, ended_ns: on that clock.
    came: of each user, seconds since the start.
    answers: of each success, when it came in seconds since the start, and its latency in seconds.
    failed: of each failure, seconds since the start. errors: by kind.
    under_way: requests that the end cut off.
    cpu_ns: processor time of the process meanwhile.
    warned: whether Locust complained of high CPU usage of its own.
    """

    clock: str
    began_ns: int
    ended_ns: int
    came: tuple[float, ...]
    answers: tuple[tuple[float, float], ...]
    failed: tuple[float, ...]
    errors: dict[str, int]
    under_way: int
    cpu_ns: int
    warned: bool

    @property
    def lasted_s(self) -> float:
        """From start to end, in seconds."""
        return (self.ended_ns - self.began_ns) / 1e9


class RampResult(msgspec.Struct, frozen=True):
    """The result of one ramp.

    began_ns, ended_ns: on one monotonic clock; as merged that of Locust alone, or of the master.
    answers: of each success, when it came in seconds since the start, and its latency in seconds.
    failed: failures in each second, the last one begun included. errors: by kind.
    under_way: requests that the end cut off.
    came: users that came in each second, likewise.
    cpu_ns: processor time of Locust meanwhile, a master's included.
    warned: whether Locust complained of high CPU usage of its own.
    settled_s: seconds until all users were there; None where they never were.
    """

    began_ns: int
    ended_ns: int
    answers: tuple[tuple[float, float], ...]
    failed: tuple[int, ...]
    errors: dict[str, int]
    under_way: int
    came: tuple[int, ...]
    cpu_ns: int
    warned: bool
    settled_s: float | None = None

    @property
    def users(self) -> int:
        """The most at once: none goes before the end."""
        return sum(self.came)


def merge(senders: Sequence[Notes], users: int, master: Notes | None = None) -> RampResult:
    """Add up the notes of all processes that sent, to the answer.

    All times count from the start of the master, which adds the users. Clocks of two machines are
    never compared: on another machine a worker's times count from its own start, at the master's
    first message.

    Args:
        senders: of Locust alone, or of every worker.
        users: that were to come.
        master: of the workers; its processor time counts too.
    """
    first = senders[0] if master is None else master
    moved = [_moved(notes, first) for notes in senders]
    ended_ns = max(notes.ended_ns for notes in moved)
    seconds = (ended_ns - first.began_ns) // 10**9 + 1
    came = sorted(at_s for notes in moved for at_s in notes.came)
    errors: Counter[str] = Counter()
    for notes in senders:
        errors.update(notes.errors)
    everyone = senders if master is None else (*senders, master)
    return RampResult(
        began_ns=first.began_ns,
        ended_ns=ended_ns,
        answers=tuple(sorted(answer for notes in moved for answer in notes.answers)),
        failed=_by_second((at_s for notes in moved for at_s in notes.failed), seconds),
        errors=dict(errors),
        under_way=sum(notes.under_way for notes in senders),
        came=_by_second(came, seconds),
        cpu_ns=sum(notes.cpu_ns for notes in everyone),
        warned=any(notes.warned for notes in everyone),
        settled_s=came[users - 1] if len(came) >= users else None,
    )


def _moved(notes: Notes, first: Notes) -> Notes:
    """The same, counted from the start of the first, where they share a clock."""
    late_ns = notes.began_ns - first.began_ns if notes.clock == first.clock else 0
    late_s = late_ns / 1e9
    return msgspec.structs.replace(
        notes,
        began_ns=first.began_ns,
        ended_ns=first.began_ns + late_ns + notes.ended_ns - notes.began_ns,
        came=tuple(late_s + at_s for at_s in notes.came),
        answers=tuple((late_s + at_s, took_s) for at_s, took_s in notes.answers),
        failed=tuple(late_s + at_s for at_s in notes.failed),
    )


def _by_second(times_s: Iterable[float], seconds: int) -> tuple[int, ...]:
    counts = Counter(int(at_s) for at_s in times_s)
    return tuple(counts[second] for second in range(seconds))

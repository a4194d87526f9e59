"""Asks the witnesses in an observed application's processes; see `instrument/`."""

import contextlib
from collections import Counter
from typing import Any

import msgspec

from harness.audit.counters import Counters
from harness.records.observation import Amount, Frame, Happening

_COUNTED = (Amount.HOPS, Amount.RETURNS, Amount.HANDOVERS, Amount.THREADS, Amount.LOOPS)
_SWITCHES = ("voluntary_switches", "involuntary_switches")


class OpenConnections(msgspec.Struct, frozen=True):
    """What an application holds open to databases.

    count: None where its driver does not tell.
    direct: whether one goes to its database without a relay, so that its messages are not read.
    notes: what could not be seen, each as one sentence.
    """

    count: int | None
    direct: bool
    notes: tuple[str, ...]


class _Dumped(msgspec.Struct, frozen=True):
    """What a process writes: frames, and happenings that refer to them by number."""

    frames: list[tuple[str, str, str, int, str | None, str | None, str | None, str | None, int]]
    happenings: list[tuple[Amount, int, int | None, int | None, int, list[int]]]


class Witnesses(Counters):
    """The witnesses of one application, with their counters. Use as a context manager.

    What one of them cannot see is told by `notes`, and is no error.
    """

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables that have an application observed."""
        return {**super().environment, "BRIDGETOLL_RECEIPT": "1"}

    def read(self) -> Counter[str]:
        """Read every counter; only differences of two readings have a meaning.

        Returns:
            By name: amounts, `recorded` and `ended` happenings.

        Raises:
            Violation: no process answers.
        """
        total: Counter[str] = Counter()
        for told in self._answers(b"?"):
            total.update({name: int(told[name]) for name in _COUNTED})
            total[Amount.SWITCHES] += sum(int(told[name]) for name in _SWITCHES)
        for told in self._answers(b"recorded"):
            total["recorded"] += int(told["recorded"])
            total["ended"] += int(told["ended"])
        return total

    def tasks(self) -> int:
        """How many tasks of asyncio are under way."""
        return sum(int(told["tasks"]) for told in self._answers(b"tasks"))

    def happenings(self) -> list[Happening]:
        """All that has begun since this was asked last, in the order in which it began."""
        found: list[Happening] = []
        for told in self._answers(b"happenings"):
            file = self.folder / str(told["file"])
            dumped = msgspec.json.decode(file.read_bytes(), type=_Dumped)
            file.unlink()
            frames = [Frame(*fields) for fields in dumped.frames]
            found += [
                Happening(what, begin, end, thread, by, tuple(frames[n] for n in numbers))
                for what, begin, end, thread, by, numbers in dumped.happenings
            ]
        return sorted(found, key=lambda happening: happening.begin_ns)

    def connections(self) -> OpenConnections:
        """What is open to databases, in all processes."""
        told = self._answers(b"open")
        counts: list[int | None] = [one["connections"] for one in told]
        known = [count for count in counts if count is not None]
        notes = [str(note) for one in told for note in one["notes"]]
        notes += [_sentence(str(problem)) for one in told for problem in one["problems"]]
        return OpenConnections(
            count=sum(known) if len(known) == len(counts) else None,
            direct=any(one["direct"] for one in told),
            notes=tuple(dict.fromkeys(notes)),
        )

    @contextlib.contextmanager
    def paused(self) -> Any:
        """Record nothing within the block, so that memory is the application's."""
        self._answers(b"pause")
        try:
            yield
        finally:
            self._answers(b"go on")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."

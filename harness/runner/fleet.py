"""Sets of machines share the blocks of a run; one machine is the fleet of one set.

Blocks are independent, so a set takes the next one when it is free. The block of a set that is lost
is measured again on another. Dask's own retry is of tasks; what measures a block are actors, with
servers and a database that live on, and it never starts those again.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from queue import SimpleQueue
from typing import Protocol

import msgspec

from harness.base.errors import (
    BridgetollError,
    DatabaseFailed,
    GeneratorFailed,
    PlaceLost,
    RelayFailed,
)

LOST = (PlaceLost, DatabaseFailed, GeneratorFailed, RelayFailed)
"""What ends a set's part in a run, and not the run."""
_MOST_LOST = 2
"""Sets that one block may cost: it is no accident then, and would cost all the others too."""
_END_S = 4.0
"""For the other sets to end, when the run does."""


class Errand(msgspec.Struct, frozen=True):
    """A block that a set is to measure.

    whole: another set has measured a part of it. A block belongs to one set, so nothing of that
        is taken over.
    """

    block: int
    whole: bool


class MachineSet(Protocol):
    """Machines that together play application, database and load."""

    @property
    def name(self) -> str | None:
        """Told in trials; None where there is one set."""

    def halt(self) -> None:
        """Let every call under way on it fail soon."""


type Opened = AbstractContextManager[Callable[[Errand], list[str]]]
"""A set that is ready within the block: what measures an errand, and returns a sentence for each
trial that could not be completed."""


class Agenda:
    """The blocks that are still to be measured. Sets take them, each from a thread of its own.

    Args:
        blocks: their numbers.
        owners: by block, the set that measured a part of it before.
        sets: names of the sets.
        stop: says whether no block follows after so many blocks. It is asked once for each number.
        due: whether it looks at the trials then, and so waits until all these blocks are measured.
        told: hears that a block is measured, and how many are left.
        lost: hears which set is lost, and what becomes of its block.
    """

    def __init__(
        self,
        blocks: Sequence[int],
        owners: Mapping[int, str | None],
        sets: Sequence[str | None],
        stop: Callable[[int], bool],
        due: Callable[[int], bool],
        told: Callable[[int, int], None],
        lost: Callable[[str], None],
    ) -> None:
        self._pending = sorted(blocks)
        self._owners = dict(owners)
        self._sets = list(sets)
        self._stop, self._due, self._told, self._lost = stop, due, told, lost
        self._asked = -1
        self._stopped = False
        self._ended = False
        self._under_way: dict[str | None, int] = {}
        self._cost: dict[int, int] = {}
        self._changed = threading.Condition()
        self.problems: list[str] = []

    def take(self, name: str | None) -> Errand | None:
        """The next block for a set; None once no more follow. Waits while one may be given back."""
        with self._changed:
            while not self._ended:
                if (block := self._next(name)) is not None:
                    whole = self._owners.get(block, name) != name
                    self._pending.remove(block)
                    self._owners[block] = name
                    self._under_way[name] = block
                    return Errand(block, whole)
                if not self._under_way:
                    break
                self._changed.wait()
            self._changed.notify_all()
            return None

    def _next(self, name: str | None) -> int | None:
        """The first one, or one that another set has begun if no other is left; None to wait."""
        if self._stopped:  # a block that was given back had begun before
            self._pending = [block for block in self._pending if block in self._cost]
        others = {other for other in self._sets if other != name}
        order = sorted(self._pending, key=lambda b: (self._owners.get(b, name) in others, b))
        return next((block for block in order if self._may_begin(block)), None)

    def _may_begin(self, block: int) -> bool:
        """Whether nothing ends the run before this block. A look waits for what it looks at."""
        while not self._stopped and self._asked < block - 1:
            after = self._asked + 1
            unmeasured = (*self._pending, *self._under_way.values())
            if self._due(after) and any(other <= after for other in unmeasured):
                return False
            self._asked = after
            self._stopped = self._stop(after)
        return not self._stopped or block in self._cost

    def done(self, name: str | None, problems: Sequence[str]) -> None:
        """A set has measured its block."""
        with self._changed:
            block = self._under_way.pop(name)
            self.problems += problems
            self._told(block, len(self._pending) + len(self._under_way))
            self._changed.notify_all()

    def lose(self, name: str | None, error: BridgetollError) -> None:
        """A set is lost; another one measures its block again.

        Raises:
            BridgetollError: the error, where no set is left, or the block has cost another before.
        """
        with self._changed:
            if self._ended:
                return
            self._sets.remove(name)
            block = self._under_way.pop(name, None)
            if block is not None:
                self._pending = sorted((*self._pending, block))
                self._cost[block] = self._cost.get(block, 0) + 1
            if not self._sets or (block is not None and self._cost[block] >= _MOST_LOST):
                self._ended = True
                self._changed.notify_all()
                raise error
            again = "" if block is None else f"; block {block} is measured again on another set"
            why = str(error).partition("\n")[0]
            self._lost(f"the set of machines {name} takes no further part{again} ({why})")
            self._changed.notify_all()

    def end(self) -> None:
        """Give out no further block."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()


def share[Own: MachineSet](
    sets: Sequence[Own], opened: Callable[[Own], Opened], agenda: Agenda
) -> list[str]:
    """Let sets of machines measure the blocks of an agenda; one set does in this thread.

    Args:
        sets: of the run.
        opened: makes one ready; called in the thread that measures on it.
        agenda: of the run.

    Returns:
        One sentence for each trial that could not be completed.

    Raises:
        BaseException: whatever ends the run. The other sets are halted before.
    """
    if len(sets) == 1:
        _serve(sets[0], opened, agenda)
        return agenda.problems
    ends: SimpleQueue[BaseException | None] = SimpleQueue()

    def work(own: Own) -> None:
        try:
            _serve(own, opened, agenda)
        except BaseException as error:
            ends.put(error)
        else:
            ends.put(None)

    threads = [
        threading.Thread(target=work, args=(own,), name=f"set {own.name}", daemon=True)
        for own in sets
    ]
    for thread in threads:
        thread.start()
    try:
        for _ in sets:
            if (error := ends.get()) is not None:
                raise error
    except BaseException:
        agenda.end()
        for own in sets:
            own.halt()
        for thread in threads:
            thread.join(_END_S / len(threads))
        raise
    return agenda.problems


def _serve[Own: MachineSet](own: Own, opened: Callable[[Own], Opened], agenda: Agenda) -> None:
    """Measure blocks on one set until none follows, or the set is lost."""
    try:
        with opened(own) as measure:
            while (errand := agenda.take(own.name)) is not None:
                agenda.done(own.name, measure(errand))
    except LOST as error:
        agenda.lose(own.name, error)

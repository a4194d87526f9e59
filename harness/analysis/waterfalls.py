"""From one variant to another in steps: what each adds to server CPU per request."""

from itertools import pairwise

import msgspec

from harness.analysis.intervals import Interval, block_interval
from harness.analysis.levels import Levels, shared_blocks
from harness.factors import differences, factors_of
from harness.records import Run
from harness.study import Waterfall


class Step(msgspec.Struct, frozen=True):
    """One step of a waterfall.

    variant: where it leads. changed: the factors that it changes, in words.
    added: microseconds per request. share: of the whole way, 1 being all of it.
    """

    variant: str
    changed: str
    added: Interval
    share: Interval


class Fall(msgspec.Struct, frozen=True):
    """A waterfall under one condition. Its steps add up: start + steps = end, in every block.

    start, end: microseconds per request of the first and the last variant.
    """

    title: str
    first: str
    start: Interval
    steps: tuple[Step, ...]
    end: Interval


def fall(run: Run, waterfall: Waterfall, found: Levels) -> Fall | None:
    """The waterfall as far as it was measured; None where an end of it was not.

    Steps are taken from the blocks that have every variant of it, so that they add up. A variant
    that was not measured is left out, and the step over it changes what both would have changed.
    """
    present = [name for name in waterfall.steps if name in found]
    if len(present) < 2 or present[0] != waterfall.steps[0] or present[-1] != waterfall.steps[-1]:
        return None
    blocks = shared_blocks(found, present)
    start = block_interval([found[present[0]][b] for b in blocks])
    end = block_interval([found[present[-1]][b] for b in blocks])
    if start is None or end is None:
        return None
    way = [found[present[-1]][b] - found[present[0]][b] for b in blocks]
    steps: list[Step] = []
    for before, after in pairwise(present):
        values = [found[after][b] - found[before][b] for b in blocks]
        added = block_interval(values)
        share = block_interval([v / whole for v, whole in zip(values, way, strict=True) if whole])
        assert added is not None
        assert share is not None
        steps.append(Step(after, _changed(run, before, after), added, share))
    return Fall(waterfall.title, present[0], start, tuple(steps), end)


def _changed(run: Run, before: str, after: str) -> str:
    factors = [factors_of(name, run.variants[name]) for name in (before, after)]
    return ", ".join(
        f"{factor}: {old} to {new}" for factor, (old, new) in differences(*factors).items()
    )

"""Things that are begun one after the other at a steady rate."""

import asyncio
from collections.abc import AsyncIterator
from time import monotonic_ns

_TICK_S = 0.001
"""libuv's timers count in whole milliseconds; what is due within one is begun together."""


async def paced(count: int, gap_ns: float) -> AsyncIterator[int]:
    """The numbers from 0 to `count`, each when it is due; all at once if there is no gap.

    A loop that was held up catches up: the rate holds over the whole.
    """
    start = monotonic_ns()
    for number in range(count):
        while gap_ns and monotonic_ns() < start + number * gap_ns:
            await asyncio.sleep(_TICK_S)
        yield number

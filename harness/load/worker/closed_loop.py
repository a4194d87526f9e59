"""The closed loop: each of N connections sends its next request when the answer has come."""

import asyncio
from time import monotonic_ns

from harness.load.worker.connection import Connection
from harness.load.worker.meter import Meter
from harness.load.worker.pace import paced


class ClosedLoop:
    """Sends on every place until the deadline, then waits for the requests under way.

    spread_ns: the places send their first requests evenly over so long; all at once if 0.
    """

    def __init__(
        self, places: list[Connection], meter: Meter, deadline_ns: int, spread_ns: int = 0
    ) -> None:
        self.meter = meter
        self.last_ns = monotonic_ns()
        self._places = places
        self._deadline_ns = deadline_ns
        self._spread_ns = spread_ns
        self._pending = 0  # places that still send, or wait for an answer
        self._drained = asyncio.Event()

    async def run(self) -> None:
        """Load until the deadline, and drain."""
        count = self._pending = len(self._places)
        gap_ns = self._spread_ns / count
        async for place in paced(count, gap_ns):
            self._places[place].send(self)
        await self._drained.wait()

    def answered(self, place: int, now: int) -> None:
        """See `connection.Loop`."""
        if now < self._deadline_ns:
            self._places[place].send(self)
            return
        self.last_ns = now
        self._pending -= 1
        if self._pending == 0:
            self._drained.set()

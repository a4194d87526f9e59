"""The open loop: requests are sent when they are due, whether or not earlier ones are answered.

Latency counts from the time at which a request was due. So a server that stalls is charged for all
requests that were due meanwhile (no coordinated omission). Each arrival takes the connection that
has been idle longest. Where none is idle, it is dropped and counted: there are as many connections
as the condition allows, and they are kept alive where the server keeps them.

libuv's timers count in whole milliseconds, too coarse for a schedule. So a timerfd
(timerfd_create(2)) rings for the next arrival, and the schedule is also checked after each answer.
"""

import asyncio
import os
import time
from collections import deque
from time import monotonic_ns

from harness.load.worker.connection import Connection
from harness.load.worker.meter import Meter


class OpenLoop:
    """Sends at the given times, then waits for the requests under way.

    due: ascending, in nanoseconds of the monotonic clock.
    """

    def __init__(self, places: list[Connection], meter: Meter, due: list[int]) -> None:
        self.meter = meter
        self._places = places
        self._idle = deque(range(len(places)))
        self._due = due
        self._next = 0
        self._next_ns = due[0] if due else 0
        self._drained = asyncio.Event()
        self._timer = -1

    async def run(self) -> None:
        """Send every request when it is due, and drain."""
        if not self._due:
            return
        loop = asyncio.get_running_loop()
        self._timer = os.timerfd_create(time.CLOCK_MONOTONIC, flags=os.TFD_NONBLOCK)
        loop.add_reader(self._timer, self._wake)
        try:
            self._send_due(monotonic_ns())
            await self._drained.wait()
        finally:
            loop.remove_reader(self._timer)
            os.close(self._timer)

    def answered(self, place: int, now: int) -> None:
        """See `connection.Loop`."""
        self._idle.append(place)
        if self._next < len(self._due):
            if self._next_ns <= now:
                self._send_due(now)
        elif len(self._idle) == len(self._places):
            self._drained.set()

    def _wake(self) -> None:
        try:
            os.read(self._timer, 8)
        except BlockingIOError:
            return  # it was set again after it rang
        self._send_due(monotonic_ns())

    def _send_due(self, now: int) -> None:
        due, count = self._due, len(self._due)
        while self._next < count and due[self._next] <= now:
            self._arrive(due[self._next], now)
            self._next += 1
            now = monotonic_ns()
        if self._next < count:
            self._next_ns = due[self._next]
            os.timerfd_settime_ns(self._timer, flags=os.TFD_TIMER_ABSTIME, initial=self._next_ns)
        elif len(self._idle) == len(self._places):
            self._drained.set()

    def _arrive(self, due: int, now: int) -> None:
        if not self._idle:
            self.meter.drop(due)
            return
        self.meter.late(due, now)
        self._places[self._idle.popleft()].send(self, due)

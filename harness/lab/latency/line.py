"""What is under way on one leg: pieces in the order in which they are due.

All connections of a leg share a queue and one timer, which wakes for its head. Connections do not
wait for each other: one that is just being opened has pieces that are due later than those that
others send after them. libuv's timers count in whole milliseconds; a timerfd (timerfd_create(2))
counts in nanoseconds.
"""

import asyncio
import heapq
import itertools
import os
import time
from collections.abc import Callable
from time import monotonic_ns

Deliver = Callable[[bytes | None], None]
"""Takes what has arrived; None is the end of what one side says."""


class Line:
    """One leg, both directions.

    one_way_ns: how long a piece is under way; half of the round trip. May be changed at any time:
        what is under way keeps its due time.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.one_way_ns = 0
        self._queue: list[tuple[int, int, Deliver, bytes | None]] = []
        self._numbers = itertools.count()
        self._timer = os.timerfd_create(time.CLOCK_MONOTONIC, flags=os.TFD_NONBLOCK)
        self._loop = loop
        loop.add_reader(self._timer, self._wake)

    @property
    def empty(self) -> bool:
        """Whether nothing is under way."""
        return not self._queue

    def send(
        self, deliver: Deliver, piece: bytes | None, not_before_ns: int = 0, after_ns: int = 0
    ) -> int:
        """Put a piece on its way.

        Args:
            deliver: is called with it when it is due.
            piece: or None for the end.
            not_before_ns: on the monotonic clock: before then it does not set out.
            after_ns: when the piece before it on the same connection is due, which it never
                overtakes.

        Returns:
            When it is due.
        """
        due = max(after_ns, max(monotonic_ns(), not_before_ns) + self.one_way_ns)
        number = next(self._numbers)
        heapq.heappush(self._queue, (due, number, deliver, piece))
        if self._queue[0][1] == number:
            self._set_timer(due)
        return due

    def close(self) -> None:
        """Forget what is under way."""
        self._queue.clear()
        self._loop.remove_reader(self._timer)
        os.close(self._timer)

    def _set_timer(self, due_ns: int) -> None:
        # A time that has passed rings at once; 0 would disarm.
        os.timerfd_settime_ns(self._timer, flags=os.TFD_TIMER_ABSTIME, initial=max(1, due_ns))

    def _wake(self) -> None:
        try:
            os.read(self._timer, 8)
        except BlockingIOError:
            return  # set anew since it rang
        queue = self._queue
        try:
            while queue and queue[0][0] <= monotonic_ns():
                _, _, deliver, piece = heapq.heappop(queue)
                deliver(piece)
        finally:  # whatever went wrong for one, the others' pieces go on
            if queue:
                self._set_timer(queue[0][0])

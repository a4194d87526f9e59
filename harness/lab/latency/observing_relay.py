"""A relay in a thread of the harness that shows all bytes to an observer."""

import asyncio
import threading
from collections.abc import Callable
from typing import Self

from harness.lab.latency.relay import Line, Observer, Relay
from harness.lab.network import HOST, Address


class ObservingRelay:
    """Relays one target from a port on loopback, without delay. Use as a context manager.

    It runs in the harness's own process, so it serves to count and not to measure.

    Args:
        target: where to connect to.
        observe: makes an observer for each connection, when it is accepted.
    """

    def __init__(self, target: Address, observe: Callable[[], Observer]) -> None:
        self._target = target.host, target.port
        self._observe = observe
        self._relay = Relay()
        self._port = 0
        self._loop = asyncio.new_event_loop()
        self._line = Line(self._loop)
        self._thread = threading.Thread(target=self._loop.run_forever, name="relay", daemon=True)

    @property
    def address(self) -> Address:
        """Where to reach the target through the relay."""
        return Address(HOST, self._port)

    def __enter__(self) -> Self:
        self._thread.start()
        listening = self._relay.listen(self._line, self._target, self._observe)
        self._port = asyncio.run_coroutine_threadsafe(listening, self._loop).result()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        self._relay.close()
        self._line.close()
        connecting = asyncio.all_tasks() - {asyncio.current_task()}  # which have been cancelled
        await asyncio.gather(*connecting, return_exceptions=True)
        await asyncio.sleep(0)  # sockets close in the loop's next turn

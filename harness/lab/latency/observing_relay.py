"""A relay in a thread of the harness that shows all bytes to an observer."""

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from harness.lab.latency.relay import Line, Observer, Relay, Target
from harness.lab.network import HOST, Address


class ObservingRelay:
    """Relays one target from a port on loopback, without delay. Use as a context manager.

    It runs in the harness's own process, so it serves to count and not to measure.

    Args:
        target: where to connect to; a path is that of a Unix socket.
        observe: makes an observer for each connection, when it is accepted; none if None.
        place: a path to listen at, in place of a port.
    """

    def __init__(
        self,
        target: Address | Path,
        observe: Callable[[], Observer] | None = None,
        place: Path | None = None,
    ) -> None:
        self._target: Target = (
            str(target) if isinstance(target, Path) else (target.host, target.port)
        )
        self._observe = observe
        self._place = place
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
        place = _bound(0) if self._place is None else _bound_at(self._place)
        self._port = self._run(self._listen(place))
        return self

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Refuse new connections within the block, as if the target had gone.

        Open connections live on. The port stays taken, so no other program gets it meanwhile.
        """
        place = self._run(self._refuse())
        try:
            yield
        finally:
            self._run(self._listen(place))

    def __exit__(self, *_: object) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run[Result](self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _listen(self, place: socket.socket) -> int:
        return await self._relay.listen(self._line, self._target, self._observe, place)

    async def _refuse(self) -> socket.socket:
        """A socket that is bound to the relay's port and does not listen: the kernel refuses."""
        place = _bound(self._port)
        await self._relay.refuse()
        await asyncio.sleep(0)  # the listening socket closes in the loop's next turn
        return place

    async def _close(self) -> None:
        self._relay.close()
        self._line.close()
        connecting = asyncio.all_tasks() - {asyncio.current_task()}  # which have been cancelled
        await asyncio.gather(*connecting, return_exceptions=True)
        await asyncio.sleep(0)  # sockets close in the loop's next turn


def _bound_at(path: Path) -> socket.socket:
    place = socket.socket(socket.AF_UNIX)
    place.bind(str(path))
    return place


def _bound(port: int) -> socket.socket:
    """A socket on that port, or on a free one for 0, beside others that share it.

    Sharing lets one that does not listen take the place of one that does, without an instant in
    which the port is anybody's.
    """
    place = socket.socket()
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    place.bind((HOST, port))
    return place

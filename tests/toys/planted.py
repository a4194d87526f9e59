"""The bare server with a known amount of work per request, so that effects can be planted.

Run as `python -m tests.toys.planted ITERATIONS DIRTIED_BYTES`; it takes a free port and writes its
number to standard output. The work is counted in iterations, not in time: a slow moment of the
core makes it dearer, as it does a framework's.
"""

import asyncio
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.lab.network import HOST
from harness.lab.process import launch
from harness.load.bare_server import BareProtocol

_LINE = 64
"""Bytes of a cache line: one byte of each is enough to fetch it."""


class _PlantedProtocol(BareProtocol):
    def __init__(self, iterations: int, memory: bytearray) -> None:
        super().__init__()
        self._iterations = iterations
        self._memory = memory
        self._marks = bytes(len(memory[::_LINE]))

    def data_received(self, data: bytes) -> None:
        total = 0
        for i in range(self._iterations):
            total += i * i
        if self._memory:
            self._memory[::_LINE] = self._marks
        super().data_received(data)


@contextmanager
def planted(cpu: int, iterations: int, dirtied_bytes: int = 0) -> Iterator[tuple[int, int]]:
    """Run it on one core; give its port and its process id."""
    with tempfile.TemporaryDirectory() as name:
        command = [sys.executable, "-m", "tests.toys.planted", str(iterations), str(dirtied_bytes)]
        child = launch(command, cpus=[cpu], log=Path(name) / "log", pipes=True)
        try:
            assert child.popen.stdout is not None
            line = child.popen.stdout.readline()
            if not line:
                raise RuntimeError(f"the planted server did not start: {child.last_words()}")
            yield int(line), child.pid
        finally:
            child.stop()


async def _serve(iterations: int, dirtied_bytes: int) -> None:
    memory = bytearray(dirtied_bytes)
    server = await asyncio.get_running_loop().create_server(
        lambda: _PlantedProtocol(iterations, memory), HOST, 0, backlog=4096
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), int(sys.argv[2])))

"""The bare server, but every request costs it a millisecond of CPU time.

So slow a server is the bottleneck for any generator. It runs on asyncio's own loop. Run as `python
-m tests.benchmarks.burner`, it takes a free port and writes its number to standard output.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.lab.network import HOST
from harness.lab.process import launch
from harness.load.bare_server import BareProtocol

BURNT_NS = 1_000_000


class BurningProtocol(BareProtocol):
    """Burns once for what arrives at once: the generators compared here never pipeline."""

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        end = time.thread_time_ns() + BURNT_NS
        while time.thread_time_ns() < end:
            pass
        super().data_received(data)


@contextmanager
def burner(cpu: int) -> Iterator[int]:
    """Run it on one core; give its port."""
    with tempfile.TemporaryDirectory() as name:
        program = [sys.executable, "-m", "tests.benchmarks.burner"]
        child = launch(program, cpus=[cpu], log=Path(name) / "log", pipes=True)
        try:
            assert child.popen.stdout is not None
            line = child.popen.stdout.readline()
            if not line:
                sys.exit(f"the burning server did not start: {child.last_words()}")
            yield int(line)
        finally:
            child.stop()


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(BurningProtocol, HOST, 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())

"""The generator's ceiling: how many requests per second one process of it can send and check."""

import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import msgspec

from harness.base.channel import Channel
from harness.base.errors import GeneratorFailed, ServerFailed
from harness.lab.clocks import process_cpu_ns
from harness.lab.network import HOST
from harness.lab.process import Child, launch
from harness.load.bare_server import BODY
from harness.load.generator import ProcessGenerator
from harness.load.protocol import Exchange
from harness.load.worker.http1 import request_bytes

_TARGET = "bare"
_SLICES = 4
"""Their median is the ceiling, so one disturbed slice does not count."""
_WARMUP_S = 0.3
_PORT = msgspec.msgpack.Decoder(int)
_SATURATED = 0.9
"""Of a core. A busy process stays below 1 where neighbours take time from it."""


class Ceiling(msgspec.Struct, frozen=True):
    """The highest rate that the generator reached, every response checked.

    per_s: correct responses per second.
    connections: how many were loaded at a time.
    generator_cpu_share, server_cpu_share: CPU time used, in cores.
    limited_by: the saturated process. Unless it was the generator, `per_s` is a lower bound.
    """

    per_s: float
    connections: int
    generator_cpu_share: float
    server_cpu_share: float
    limited_by: Literal["generator", "server", "neither"]

    @property
    def is_lower_bound(self) -> bool:
        """Whether the generator could have sent more."""
        return self.limited_by != "generator"


class _Slice(msgspec.Struct, frozen=True):
    """Times in nanoseconds; `elapsed_ns` lies between the readings of the CPU clocks."""

    per_s: float
    elapsed_ns: int
    generator_ns: int
    server_ns: int


def measure_ceiling(
    server_cpus: Sequence[int],
    load_cpus: Sequence[int],
    connections: int = 32,
    seconds: float = 2.0,
) -> Ceiling:
    """Load the bare server as fast as the generator can.

    Args:
        server_cpus: processors of the bare server; it uses one.
        load_cpus: processors of the generator; it uses one.
        connections: how many are loaded at a time.
        seconds: of load, after a warm-up.

    Raises:
        GeneratorFailed: the generator died, or got a wrong answer.
        ServerFailed: the bare server did not start.
    """
    with bare_server(server_cpus) as (server, port), ProcessGenerator(load_cpus) as generator:
        exchange = Exchange([request_bytes("GET", "/", f"{HOST}:{port}")], body=BODY)
        generator.open(_TARGET, HOST, port, connections=connections)
        generator.slice(_TARGET, exchange, _WARMUP_S)
        slices = [_slice(generator, server, exchange, seconds / _SLICES) for _ in range(_SLICES)]
    elapsed = sum(s.elapsed_ns for s in slices)
    generator_share = sum(s.generator_ns for s in slices) / elapsed
    server_share = sum(s.server_ns for s in slices) / elapsed
    return Ceiling(
        per_s=statistics.median(s.per_s for s in slices),
        connections=connections,
        generator_cpu_share=generator_share,
        server_cpu_share=server_share,
        limited_by=limit(generator_share, server_share),
    )


def limit(generator_share: float, server_share: float) -> Literal["generator", "server", "neither"]:
    """The saturated process, by the share of a core that each used; the busier one if both were."""
    if max(generator_share, server_share) < _SATURATED:
        return "neither"
    return "generator" if generator_share >= server_share else "server"


def _slice(
    generator: ProcessGenerator, server: Child, exchange: Exchange, seconds: float
) -> _Slice:
    begun = time.monotonic_ns()
    before = _cpu_ns(*generator.pids), _cpu_ns(server.pid)
    tally = generator.slice(_TARGET, exchange, seconds)
    after = _cpu_ns(*generator.pids), _cpu_ns(server.pid)
    elapsed = time.monotonic_ns() - begun
    if tally.errors:
        raise GeneratorFailed(
            f"The generator got wrong answers from the bare server ({tally.samples[0]}); run "
            "`uv run pytest tests/unit/load` to find the cause."
        )
    return _Slice(
        per_s=tally.correct * 1e9 / (tally.end_ns - tally.start_ns),
        elapsed_ns=elapsed,
        generator_ns=after[0] - before[0],
        server_ns=after[1] - before[1],
    )


def _cpu_ns(*pids: int) -> int:
    """CPU time of processes; 0 for one that has ended, whose slice has failed already."""
    return sum(process_cpu_ns(pid) or 0 for pid in pids)


@contextmanager
def bare_server(cpus: Sequence[int]) -> Iterator[tuple[Child, int]]:
    """The bare server's process and its port, within the block."""
    program = [sys.executable, "-m", "harness.load.bare_server", HOST]
    child = launch(program, cpus=cpus, pipes=True)

    def died() -> ServerFailed:
        return ServerFailed(
            "The bare server ended at its start; run `uv run python -m harness.load.bare_server "
            f"{HOST}` to see why."
        )

    try:
        channel = Channel(child.popen.stdin, child.popen.stdout, _PORT, died)
        yield child, channel.answer()
    finally:
        child.stop()

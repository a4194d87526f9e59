"""Effects of known size on this machine: are they found, by which method, and how precisely?

Usage: `uv run python -m tests.benchmarks.planted [BLOCKS] [SECONDS]`. Servers that do 0, 2, 5, 10
and 20 % more work per request than the first stand beside its identical twin and one that sweeps
four mebibytes with each request, which fills the caches of the core that the speed probe shares.
In every block all are started anew; each is loaded for SECONDS in one piece, server after server
in drawn order, and for as long in slices that go round. docs/calibration.md quotes the output.

Truth is the work's ratio; the server's own overhead (about 2 % of it) makes each a trifle less. Of
the one that dirties the caches no size is known beforehand: there the methods must agree.
"""

import math
import random
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from itertools import count

import msgspec
import numpy as np

from harness.analysis.noise.fit import NO_MEMORY, Fit, Memory, Series, costs
from harness.analysis.stats.intervals import Interval, t_interval
from harness.lab.clocks import process_cpu_ns
from harness.lab.network import HOST
from harness.lab.speed.probe import SpeedProbe
from harness.load.bare_server import BODY
from harness.load.generator import ProcessGenerator
from harness.load.protocol import Exchange
from harness.load.worker.http1 import request_bytes
from harness.runner.plan import balanced_orders
from tests.benchmarks.comparison import LOAD_CPU, SERVER_CPU, drawn, rounds
from tests.toys.planted import planted

WORK = 20_000
EXTRA: dict[str, float | None] = {
    "twin": 0.0,
    "+2 %": 0.02,
    "+5 %": 0.05,
    "+10 %": 0.10,
    "+20 %": 0.20,
    "dirty": None,
}
DIRTIED = 4 * 2**20
CONNECTIONS, SLICE_S, SETTLE_S, WARMUP_S = 8, 0.1, 0.005, 0.3


class Slice(msgspec.Struct, frozen=True):
    """One server's turn: when, requests, CPU time of each, and the probe's reading."""

    at_s: float
    entry: int
    requests: int
    cpu_ns: float
    probe_ns: float


class Bench:
    """One block: the servers, the load and the probe.

    extra: by name, how much more each does than the first; None for the one that sweeps memory.
    """

    def __init__(self, stack: ExitStack, extra: Mapping[str, float | None]) -> None:
        enter = stack.enter_context
        self.probe = enter(SpeedProbe([SERVER_CPU]))
        self.generator = enter(ProcessGenerator([LOAD_CPU]))
        self.servers: list[tuple[str, Exchange, int]] = []
        for name, more in {"base": 0.0, **extra}.items():
            dirtied = DIRTIED if more is None else 0
            port, pid = enter(planted(SERVER_CPU, round(WORK * (1 + (more or 0.0))), dirtied))
            request = request_bytes("GET", "/", f"{HOST}:{port}")
            self.generator.open(name, HOST, port, connections=CONNECTIONS)
            self.servers.append((name, Exchange([request], body=BODY), pid))
        for entry in range(len(self.servers)):
            self.turn(entry, WARMUP_S)

    def turn(self, entry: int, seconds: float) -> Slice:
        """Load one server."""
        name, exchange, pid = self.servers[entry]
        before = process_cpu_ns(pid)
        tally = self.generator.slice(name, exchange, seconds)
        time.sleep(SETTLE_S)
        after = process_cpu_ns(pid)
        assert before is not None
        assert after is not None
        probe = self.probe.mean_ns(tally.start_ns, tally.end_ns)
        assert probe is not None
        middle = (tally.start_ns + tally.end_ns) / 2e9
        cpu_ns = (after - before) / tally.correct
        return Slice(middle, entry, tally.correct, cpu_ns, float(probe))


def main() -> None:
    """Measure and print."""
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 3.0
    windows: list[list[Slice]] = []
    slices: list[list[Slice]] = []
    for _ in rounds(8):
        with ExitStack() as stack:
            bench = Bench(stack, EXTRA)
            entries = range(len(bench.servers))
            windows.append([bench.turn(entry, seconds) for entry in drawn(entries)])
            orders = balanced_orders(len(entries), round(seconds / SLICE_S), random.Random())
            slices.append([bench.turn(entry, SLICE_S) for order in orders for entry in order])
    print(f"{len(slices)} blocks, {seconds:g} s per server and block in each way; CPU per request")
    methods = {
        "windows": costs_of(windows, NO_MEMORY, probe=False),
        "slices": costs_of(slices, NO_MEMORY, probe=False),
        "+ neighbours": costs_of(slices, None, probe=False),
        "slices + probe": costs_of(slices, NO_MEMORY, probe=True),
        "+ both": costs_of(slices, None, probe=True),
    }
    _print_effects(methods)
    _print_noise(methods)


def _print_effects(methods: dict[str, Fit]) -> None:
    print(f"{'':8}{'truth':>7}" + "".join(f"{method:>23}" for method in methods))
    for entry, (name, extra) in zip(count(1), EXTRA.items(), strict=False):
        cells = [_cell(_effect(found, entry)) for found in methods.values()]
        print(f"{name:8}{'?' if extra is None else f'{extra:.1%}':>7}" + "".join(cells))


def _print_noise(methods: dict[str, Fit]) -> None:
    for method, found in methods.items():
        effects = [_effect(found, entry) for entry in range(1, len(EXTRA) + 1)]
        errors = [effect.se for effect in effects if effect.se is not None]
        slope = "" if found.slope is None else f", probe's slope {found.slope:.2f}"
        memory = f"memory {found.memory.tau_s:.2f} s, {found.memory.white:.0%} white"
        print(
            f"{method:15} standard error of a log ratio {_root_mean_square(errors):.2%} "
            f"(twin {errors[0]:.2%}), {memory}, a slice ±{found.residual_sd:.1%}{slope}"
        )


def costs_of(blocks: list[list[Slice]], memory: Memory | None, *, probe: bool) -> Fit:
    requests = [np.array([s.requests for s in block], dtype=np.float64) for block in blocks]
    series = [
        Series(
            at_s=np.array([s.at_s for s in block]),
            entry=np.array([s.entry for s in block], dtype=np.intp),
            value=np.log([s.cpu_ns for s in block]),
            covariate=np.log([s.probe_ns for s in block]) if probe else None,
        )
        for block in blocks
    ]
    return costs(series, requests, memory)


def _effect(found: Fit, entry: int) -> Interval:
    interval = t_interval([means[entry] - means[0] for means in found.means])
    assert interval is not None
    return interval


def _cell(effect: Interval) -> str:
    ratio = effect.exp()
    if ratio.low is None or ratio.high is None:
        return f"{ratio.mean - 1:>23.1%}"
    return f"{ratio.mean - 1:>7.1%} [{ratio.low - 1:>5.1%}, {ratio.high - 1:>5.1%}]"


def _root_mean_square(values: list[float]) -> float:
    return math.sqrt(sum(value**2 for value in values) / len(values))


if __name__ == "__main__":
    main()

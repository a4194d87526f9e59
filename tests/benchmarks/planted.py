"""Effects of known size on this machine: are they found, by which method, and how precisely?

Usage: `uv run python -m tests.benchmarks.planted [BLOCKS] [SECONDS]`. Servers that do 0, 2, 5, 10
and 20 % more work per request than the first stand beside its identical twin and one that sweeps
four mebibytes with each request, which fills the caches of the core that the speed probe shares.
In every block all are started anew; each is loaded for SECONDS in one piece, server after server
in drawn order, and for as long in slices that go round. docs/calibration.md quotes the output.

Each interval is that of its ratio alone, by the model of blocks. The last column is the verdict on
the ratio with all of them as one family (Dunnett), by slices with neighbours and probe.

Truth is the work's ratio; the server's own overhead (about 2 % of it) makes each a trifle less. Of
the one that dirties the caches no size is known beforehand: there the methods must agree.
"""

import math
import random
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

import msgspec
import numpy as np

from harness.analysis.noise.fit import NO_MEMORY, Fit, Memory, Series, costs
from harness.analysis.stats.blocks import BlockModel, Estimate
from harness.analysis.stats.verdicts import Decision, to_baseline
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
BASE, MARGIN = "base", 0.03
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
    work: iterations per request of the first. connections: each number that a turn may use.
    """

    def __init__(
        self,
        stack: ExitStack,
        extra: Mapping[str, float | None],
        work: int = WORK,
        connections: Sequence[int] = (CONNECTIONS,),
    ) -> None:
        enter = stack.enter_context
        self.probe = enter(SpeedProbe([SERVER_CPU]))
        self.generator = enter(ProcessGenerator([LOAD_CPU]))
        self.servers: list[tuple[str, Exchange, int]] = []
        for name, more in {BASE: 0.0, **extra}.items():
            dirtied = DIRTIED if more is None else 0
            port, pid = enter(planted(SERVER_CPU, round(work * (1 + (more or 0.0))), dirtied))
            request = request_bytes("GET", "/", f"{HOST}:{port}")
            for number in connections:
                self.generator.open(f"{name}/{number}", HOST, port, connections=number)
            self.servers.append((name, Exchange([request], body=BODY), pid))
        for entry in range(len(self.servers)):
            self.turn(entry, WARMUP_S, connections[0])

    def turn(self, entry: int, seconds: float, connections: int = CONNECTIONS) -> Slice:
        """Load one server."""
        name, exchange, pid = self.servers[entry]
        before = process_cpu_ns(pid)
        tally = self.generator.slice(f"{name}/{connections}", exchange, seconds)
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
    models = {method: model_of(found, [BASE, *EXTRA]) for method, found in methods.items()}
    verdicts = to_baseline(models["+ both"], BASE, list(EXTRA), MARGIN)
    print(f"{'':8}{'truth':>7}" + "".join(f"{method:>23}" for method in methods) + "  verdict")
    for name, extra in EXTRA.items():
        cells = [_cell(_effect(model, name)) for model in models.values()]
        truth = "?" if extra is None else f"{extra:.1%}"
        print(f"{name:8}{truth:>7}" + "".join(cells) + f"  {said(verdicts[name])}")


def said(decision: Decision) -> str:
    """A verdict in a few words."""
    if decision.at_most is None:
        return decision.verdict
    return f"{decision.verdict}, at most {decision.at_most:.1%}"


def _print_noise(methods: dict[str, Fit]) -> None:
    for method, found in methods.items():
        model = model_of(found, [BASE, *EXTRA])
        effects = [_effect(model, name) for name in EXTRA]
        errors = [effect.se for effect in effects if effect.se is not None]
        if not errors:
            continue
        slope = "" if found.slope is None else f", probe's slope {found.slope:.2f}"
        memory = f"memory {found.memory.tau_s:.2f} s, {found.memory.white:.0%} white"
        print(
            f"{method:15} standard error of a log ratio {_root_mean_square(errors):.2%} "
            f"(twin {errors[0]:.2%}), {memory}, a slice ±{found.residual_sd:.1%}{slope}"
        )


def model_of(found: Fit, names: Sequence[str]) -> BlockModel:
    """The model of blocks of these costs; names in the order of the entries."""
    return BlockModel(
        {
            name: {block: means[entry] for block, means in enumerate(found.means)}
            for entry, name in enumerate(names)
        }
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


def _effect(model: BlockModel, name: str) -> Estimate:
    effect = model.difference(name, BASE)
    assert effect is not None
    return effect


def _cell(effect: Estimate) -> str:
    ratio = effect.interval().exp()
    if ratio.low is None or ratio.high is None:
        return f"{ratio.mean - 1:>23.1%}"
    return f"{ratio.mean - 1:>7.1%} [{ratio.low - 1:>5.1%}, {ratio.high - 1:>5.1%}]"


def _root_mean_square(values: list[float]) -> float:
    return math.sqrt(sum(value**2 for value in values) / len(values))


if __name__ == "__main__":
    main()

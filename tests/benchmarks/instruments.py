"""What do the instruments cost the server? Throughput with them on and off, slice by slice.

Usage: `uv run python -m tests.benchmarks.instruments [BLOCKS]`. One real variant, loaded as a run
loads it; in every round it has a slice without anything, one with the counters read at both edges
and PostgreSQL's waits sampled ten times a second, and one with the speed probe on its core as well.
The probe is stopped and continued by signals. Ratios are of throughput, over blocks of fresh
servers.
"""

import os
import random
import signal
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from harness.analysis.noise.fit import Floats, Series, costs
from harness.analysis.stats.intervals import block_interval
from harness.audit.http_client import Probe
from harness.audit.subject import Subject
from harness.base.workspace import Workspace, cache_folder
from harness.inputs.catalog import load_catalog
from harness.inputs.contract import Contract
from harness.inputs.settings import ApplicationSettings, DatabaseSettings
from harness.inputs.study import Condition, Study
from harness.lab.environments import prepare
from harness.lab.machine import propose_cores
from harness.lab.network import HOST
from harness.lab.postgres.cluster import EmbeddedPostgres
from harness.lab.postgres.database import Database
from harness.lab.servers import await_ready, launch_server
from harness.runner.exchanges import exchange_for
from harness.runner.instruments import open_instruments
from harness.runner.plan import balanced_orders
from harness.runner.watch import WatchHere
from tests.benchmarks.comparison import rounds

VARIANT, CONDITION = "starlette/asyncpg", Condition("io_read", connections=32, rows=1_000)
ROUNDS, SLICE_S = 40, 0.15
STUDY = Study(
    "instruments", "What do they cost?", (VARIANT,), VARIANT, blocks=1, seed=1,
    conditions=(CONDITION,),
)  # fmt: skip
MODES = ("nothing", "counters and samples", "counters, samples and the probe")


def main() -> None:
    """Measure and print."""
    found = [_block(number) for number in rounds(8)]
    fitted = costs([series for series, _ in found], [counts for _, counts in found])
    for mode in (1, 2):
        effect = block_interval([means[0] - means[mode] for means in fitted.means])
        assert effect is not None
        ratio = effect.exp()
        assert ratio.low is not None, "one block gives no interval"
        assert ratio.high is not None
        print(
            f"throughput with {MODES[mode]}: {ratio.mean:.3f} [{ratio.low:.3f}, {ratio.high:.3f}] "
            f"of that with nothing ({len(found)} blocks of {ROUNDS} rounds, {VARIANT}, "
            f"{CONDITION.name})"
        )


def _block(seed: int) -> tuple[Series, Floats]:
    """One start of everything: the logarithm of time per request, and requests."""
    catalog, contract, cores = load_catalog(Workspace()), Contract(Workspace()), propose_cores()
    variant = catalog.variant(VARIANT)
    python = prepare(cache_folder(), catalog.implementations[variant.implementation])
    with ExitStack() as stack:
        enter = stack.enter_context
        folder = Path(enter(tempfile.TemporaryDirectory()))
        cluster = enter(EmbeddedPostgres(cache_folder(), DatabaseSettings(), cores.database))
        database = enter(Database(cluster.url, contract, cluster))
        database.reset(CONDITION.rows)
        settings = ApplicationSettings(
            database_url=database.login(VARIANT), pool_size=16, pool_timeout_s=30,
            cpu_iterations=1, wait_ms=1,
        )  # fmt: skip
        server = enter(
            launch_server(
                variant, catalog.servers[variant.server], python, settings,
                workers=1, threads=16, log=folder / "log", cpus=cores.application,
            )
        )  # fmt: skip
        await_ready(server)
        subject = Subject(VARIANT, Probe(server.url), contract, database, settings)
        exchange = exchange_for(subject, server.url, CONDITION, seed)
        tools = enter(open_instruments(STUDY, database, cores, folder))
        assert isinstance(tools.watch, WatchHere)
        watch = tools.watch
        tools.generator.open("it", HOST, server.port, connections=CONDITION.connections)
        tools.generator.slice("it", exchange, 0.5)
        rows = []
        for order in balanced_orders(len(MODES), ROUNDS, random.Random(seed)):
            for mode in order:
                _switch(watch, on=mode == 2)
                if mode:
                    watch.gauges.read(server.clock)
                    tools.sampler.watch(database.role(VARIANT))
                tally = tools.generator.slice("it", exchange, SLICE_S)
                tools.sampler.watch(None)
                if mode:
                    watch.gauges.read(server.clock)
                assert not tally.errors, tally.samples
                elapsed = (tally.end_ns - tally.start_ns) / 1e9
                rows.append((tally.start_ns / 1e9, mode, elapsed / tally.correct, tally.correct))
    table = np.array(rows)
    return Series(table[:, 0], table[:, 1].astype(np.intp), np.log(table[:, 2])), table[:, 3]


def _switch(watch: WatchHere, *, on: bool) -> None:
    assert watch.probe is not None
    for pid in watch.probe.pids:
        os.kill(pid, signal.SIGCONT if on else signal.SIGSTOP)
    time.sleep(0.002)


if __name__ == "__main__":
    main()

"""What does a cluster cost? The same study in this process, and over three workers on loopback.

Usage: `uv run python -m tests.benchmarks.coordination [ROUNDS]`. Each round measures one block of
each venue, in drawn order: a toy server, short slices. It prints ratios of throughput and of CPU
time per request, the time from slice to slice beyond its load, and the time of a block.
"""

import os
import random
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from statistics import median

import msgspec

from harness.base.workspace import Workspace
from harness.inputs.study_loader import load_study
from harness.records.trial import Trial
from harness.runner.places.roles import ROLES
from harness.runner.plan import make_plan
from harness.runner.start import new_store, start
from harness.runner.time_left import Stage
from tests.benchmarks.comparison import spread
from tests.toys.laboratory import Recorder, laboratory_of, trusting
from tests.toys.loopback import loopback
from tests.toys.workspaces import toy_workspace, write_study

SLICE_S, SLICES, BLOCKS = 0.1, 40, 1


class _Timed(Recorder):
    """Notes when a block's servers start and when they are stopped, and this process's CPU time."""

    def __init__(self) -> None:
        super().__init__()
        self.block_s = self.cpu_s = 0.0
        self._began = self._cpu = 0.0

    def step(self, what: str, stage: Stage | None = None) -> None:
        super().step(what, stage)
        if "starting" in what and "servers" in what:
            self._began, self._cpu = time.monotonic(), time.process_time()
        elif "stopping the servers" in what:
            self.block_s = time.monotonic() - self._began
            self.cpu_s = time.process_time() - self._cpu


class _Outcome(msgspec.Struct):
    per_s: list[float]
    cpu_us: list[float]
    beyond_ms: list[float]
    block_s: list[float]
    own_ms: list[float]


def main() -> None:
    """Measure and print."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    os.environ["BRIDGETOLL_BESIDE"] = "1"  # three places on one machine
    with tempfile.TemporaryDirectory() as name, trusting():
        folder = Path(name)
        folder.chmod(0o755)
        workspace = toy_workspace(folder / "workspace")
        os.environ["BRIDGETOLL_ROOT"] = str(workspace.root)
        write_study(workspace, "cost", ["good"], blocks=BLOCKS, rounds=SLICES, slice_s=SLICE_S)
        found = {venue: _Outcome([], [], [], [], []) for venue in ("here", "cluster")}
        roles = [f"{role}=1" for role in ROLES]
        with loopback(folder, workspace, roles) as cluster:
            for _ in range(number):
                for venue in random.sample(list(found), 2):
                    address = cluster.address if venue == "cluster" else None
                    _measure(workspace, address, found[venue])
            memory = cluster.scheduler.memory_info().rss / 2**20
    here, there = found["here"], found["cluster"]
    print(f"throughput, cluster : here = {_ratio(there.per_s, here.per_s)}")
    print(f"CPU per request, cluster : here = {_ratio(there.cpu_us, here.cpu_us)}")
    for venue, outcome in found.items():
        print(
            f"{venue}: {spread(outcome.per_s, ',.0f')} requests/s, from slice to slice "
            f"{spread(outcome.beyond_ms, '.1f')} ms beyond the load, a block of "
            f"{2 * SLICES} slices {spread(outcome.block_s, '.2f')} s, of the harness's CPU time "
            f"{spread(outcome.own_ms, '.1f')} ms for each slice"
        )
    added = median(there.beyond_ms) - median(here.beyond_ms)
    print(f"a slice costs {added:.1f} ms more over the cluster")
    print(f"the scheduler's memory: {memory:.0f} MiB with three workers")


def _ratio(ours: list[float], theirs: list[float]) -> str:
    """Of the means of all trials, and of each round's."""
    pairs = [our / their for our, their in zip(ours, theirs, strict=True)]
    return f"{spread(pairs, '.4f')} (median, least and greatest of {len(pairs)})"


def _measure(workspace: Workspace, cluster: str | None, outcome: _Outcome) -> None:
    listener = _Timed()
    laboratory = msgspec.structs.replace(laboratory_of(workspace, listener), cluster=cluster)
    study = load_study(workspace.shared / "studies" / "cost.toml", laboratory.catalog)
    store = new_store(laboratory, "cost")
    start(laboratory, store, "cost", study, make_plan(study), "run cost")
    trials, _ = store.trials()
    for trial in trials:
        outcome.per_s.append(
            sum(s.correct for s in trial.slices) * 1e9 / sum(s.elapsed_ns for s in trial.slices)
        )
        outcome.cpu_us.append(
            sum(s.server_cpu_ns for s in trial.slices) / 1e3 / sum(s.correct for s in trial.slices)
        )
    outcome.beyond_ms.append(_beyond_ms(trials))
    outcome.block_s.append(listener.block_s)
    outcome.own_ms.append(listener.cpu_s * 1e3 / (2 * SLICES))
    time.sleep(1.1)  # the next run's name has another second


def _beyond_ms(trials: list[Trial]) -> float:
    """Median time from one slice's end to the next one's start, over both servers' turns."""
    slices = sorted((s for t in trials for s in t.slices), key=lambda s: s.start_ns)
    gaps = [
        later.start_ns - (earlier.start_ns + earlier.elapsed_ns)
        for earlier, later in pairwise(slices)
    ]
    return median(gaps) / 1e6


if __name__ == "__main__":
    main()

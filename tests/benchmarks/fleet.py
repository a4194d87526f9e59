"""How much sooner is a study measured by several sets of machines?

Usage: `uv run python -m tests.benchmarks.fleet [SETS...]`; 1, 2 and 4 if none is named. Each set is
one worker on loopback that plays all roles. Requests wait and arrive at a low rate, so that two
processors are enough for four sets; the servers' figures mean nothing here. It prints the time from
the first block's start to the last one's end, and the harness's CPU time per block.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from harness.inputs.study_loader import load_study
from harness.runner.plan import make_plan
from harness.runner.start import new_store, start
from harness.runner.time_left import Stage
from tests.toys.laboratory import Recorder, laboratory_of, trusting
from tests.toys.loopback import loopback
from tests.toys.workspaces import toy_workspace, write_study

BLOCKS, WINDOW_S = 8, 4.0
_WAITING = f"""
[[conditions]]
endpoint = "io_wait"
connections = 4
rows = 50
rate = 20
window_s = {WINDOW_S}
"""


class _Timed(Recorder):
    """Notes when the first servers start, and when the last block is done."""

    began_s: float | None = None
    ended_s = cpu_s = 0.0

    def step(self, what: str, stage: Stage | None = None) -> None:
        super().step(what, stage)
        if stage is Stage.STARTS and self.began_s is None:
            self.began_s, self.cpu_s = time.monotonic(), time.process_time()
        if "stopping the servers" in what:
            self.ended_s = time.monotonic()


def main() -> None:
    """Measure and print."""
    numbers = [int(argument) for argument in sys.argv[1:]] or [1, 2, 4]
    with tempfile.TemporaryDirectory() as name, trusting():
        folder = Path(name)
        folder.chmod(0o755)
        workspace = toy_workspace(folder / "workspace")
        os.environ["BRIDGETOLL_ROOT"] = str(workspace.root)
        path = write_study(
            workspace, "waiting", ["good"], endpoints=(), blocks=BLOCKS, conditions=_WAITING
        )
        alone_s: float | None = None
        for sets in numbers:
            resources = [f"application=1 database=1 load=1 set_{n}=1" for n in range(sets)]
            listener = _Timed()
            with loopback(folder, workspace, resources) as cluster:
                laboratory = msgspec.structs.replace(
                    laboratory_of(workspace, listener), cluster=cluster.address
                )
                study = load_study(path, laboratory.catalog)
                store = new_store(laboratory, "waiting")
                start(laboratory, store, "waiting", study, make_plan(study), "run waiting")
            assert listener.began_s is not None
            took_s = listener.ended_s - listener.began_s
            cpu_s = time.process_time() - listener.cpu_s
            alone_s = took_s if alone_s is None else alone_s
            print(
                f"{sets} set{'s' * (sets > 1)}: {BLOCKS} blocks in {took_s:.1f} s, "
                f"{took_s / alone_s:.2f} of the first; {cpu_s / BLOCKS * 1e3:.0f} ms of the "
                "harness's CPU time for each block"
            )


if __name__ == "__main__":
    main()

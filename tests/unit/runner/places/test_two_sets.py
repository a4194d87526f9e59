"""Two sets of machines share a study: two workers on loopback, each of which plays all roles."""

import signal
import threading
from itertools import accumulate
from pathlib import Path

import msgspec
import pytest

from harness.analysis.analyse import analyse
from harness.analysis.labels.trials import counted_attempts
from harness.inputs.study_loader import load_study
from harness.records.plan import Phase
from harness.report.words.machines import sets_of_machines
from harness.runner.plan import make_plan
from harness.runner.start import new_store, start
from tests.toys.laboratory import Recorder, laboratory_of, trusting
from tests.toys.loopback import Loopback, loopback
from tests.toys.workspaces import toy_workspace, write_study
from tests.waiting import PATIENCE_S

BLOCKS = 6
RESOURCES = [f"application=1 database=1 load=1 set_{name}=1" for name in "ab"]


class Killer(Recorder):
    """Kills the worker of set b (SIGKILL) once both sets have measured a block.

    In its second block, a set waits for the other one; each has a thread of its own.
    """

    def __init__(self, cluster: Loopback) -> None:
        super().__init__()
        self._worker = cluster.workers[1]
        self._blocks: dict[int, set[int]] = {}
        self._both = threading.Barrier(2, self._kill, 2 * PATIENCE_S)

    def progress(self, phase: Phase, entry: str, done_slices: int, throughput: float) -> None:
        super().progress(phase, entry, done_slices, throughput)
        mine = self._blocks.setdefault(threading.get_ident(), set())
        fresh = phase.block not in mine
        mine.add(phase.block)
        if fresh and len(mine) == 2:
            self._both.wait()

    def _kill(self) -> None:
        self._worker.send_signal(signal.SIGKILL)


def most_under_way(order: list[str]) -> int:
    """Blocks that were measured at the same time; what is known is told after each."""
    turns = [step for step in order if "starting 2 servers" in step or step == "known"]
    return max(accumulate(-1 if step == "known" else 1 for step in turns))


def test_a_study_is_shared_and_the_block_of_a_lost_set_is_measured_on_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = toy_workspace(tmp_path / "workspace")
    monkeypatch.setenv("BRIDGETOLL_ROOT", str(workspace.root))
    path = write_study(workspace, "shared", ["good"], endpoints=("io_read",), blocks=BLOCKS)
    with trusting(), loopback(tmp_path, workspace, RESOURCES) as cluster:
        listener = Killer(cluster)
        laboratory = msgspec.structs.replace(
            laboratory_of(workspace, listener), cluster=cluster.address
        )
        study = load_study(path, laboratory.catalog)
        store = new_store(laboratory, "shared")
        start(laboratory, store, "shared", study, make_plan(study), "run shared")
    run = store.read_run()
    assert store.kept(run).complete
    assert run.machine_sets == ["a", "b"]
    assert [machine.roles for machine in run.machines] == [("application", "database", "load")] * 2
    assert most_under_way(listener.order) == 2
    assert any("share a machine" in notice for notice in listener.notices)
    (lost,) = [notice for notice in listener.notices if "takes no further part" in notice]
    assert "set of machines b" in lost
    trials, _ = store.trials(run)
    counted = counted_attempts(run, trials)
    assert all(trial.complete for trial in counted)
    owners = {(trial.block, trial.machine_set) for trial in counted}
    assert sorted(block for block, _ in owners) == list(range(1, BLOCKS + 1))
    assert {name for _, name in owners} == {"a", "b"}
    analysis = analyse(run, trials)
    assert {(n, name) for name, blocks in analysis.machine_sets.items() for n in blocks} == owners
    assert "2 sets of equal machines shared the blocks" in sets_of_machines(analysis)

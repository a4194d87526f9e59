"""Servers that are started for every condition."""

import pytest

from harness.inputs.study_loader import load_study
from tests.toys.laboratory import Recorder, laboratory_of, run_study, trusting
from tests.toys.workspaces import toy_workspace, write_study


class Counter(Recorder):
    """Notes when servers are started."""

    def __init__(self) -> None:
        super().__init__()
        self.starts: list[str] = []

    def step(self, what: str) -> None:
        if "starting" in what and "servers" in what:
            self.starts.append(what)


def test_each_condition_has_its_own_start_of_only_those_it_measures(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    workspace = toy_workspace(tmp_path_factory.mktemp("fresh") / "workspace")
    path = write_study(
        workspace, "fresh", ["good", "burning"], endpoints=("noop",), blocks=1, rounds=1,
        extra='fresh = "condition"\ngroups = { alone = ["toy/good"] }\n',
        conditions='[[conditions]]\nendpoint = "cpu"\nconnections = 4\ngroup = "alone"\n',
    )  # fmt: skip
    counter = Counter()
    laboratory = laboratory_of(workspace, counter)
    with trusting():
        store = run_study(laboratory, "fresh", load_study(path, laboratory.catalog))
    trials, damaged = store.trials()
    assert damaged == []
    assert all(trial.complete for trial in trials)
    assert sorted(counter.starts) == [
        "block 1: starting 2 servers",
        "block 1: starting 3 servers",
    ]
    assert len(trials) == 5

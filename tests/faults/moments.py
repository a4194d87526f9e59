"""The moments at which a fault strikes: which function begins, and a study that calls it."""

import msgspec

from harness.base.workspace import Workspace
from tests.toys.workspaces import write_study

SLICES = '[[conditions]]\nendpoint = "noop"\nconnections = 4\nrows = 50\n'
DELAYED = SLICES + "window_s = 0.6\nlatency = { database_ms = 1, client_ms = 1 }\n"
SEARCH = SLICES + "window_s = 0.5\nobjective = { latency_ms = 2000, achieved = 0.8 }\n"
RAMP = """\
title = "Toys under a ramp"
question = "What becomes of a cell?"
variants = ["toy/good", "toy/burning"]
baseline = "toy/good"
blocks = 1
seed = 7
[server]
pool_size = 8
[database]
max_connections = 60
[load]
engine = "locust"
ramp = { per_s = 20, hold_s = 1 }
[[conditions]]
endpoint = "noop"
connections = 10
rows = 10
latency = { database_ms = 1, client_ms = 1 }
"""


class Moment(msgspec.Struct, frozen=True):
    """A moment of the command's work.

    place: the function that begins then, as `module:name`.
    conditions: of the study, as TOML; the whole study for Locust.
    command: that is held; `run` measures the study.
    partners: what runs then, and may die.
    trials: whether trials are finished by then. The command is held after the first of them.
    trusting: whether neither verification nor audit comes before.
    """

    place: str
    conditions: str = SLICES
    command: str = "run"
    partners: frozenset[str] = frozenset()
    trials: bool = True
    trusting: bool = True


_LOADING = frozenset({"server", "generator", "postgres", "probe"})

MOMENTS: dict[str, Moment] = {
    "environments": Moment("harness.runner.examine:prepare", trials=False),
    "ceiling": Moment("harness.runner.start:measure_ceiling", trials=False, trusting=False),
    "PostgreSQL": Moment(
        "harness.lab.postgres.cluster:EmbeddedPostgres._answers",
        trials=False,
        partners=frozenset({"postgres"}),
    ),
    "verify": Moment(
        "harness.audit.verify:demand_sum", trials=False, trusting=False,
        partners=frozenset({"server", "postgres"}),
    ),
    "audit": Moment(
        "harness.audit.count:_count", trials=False, trusting=False,
        partners=frozenset({"server", "postgres"}),
    ),
    "warm-up": Moment(
        "harness.runner.phase:_PhaseRun.warm_up", DELAYED, partners=_LOADING | {"relay"}
    ),
    "slice": Moment("harness.runner.slices:Loader.slice", partners=_LOADING),
    "window": Moment("harness.runner.slices:Loader.window", DELAYED, partners=_LOADING | {"relay"}),
    "search": Moment("harness.runner.phase:search_rate", SEARCH, partners=_LOADING),
    "Locust": Moment(
        "harness.load.locust.driver:_wait", RAMP,
        partners=frozenset({"server", "postgres", "relay", "locust"}),
    ),
    "report": Moment("harness.report.write:write_report"),
    "publish": Moment("harness.report.site.site:publish", command="publish"),
}  # fmt: skip


def lay_out(workspace: Workspace, moment: Moment) -> None:
    """Write the study of a moment, called `faults`."""
    if moment.conditions is RAMP:
        (workspace.shared / "studies" / "faults.toml").write_text(RAMP)
        return
    write_study(
        workspace, "faults", ["good", "burning"], endpoints=(), blocks=2, rounds=4, slice_s=0.05,
        conditions=moment.conditions,
    )  # fmt: skip

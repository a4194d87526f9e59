"""Labels that are given for real: each trial here suffers from what its label says.

Each toy is forced into its label, also where other processes keep every processor busy.
"""

import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Any, Self

import msgspec
import pytest

from harness.analysis.labels.labels import Label
from harness.analysis.labels.rules import Circumstances, findings_of, unsteady
from harness.base.errors import RunFailed
from harness.inputs.study_loader import load_study
from harness.lab.machine import propose_cores
from harness.lab.process import launch
from harness.records.histogram import percentile_ns
from harness.records.run import Run
from harness.records.store import Store
from harness.records.trial import SliceRecord, Trial, WindowRecord
from harness.runner.laboratory import Listener
from tests.toys.laboratory import Recorder, laboratory_of, run_study, trusting, undisturbed
from tests.toys.workspaces import toy_workspace, write_study

CORES = propose_cores()
BURN = "while True: pass"
POOL = 4
GROUPS = """
[groups]
few = ["toy/good", "toy/fails-now-and-then"]
many = ["toy/heavy"]
queue = ["toy/waits-in-line"]
drift = ["toy/tires"]
"""
# Windows are longer than a busy machine holds a process up, so that answers come in each.
CONDITIONS = """
[[conditions]]
group = "few"
endpoint = "io_read"
rows = 50
connections = 2
window_s = 2.0

[[conditions]]
group = "many"
endpoint = "io_read"
rows = 50
connections = 16
window_s = 2.0

[[conditions]]
group = "queue"
endpoint = "io_create"
rows = 2
connections = 4
window_s = 2.0

[[conditions]]
group = "drift"
endpoint = "noop"
rows = 2
connections = 4

[[conditions]]
endpoint = "io_read"
rows = 50
connections = 4
window_s = 2.0
rate = 1000
arrivals = "constant"
"""
DISTURBED = """
[[conditions]]
endpoint = "noop"
rows = 2
connections = 4

[[conditions]]
endpoint = "noop"
rows = 2
connections = 8
window_s = 1.5
rate = 200
"""


class Labelled(msgspec.Struct, frozen=True):
    """A trial of a run, and the detail of each of its labels."""

    run: Run
    trial: Trial

    @property
    def details(self) -> dict[Label, str]:
        """The last one of each label."""
        around = Circumstances.of(self.run, self.trial.variant)
        given = (*findings_of(self.trial, around), *unsteady(self.trial))
        return {finding.label: finding.detail for finding in given}

    def planted(self, **changes: Any) -> "Labelled":
        """The same with other readings."""
        return Labelled(self.run, msgspec.structs.replace(self.trial, **changes))

    @property
    def only(self) -> SliceRecord:
        """Its one slice or window."""
        (piece,) = self.trial.slices
        return piece

    @property
    def window(self) -> WindowRecord:
        """Its one window."""
        assert self.only.window is not None
        return self.only.window


type Find = Callable[[str, str], Labelled]
"""By entry, and the beginning of the condition's name."""


def measure(
    folder: Path, variants: Sequence[str], conditions: str, extra: str = "", *,
    listener: Listener, without_figures: str | None = None,
) -> Find:  # fmt: skip
    """Run one block of toys.

    without_figures: what the run must fail with; None where every toy must have figures.
    """
    workspace = toy_workspace(folder / "workspace")
    path = write_study(
        workspace, "sick", variants, endpoints=(), blocks=1, rounds=30, extra=extra,
        conditions=conditions,
    )  # fmt: skip
    laboratory = laboratory_of(workspace, listener)
    fails = pytest.raises(RunFailed, match=f"No figures for {without_figures} ")
    with trusting(), undisturbed(), fails if without_figures else nullcontext():
        run_study(laboratory, "sick", load_study(path, laboratory.catalog))
    (folder_of_run,) = workspace.results.iterdir()
    store = Store(folder_of_run)
    run, (trials, damaged) = store.read_run(), store.trials()
    assert damaged == []

    def find(entry: str, condition: str) -> Labelled:
        (trial,) = (
            t
            for t in trials
            if t.entry == f"toy/{entry}" and t.condition.name.startswith(condition)
        )
        return Labelled(run, trial)

    return find


class Neighbour(Recorder):
    """Keeps processors busy with endless loops from the beginning of the measurement.

    cpus: one loop for each time that a processor is named.
    """

    def __init__(self, cpus: Sequence[int]) -> None:
        super().__init__()
        self._cpus = cpus
        self._loops = ExitStack()

    def begun(self, run: str) -> None:
        super().begun(run)
        for cpu in self._cpus:
            self._loops.callback(launch([sys.executable, "-c", BURN], cpus=[cpu]).stop)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._loops.close()


@pytest.fixture(scope="module")
def sick(tmp_path_factory: pytest.TempPathFactory) -> Find:
    folder = tmp_path_factory.mktemp("sick")
    return measure(
        folder, ["sleepy"], CONDITIONS, GROUPS, listener=Recorder(),
        without_figures="toy/fails-now-and-then",
    )  # fmt: skip


@pytest.fixture(scope="module")
def disturbed(tmp_path_factory: pytest.TempPathFactory) -> Find:
    """A run beside endless loops: one on each core of the application, three on the generator's."""
    folder = tmp_path_factory.mktemp("disturbed")
    with Neighbour([*CORES.application, *CORES.load * 3]) as neighbour:
        return measure(folder, ["good"], DISTURBED, listener=neighbour)


def test_a_healthy_trial_bears_none_of_them(sick: Find) -> None:
    """With two requests at a time and a pool of four. Its neighbours' noise is not its own."""
    found = sick("good", "io_read-c2").details.keys()
    assert not {Label.POOL_BOUND, Label.DATABASE_BOUND, Label.ERRORS} & found


def test_not_every_healthy_trial_contradicts_itself(sick: Find) -> None:
    """One may: a generator that waits for a processor takes its times late, for example."""
    healthy = [sick(entry, "io_read-c2") for entry in ("good", "sleepy", "sleepy#duplicate")]
    assert any(Label.INCONSISTENT not in trial.details for trial in healthy)


def test_an_endpoint_that_fails_now_and_then_is_labelled_errors(sick: Find) -> None:
    failing = sick("fails-now-and-then", "io_read-c2")
    assert failing.only.errors.keys() == {"status 503"}
    assert "status 503" in failing.details[Label.ERRORS]


def test_slow_statements_and_a_small_pool_are_pool_bound(sick: Find) -> None:
    """In a few samples a neighbour may hold the server up between two statements."""
    for entry in ("sleepy", "sleepy#duplicate"):
        sleepy = sick(entry, "io_read-c16")
        waits = sleepy.trial.waits
        assert waits is not None
        assert max(waits.busy) == POOL
        steady = msgspec.structs.replace(waits, busy=(POOL,) * len(waits.busy))
        assert f" {POOL} connections" in sleepy.planted(waits=steady).details[Label.POOL_BOUND]


def test_statements_that_make_postgresql_compute_are_found_with_postgresql(sick: Find) -> None:
    """How much of its processor it got is the machine's affair; who used it is not."""
    heavy = sick("heavy", "io_read-c16")
    assert heavy.only.database_cpu_ns is not None
    assert heavy.only.database_cpu_ns > 3 * heavy.only.server_cpu_ns
    assert Label.SERVER_BOUND not in heavy.details


def test_where_postgresql_has_its_processor_to_itself_such_statements_are_database_bound(
    sick: Find,
) -> None:
    """The same trial with its waiting for other processes taken out."""
    heavy = sick("heavy", "io_read-c16")
    used_ns = heavy.only.database_cpu_ns
    quiet = msgspec.structs.replace(heavy.only, elapsed_ns=used_ns, window_ns=used_ns)
    details = heavy.planted(slices=(quiet,)).details
    assert {Label.DATABASE_BOUND, Label.LOAD_CORE_BOUND} & details.keys()


def test_statements_that_wait_for_each_other_are_database_bound(sick: Find) -> None:
    queueing = sick("waits-in-line", "io_create")
    assert "Lock:advisory" in queueing.details[Label.DATABASE_BOUND]


def test_a_server_that_grows_dearer_is_no_steady_state(sick: Find) -> None:
    tiring = sick("tires", "noop")
    costs = [piece.server_cpu_ns / piece.correct for piece in tiring.trial.slices if piece.correct]
    assert min(costs[-4:]) > 1.5 * min(costs[:4])  # a neighbour makes some dearer, none cheaper
    assert " +" in tiring.details[Label.UNSTEADY]


def test_a_rate_beyond_the_server_is_overloaded(sick: Find) -> None:
    for entry in ("sleepy", "sleepy#duplicate"):
        overloaded = sick(entry, "io_read-c4")
        assert overloaded.window.offered is not None
        assert overloaded.only.correct < 0.5 * overloaded.window.offered
        assert overloaded.window.dropped > 0
        assert Label.OVERLOADED in overloaded.details


def test_a_busy_neighbour_makes_trials_noisy(disturbed: Find) -> None:
    for entry in ("good", "good#duplicate"):
        assert "other processes" in disturbed(entry, "noop-c4").details[Label.NOISY]


def test_a_throttled_generator_is_generator_bound(disturbed: Find) -> None:
    """Endless loops on its core: it cannot send when it should, and says so itself."""
    throttled = [disturbed(entry, "noop-c8") for entry in ("good", "good#duplicate")]
    # The ceiling of a test is measured in a moment, and may make it generator bound too.
    late = [t for t in throttled if " late " in t.details.get(Label.GENERATOR_BOUND, "")]
    assert late
    for labelled in late:
        median = percentile_ns(labelled.trial.latency_hdr, 50)
        assert median is not None
        assert labelled.window.lag_p99_ns is not None
        assert labelled.window.lag_p99_ns > 0.1 * median

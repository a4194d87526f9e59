"""What a study of toys is run with: a laboratory, somebody who listens, and trust."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import NamedTuple
from unittest.mock import patch  # commands use this too, and pytest takes longer to load

from harness.analysis.so_far import SoFar
from harness.audit import constants, counters, database_checks, resource_checks
from harness.audit import count as counting
from harness.audit import verify as checking
from harness.audit.bench import Bench
from harness.audit.count import audit
from harness.audit.http_client import Probe
from harness.audit.verify import verify
from harness.base.workspace import Workspace, cache_folder
from harness.inputs.catalog import load_catalog
from harness.inputs.contract import Contract
from harness.inputs.manifests import Variant
from harness.inputs.settings import ServerSettings
from harness.inputs.study import Study
from harness.lab.servers import LiveServer
from harness.load import ceiling
from harness.load.ceiling import Ceiling
from harness.records.plan import Phase
from harness.records.store import Store
from harness.records.trial import Event, EventKind
from harness.records.verification import Audit, Verification
from harness.runner import examine, start, trial_builder, venue
from harness.runner.laboratory import Laboratory, Listener
from harness.runner.locust_cells import observe
from harness.runner.lookout import Lookout, stalled
from harness.runner.plan import make_plan
from harness.runner.time_left import Stage
from tests.waiting import PATIENCE_S


class Progress(NamedTuple):
    """What a listener is told after each slice."""

    endpoint: str
    entry: str
    done: int
    throughput: float


class Recorder:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.progressed: list[Progress] = []
        self.verified_names: list[str] = []
        self.problems: list[str] = []
        self.runs: list[str] = []
        self.notices: list[str] = []
        self.steps: list[str] = []
        self.stages: list[Stage | None] = []
        self.phases: list[Phase] = []
        self.knowledge: list[SoFar] = []
        self.order: list[str] = []

    def step(self, what: str, stage: Stage | None = None) -> None:
        self.steps.append(what)
        self.stages.append(stage)
        self.order.append(what)

    def verified(self, verification: Verification) -> None:
        self.verified_names.append(verification.variant)

    def progress(self, phase: Phase, entry: str, done_slices: int, throughput: float) -> None:
        told = Progress(phase.condition.endpoint, entry, done_slices, throughput)
        self.progressed.append(told)

    def begun(self, run: str) -> None:
        self.runs.append(run)

    def planned(self, phases: Sequence[Phase], at_once: int = 1) -> None:  # noqa: ARG002
        self.phases = list(phases)

    def known(self, so_far: SoFar) -> None:
        self.knowledge.append(so_far)
        self.order.append("known")

    def noticed(self, what: str) -> None:
        self.notices.append(what)

    def problem(self, what: str) -> None:
        self.problems.append(what)


@cache
def _ceiling(server_cpus: tuple[int, ...], load_cpus: tuple[int, ...], **_: float) -> Ceiling:
    """Measured once, and in a moment: it bounds searches, and trusting runs do not read it."""
    with patch.object(ceiling, "_WARMUP_S", 0.05):
        return ceiling.measure_ceiling(server_cpus, load_cpus, seconds=0.8)


def laboratory_of(workspace: Workspace, listener: Listener) -> Laboratory:
    """The embedded PostgreSQL, the machine's cache, and what the workspace holds."""
    return Laboratory(
        workspace=workspace,
        cache=cache_folder(),
        catalog=load_catalog(workspace),
        contract=Contract(workspace),
        database_url=None,
        listener=listener,
    )


def run_study(laboratory: Laboratory, name: str, study: Study) -> Store:
    """Measure a study, as the command `run` does."""
    store = start.new_store(laboratory, name)
    start.start(laboratory, store, name, study, make_plan(study), f"run {name}")
    return store


@contextmanager
def trusting(*, but: Sequence[str] = ()) -> Iterator[None]:
    """Runs verify and audit no toy, and measure the generator's ceiling once for all of them.

    Faulty toys pass as they are; `test_session` has a run without any of this.

    Args:
        but: variants that are verified and audited all the same.
    """

    def verified(bench: Bench, variant: Variant, python: Path) -> Verification:
        if variant.name in but:
            return verify(bench, variant, python)
        return Verification(variant.name, ())

    def audited(
        bench: Bench, variant: Variant, python: Path, *, cpu: bool, given: ServerSettings
    ) -> Audit:
        if variant.name in but:
            return audit(bench, variant, python, cpu=cpu, given=given)
        return Audit(variant.name, ())

    with (
        patch.object(venue, "measure_ceiling", _ceiling),
        patch.object(examine, "verify", verified),
        patch.object(examine, "audit", audited),
    ):
        yield


BY_NEIGHBOURS: frozenset[EventKind] = frozenset({
    "clock-jumped", "generator-paused", "harness-paused", "probe-lost", "stalled", "suspended",
    "throttled",
})  # fmt: skip
"""Events that a busy machine causes, without a fault of what is measured."""


@contextmanager
def undisturbed(caused: Callable[[], Collection[EventKind]] = tuple) -> Iterator[None]:
    """Runs are told of no event that a busy machine causes, and checks are `patient`.

    For tests that count attempts, which such an event would have measured again.

    caused: the kinds that a test causes itself at this moment; runs are told of these.
    """
    noticed, found = Lookout.after, stalled

    def is_told(kind: EventKind) -> bool:
        return kind not in BY_NEIGHBOURS or kind in caused()

    def after(self: Lookout, server: LiveServer | None, paused_ns: int) -> tuple[Event, ...]:
        return tuple(e for e in noticed(self, server, paused_ns) if is_told(e.kind))

    def stall(longest_s: float, typical_s: float) -> Event | None:
        return found(longest_s, typical_s) if is_told("stalled") else None

    with (
        patch.object(Lookout, "after", after),
        patch.object(trial_builder, "stalled", stall),
        patch.object(observe, "stalled", stall),
        patient(),
    ):
        yield


_PATIENT: dict[ModuleType, dict[str, float]] = {
    checking: {"_ENDS_S": 10.0, "_POOL_TIMEOUT_S": 3.0},
    constants: {"_ANSWER_S": PATIENCE_S, "_PATIENCE_S": 20.0, "_ATTEMPTS": 20},
    counters: {"_ANSWER_S": PATIENCE_S},
    counting: {"_PATIENCE_S": PATIENCE_S, "_POOL_TIMEOUT_S": 10.0, "_TIMES": 10},
    database_checks: {"_CUT_S": PATIENCE_S, "RECOVERY_S": PATIENCE_S},
    resource_checks: {"_LATE_S": 10.0},
}
"""By module: limits to what comes in any case. Those of 10 and 20 seconds are waited for where a
server is as some toys are."""


@contextmanager
def patient() -> Iterator[None]:
    """Verifications and audits wait longer for what a busy machine may hold up."""
    longer = partial(Probe, patience_s=PATIENCE_S)
    with ExitStack() as stack:
        for module in (checking, counting):
            stack.enter_context(patch.object(module, "Probe", longer))
        for module, limits in _PATIENT.items():
            for name, limit in limits.items():
                stack.enter_context(patch.object(module, name, limit))
        yield

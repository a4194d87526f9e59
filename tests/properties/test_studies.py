"""What `plan` accepts runs, is resumed, reported and published; the rest is one sentence."""

import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from harness.base.errors import UsageError
from harness.base.workspace import Workspace
from harness.inputs.catalog import Catalog
from harness.inputs.claims import load_claims
from harness.inputs.contract import Contract
from harness.inputs.factors import differences, factors_of
from harness.inputs.study import Study
from harness.inputs.study_loader import open_study
from harness.load.protocol import Tally
from harness.records.plan import Plan
from harness.records.run import ImplementationRecord, Run, VariantRecord
from harness.records.store import Store
from harness.report.site.site import publish
from harness.runner.block import run_blocks
from harness.runner.overrides import Overrides
from harness.runner.plan import make_plan
from tests.toys.bounded import bounded
from tests.toys.catalogs import repository_catalog
from tests.toys.fakes import FakeGenerator, FakeLab, FakeSet, fake_lab
from tests.toys.ramps import make_cell
from tests.toys.runs import make_run
from tests.toys.studies import NAMES, Table, spoilt, studies, toml_text
from tests.toys.undrawn import undrawn

REPOSITORY = Workspace()
CATALOG = repository_catalog()
CLAIMS = load_claims(REPOSITORY)
_FACTORS = {name: factors_of(name, variant) for name, variant in CATALOG.variants.items()}
PAIRS = [
    (of, to)
    for of in _FACTORS
    for to in _FACTORS
    if of != to and len(differences(_FACTORS[of], _FACTORS[to])) == 1
]
STUDIES = studies(sorted(CATALOG.variants), PAIRS)
OVERRIDES = st.builds(
    Overrides,
    blocks=st.none() | st.sampled_from([1, 2, 10_000]),
    budget_min=st.none() | st.sampled_from([0.01, 5.0, 1_440.0, float("nan"), float("inf")]),
    keep_requests=st.booleans(),
    scale=st.none() | st.sampled_from([0.01, 0.5, 1.0, float("nan")]),
)
_MOST_TURNS, _MOST_SECONDS = 300, 4_000
"""Of an example that is run; one that takes longer is only planned."""


def accepted(path: Path, changes: Overrides) -> tuple[Study, Plan] | None:
    """The study and its plan; None if it is refused, which must be by one whole sentence."""
    try:
        study = changes.applied(open_study(REPOSITORY, CATALOG, str(path)))
        return study, make_plan(study)
    except UsageError as error:
        told = str(error)
        assert told.endswith((".", "?")), told
        assert "\n" not in told
        assert told.isprintable()
        for word in ("Traceback", "`int`", "`str`", "`float`", "`object`", "`array`", "NoneType"):
            assert word not in told
        return None


def run_of(study: Study, plan: Plan, name: str) -> Run:
    """As it is described when it begins."""
    catalog: Catalog = CATALOG.with_setups(study.setups, workers=study.server.workers)
    variants = {name: catalog.variant(name) for name in study.everyone}
    made = make_run(study)
    record = ImplementationRecord(title="t", lock_digest="d" * 16, packages={"x": "1"})
    return msgspec.structs.replace(
        made,
        id=f"{name}-20260101-000000",
        study_name=name,
        plan=plan,
        implementations={v.implementation: record for v in variants.values()},
        variants={
            name: VariantRecord(
                title=v.title, framework=v.framework, server=v.server, factors=v.factors,
                tags=tuple(v.tags),
            )
            for name, v in variants.items()
        },
    )  # fmt: skip


class Interrupted(FakeGenerator):
    """Ends the run with Ctrl-C in one of its turns."""

    left = 0

    def _load(self, *arguments: object, **more: object) -> Tally:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return super()._load(*arguments, **more)  # type: ignore[arg-type]


def measure(lab: FakeLab, interrupted_at: int) -> None:
    """Run, be interrupted, read the run back, and do the rest of it."""
    generator = Interrupted(lab.clock, lab.servers)
    generator.left = interrupted_at
    instruments = msgspec.structs.replace(lab.instruments, generator=generator)
    try:
        problems = run_blocks(lab.session, [FakeSet(instruments)])
    except KeyboardInterrupt:
        event("resumed")
        store = Store(lab.store.folder)
        session = msgspec.structs.replace(lab.session, run=store.read_run(), store=store)
        problems = run_blocks(session, lab.sets)
    assert problems == []


def check(store: Store, run: Run) -> None:
    """The run is read back as it was written, with each trial of its plan complete."""
    assert store.read_run() == run
    trials, damaged = store.trials(run)
    assert damaged == []
    last = {(t.block, t.condition.name, t.entry): t for t in trials}
    blocks = {t.block for t in trials}
    planned = {
        (phase.block, phase.condition.name, run.plan.entries[index].name)
        for phase in run.plan.phases
        if phase.block in blocks
        for index in phase.orders[0]
    }
    assert set(last) == planned
    assert all(trial.complete for trial in last.values())


def seconds(study: Study) -> float:
    """The longest that one turn generates load for."""
    return max((c.window_s or study.load.slice_s) for c in study.conditions)


def go_through(path: Path, changes: Overrides, interrupted_at: int, contract: Contract) -> None:
    """Everything that becomes of a study that is accepted."""
    found = accepted(path, changes)
    if found is None:
        event("refused")
        return
    study, plan = found
    if sum(p.turns for p in plan.phases) > _MOST_TURNS or seconds(study) > _MOST_SECONDS:
        event("too large to run")
        assert msgspec.json.decode(msgspec.json.encode(study), type=Study) == study
        return
    event("ramped" if study.ramped else "run")
    run = run_of(study, plan, path.stem)
    results = path.parent / "results"
    if study.ramped:
        store = Store.create(results, run.id)
        store.write_run(run)
        for phase in plan.phases:
            for index in phase.orders[0]:
                entry = plan.entries[index]
                cell = make_cell(entry.name, block=phase.block, condition=phase.condition)
                store.write_trial(msgspec.structs.replace(cell, run=run.id, variant=entry.variant))
    else:
        costs = {name: 20_000.0 + 500 * n for n, name in enumerate(study.everyone)}
        with fake_lab(study, contract, results, costs, run) as lab:
            measure(lab, interrupted_at)
            store = lab.store
    check(store, run)
    with undrawn():
        site = publish([store], path.parent / "site", "Ours", CLAIMS)
    assert not site.damaged
    assert not site.refused
    assert run.id in site.page.read_text(encoding="utf-8")
    assert store.pack().left == ()
    check(store, run)


@bounded(15)
@given(
    table=STUDIES,
    name=st.sampled_from(["tiny", "a_b-c.d", "x" * 60]),
    changes=st.one_of(st.just(Overrides()), OVERRIDES),
    interrupted_at=st.integers(1, 60),
)
def test_what_is_accepted_runs_is_resumed_reported_and_published(
    contract: Contract, table: Table, name: str, changes: Overrides, interrupted_at: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.toml"
        path.write_text(toml_text(table), encoding="utf-8")
        go_through(path, changes, interrupted_at, contract)


@bounded(150)
@given(table=spoilt(STUDIES), name=st.sampled_from(["tiny", *NAMES]))
def test_a_spoilt_study_is_refused_in_one_sentence_or_can_be_kept(table: Table, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.toml"
        path.write_text(toml_text(table), encoding="utf-8")
        found = accepted(path, Overrides())
        event("accepted" if found else "refused")
        if found is not None:
            study, _ = found
            assert msgspec.json.decode(msgspec.json.encode(study), type=Study) == study


@bounded(150)
@given(table=STUDIES, cut=st.integers(0, 2_000), junk=st.binary(max_size=4))
def test_a_file_that_is_torn_or_has_foreign_bytes_is_refused_in_one_sentence(
    table: Table, cut: int, junk: bytes
) -> None:
    body = toml_text(table).encode()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tiny.toml"
        path.write_bytes(body[:cut] + junk + body[cut + len(junk) :])
        accepted(path, Overrides())


@pytest.mark.parametrize("study", [path.stem for path in (REPOSITORY.shared / "studies").glob("*")])
def test_the_studies_that_are_kept_here_are_accepted(study: str) -> None:
    path = REPOSITORY.shared / "studies" / f"{study}.toml"
    assert accepted(path, Overrides()) is not None

"""Variants examined side by side: each by itself, told in order, and stopped together."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from harness.audit.bench import Bench
from harness.base.errors import DatabaseFailed, EnvironmentFailed, Untestable
from harness.base.workspace import Workspace
from harness.inputs.ab import Changes, ab_study
from harness.inputs.manifests import Implementation, Variant
from harness.inputs.settings import DatabaseSettings, ServerSettings
from harness.inputs.study import Study
from harness.inputs.study_loader import load_study
from harness.lab.postgres.database import Database
from harness.records.verification import Audit, Outcome, Verification
from harness.runner import benches, examine
from harness.runner.examine import (
    Environments,
    Examination,
    examine_variants,
    prepare_environments,
)
from harness.runner.laboratory import Laboratory
from tests.toys.command import left_running
from tests.toys.laboratory import Recorder, laboratory_of
from tests.toys.workspaces import toy_workspace, write_study
from tests.waiting import PATIENCE_S

NAMES = ("good", "burning", "unpooled", "crashes-at-start")
FULL = tuple(f"toy/{name}" for name in NAMES)
type Verify = Callable[[Bench, Variant, Path], Verification]


class Hall:
    """A laboratory whose checks are the test's own."""

    def __init__(
        self, tmp_path: Path, database: Database, python: Path, patch: pytest.MonkeyPatch
    ) -> None:
        self.workspace: Workspace = toy_workspace(tmp_path / "workspace")
        self.listener = Recorder()
        self.laboratory = laboratory_of(self.workspace, self.listener)
        path = write_study(self.workspace, "side", list(NAMES), endpoints=("noop",))
        self.study: Study = load_study(path, self.laboratory.catalog)
        self.audited: list[str] = []
        self._database, self._python, self._patch = database, python, patch
        self._logs = tmp_path

    def examined(self, verify: Verify) -> list[Examination]:
        def audit(_bench: Bench, variant: Variant, _python: Path, **_: object) -> Audit:
            self.audited.append(variant.name)
            return Audit(variant.name, (), "mute" if variant.name == FULL[2] else None)

        self._patch.setattr(examine, "verify", verify)
        self._patch.setattr(examine, "audit", audit)
        environments = Environments({"toy": self._python}, None, {})
        return list(
            examine_variants(self.laboratory, self.study, environments, self._database, self._logs)
        )


@pytest.fixture
def hall(
    tmp_path: Path, database: Database, toy_python: Path, monkeypatch: pytest.MonkeyPatch
) -> Hall:
    """Two processors, wherever it runs: so three variants at a time.

    Threads that still ask a database have as long for it as a busy machine needs.
    """
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr(benches, "_PATIENCE_S", PATIENCE_S)
    return Hall(tmp_path, database, toy_python, monkeypatch)


def passed(variant: Variant) -> Verification:
    return Verification(variant.name, (Outcome("health", None),))


def test_a_variant_that_hangs_delays_no_other_and_all_are_told_in_the_studys_order(
    hall: Hall,
) -> None:
    """The first one ends after all others have been verified and audited."""
    others = threading.Semaphore(0)

    def verify(_bench: Bench, variant: Variant, _python: Path) -> Verification:
        if variant.name == FULL[0]:
            for _ in FULL[1:]:
                assert others.acquire(timeout=PATIENCE_S)
            assert hall.listener.verified_names == []
            return Verification(variant.name, (Outcome("io wait", "no complete response"),))
        others.release()
        return passed(variant)

    examinations = hall.examined(verify)
    assert [e.verification.variant for e in examinations] == list(FULL)
    assert hall.listener.verified_names == list(FULL)
    assert hall.listener.problems == [f"{FULL[2]}: mute"]
    by_name = {e.verification.variant: e.problems for e in examinations}
    assert by_name[FULL[0]] == ("io wait: no complete response",)
    assert [name for name, problems in by_name.items() if not problems] == [FULL[1], FULL[3]]


def test_each_has_rows_and_counts_of_its_own(hall: Hall) -> None:
    """Three variants reset, lock and count the table of posts at the same time."""
    together = threading.Barrier(3)

    def verify(bench: Bench, variant: Variant, _python: Path) -> Verification:
        rows = 1 + FULL.index(variant.name)
        if rows <= 3:
            bench.database.reset(rows)
            together.wait(PATIENCE_S)
            with bench.database.posts_locked():
                together.wait(PATIENCE_S)
            assert bench.database.rows("SELECT count(*) FROM post") == [(rows,)]
        return passed(variant)

    assert len(hall.examined(verify)) == len(FULL)


def test_postgresql_that_is_gone_ends_them_all_and_no_server_stays(hall: Hall) -> None:
    """The others wait for servers of theirs, which are stopped; nothing more is begun."""
    started = threading.Barrier(3)
    failed = threading.Semaphore(0)

    def verify(bench: Bench, variant: Variant, python: Path) -> Verification:
        assert variant.name != FULL[3]
        settings = ServerSettings().application(bench.database.login(variant.name))
        log = bench.log(variant, "verify")
        with bench.start(variant, python, settings, log, threads=4) as server:
            started.wait(PATIENCE_S)
            if variant.name == FULL[1]:
                raise DatabaseFailed("PostgreSQL has gone")
            server.process.popen.wait(PATIENCE_S)
        failed.release()
        with bench.start(variant, python, settings, log, threads=4):  # refused: all is over
            pass
        return passed(variant)

    with pytest.raises(DatabaseFailed, match="has gone"):
        hall.examined(verify)
    for _ in range(2):
        assert failed.acquire(timeout=PATIENCE_S)
    assert left_running(hall.workspace, os.getpid()) == []
    assert hall.listener.verified_names == []


@pytest.mark.parametrize(
    ("processors", "most", "expected"), [(1, 400, 2), (2, 400, 3), (64, 400, 4), (2, 60, 1)]
)
def test_as_many_at_a_time_as_processors_and_one_if_postgresql_has_room(
    hall: Hall, monkeypatch: pytest.MonkeyPatch, processors: int, most: int, expected: int
) -> None:
    """Each of four variants holds up to sixteen connections, and checks need some more."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(processors)))
    steps: list[str] = []
    monkeypatch.setattr(hall.listener, "step", lambda what, _stage: steps.append(what))
    hall.study = msgspec.structs.replace(
        hall.study,
        server=ServerSettings(threads=16, pool_size=16),
        database=DatabaseSettings(max_connections=most),
    )
    hall.examined(lambda _bench, variant, _python: passed(variant))
    (told,) = steps
    assert "4 variants" in told
    assert (f"{expected} at a time" in told) == (expected > 1)


def test_no_database_is_closed_while_a_thread_still_asks_it(hall: Hall) -> None:
    """Two statements are under way when the third variant's examination ends everything."""
    asking = threading.Barrier(3)
    answered = threading.Semaphore(0)

    def verify(bench: Bench, variant: Variant, _python: Path) -> Verification:
        asking.wait(PATIENCE_S)
        if variant.name == FULL[0]:
            raise DatabaseFailed("PostgreSQL has gone")
        assert bench.database.rows("SELECT 1 FROM pg_sleep(0.5)") == [(1,)]
        answered.release()
        raise DatabaseFailed("nobody listens any more")

    with pytest.raises(DatabaseFailed, match="has gone"):
        hall.examined(verify)
    assert all(answered.acquire(blocking=False) for _ in range(2))


def made_of(tmp_path: Path) -> tuple[Laboratory, Study]:
    """An A/B of the toy, whose B has an environment of its own."""
    sides = Changes(packages=(("psycopg==3.3.0",),)).sides(FULL[0])
    study = ab_study(FULL[0], sides, ("noop",), 4, 0.03, 1)
    laboratory = laboratory_of(toy_workspace(tmp_path / "workspace"), Recorder())
    return laboratory.with_setups(study), study


def test_a_b_that_cannot_be_built_is_told_from_an_a_that_cannot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`git bisect` skips the former; the latter ends it."""
    laboratory, study = made_of(tmp_path)

    def prepare(_cache: Path, implementation: Implementation) -> Path:
        if implementation.name in broken:
            raise EnvironmentFailed(f"{implementation.name} cannot be made.")
        return tmp_path / "python"

    monkeypatch.setattr(examine, "prepare", prepare)
    broken = {"toy+good-psycopg-3-3-0"}
    with pytest.raises(Untestable, match="cannot be made"):
        prepare_environments(laboratory, study)
    broken = {"toy"}
    with pytest.raises(EnvironmentFailed, match="toy cannot be made"):
        prepare_environments(laboratory, study)

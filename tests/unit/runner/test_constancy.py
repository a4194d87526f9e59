"""Servers that become another than the study holds constant, in a faked lab."""

from pathlib import Path

import msgspec
import pytest

from harness.inputs.contract import Contract
from harness.inputs.study import Condition, Study
from harness.inputs.study_loader import load_study
from harness.records.plan import Phase
from harness.runner.constancy import deviations
from harness.runner.phase import PhaseResult, run_phase
from tests.toys.fakes import SECOND, FakeLab, fake_lab
from tests.toys.laboratory import Recorder, laboratory_of, run_study, trusting, undisturbed
from tests.toys.runs import make_study
from tests.toys.workspaces import toy_workspace, write_study

NAMES = ("toy/one", "toy/two")
EXTRA = "has 2 worker processes, where every server is given 1; let it start no more"


def study(workers: int = 1) -> Study:
    made = make_study(NAMES, blocks=1)
    server = msgspec.structs.replace(made.server, workers=workers, pool_size=5)
    conditions = (Condition("noop", connections=4),)
    return msgspec.structs.replace(made, server=server, conditions=conditions)


def measured(lab: FakeLab) -> tuple[Phase, PhaseResult]:
    phase = lab.run.plan.phases[0]
    return phase, run_phase(lab.session, lab.instruments, phase, lab.start(), {})


def test_a_server_that_starts_another_worker_is_out_of_the_block_by_name(
    contract: Contract, tmp_path: Path
) -> None:
    with fake_lab(study(), contract, tmp_path) as lab:
        lab.servers["toy/two"].deviation = EXTRA
        _, result = measured(lab)
        assert result.failures == {"toy/two": f"its server {EXTRA}"}
        problems = {trial.entry: trial.problem for trial in result.trials}
        assert problems["toy/two"] == f"its server {EXTRA}"
        assert problems["toy/one"] is None
        assert lab.listener.problems == [f"toy/two: its server {EXTRA}"]
        assert not any(trial.slices for trial in result.trials if trial.entry == "toy/two")


def test_connections_beyond_those_of_the_study_put_a_server_out_of_the_block(
    contract: Contract, tmp_path: Path
) -> None:
    with fake_lab(study(workers=2), contract, tmp_path) as lab:
        lab.database.held = {"toy/one": 10, "toy/two": 11}
        _, result = measured(lab)
        assert list(result.failures) == ["toy/two"]
        assert result.failures["toy/two"].startswith(
            "it holds 11 connections to PostgreSQL, where the study gives 10 to all;"
        )


@pytest.mark.parametrize(("pool", "failed"), [("per-request", False), ("per-thread", True)])
def test_how_many_connections_are_allowed_is_a_matter_of_the_pool(
    contract: Contract, tmp_path: Path, pool: str, failed: bool
) -> None:
    """Without one, as many as there are requests; with one per thread, as many as threads (16)."""
    with fake_lab(study(), contract, tmp_path) as lab:
        record = lab.run.variants["toy/two"]
        factors = record.factors | {"pool": pool}
        lab.run.variants["toy/two"] = msgspec.structs.replace(record, factors=factors)
        lab.database.held = {"toy/two": 17}
        _, result = measured(lab)
        assert ("toy/two" in result.failures) is failed


def test_a_worker_that_is_just_being_replaced_is_no_deviation(
    contract: Contract, tmp_path: Path
) -> None:
    with fake_lab(study(), contract, tmp_path) as lab:
        servers = lab.start()
        lab.servers["toy/two"].deviation = EXTRA
        advance = lab.clock.sleep

        def sleep(seconds: float) -> None:
            advance(seconds)
            if lab.clock.now_ns() - before > SECOND:
                lab.servers["toy/two"].deviation = None

        before = lab.clock.now_ns()
        lab.clock.sleep = sleep  # type: ignore[method-assign]
        assert deviations(lab.run, lab.session.database, servers, lab.clock) == {}
        assert SECOND < lab.clock.now_ns() - before < 2 * SECOND


def test_what_nothing_deviates_from_takes_no_time(contract: Contract, tmp_path: Path) -> None:
    with fake_lab(study(), contract, tmp_path) as lab:
        before = lab.clock.now_ns()
        assert deviations(lab.run, lab.session.database, lab.start(), lab.clock) == {}
        assert lab.clock.now_ns() == before


def test_a_variant_that_deviates_is_excluded_before_anything_is_measured(tmp_path: Path) -> None:
    """With one worker it is as all others are, and passes its verification."""
    tmp_path.chmod(0o755)
    workspace = toy_workspace(tmp_path / "workspace")
    path = write_study(workspace, "tiny", ["counted", "fewer-workers"], blocks=1, rounds=2)
    path.write_text(path.read_text().replace("[server]\n", "[server]\nworkers = 2\nthreads = 3\n"))
    laboratory = laboratory_of(workspace, Recorder())
    with trusting(but=["toy/fewer-workers"]), undisturbed():
        store = run_study(laboratory, "tiny", load_study(path, laboratory.catalog))
    run = store.read_run()
    assert run.excluded.keys() == {"toy/fewer-workers"}
    told = [problem for verified in run.verifications for problem in verified.problems]
    told += [problem for audit in run.audits for problem in audit.problems]
    assert run.excluded["toy/fewer-workers"] in told
    assert any("has 1 worker process, where every server is given 2" in words for words in told)
    assert {trial.variant for trial in store.trials()[0]} == {"toy/counted"}

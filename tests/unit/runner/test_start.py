"""Interrupted runs: what is kept, what is left running, and how they are continued."""

import signal
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from harness.base.errors import RunFailed, Untestable, UsageError
from harness.base.workspace import Workspace
from harness.cli.progress import ProgressListener
from harness.inputs.conditions import condition_title
from harness.records.run import Cores
from harness.records.store import Store
from harness.runner.block import problem_of
from harness.runner.describe import contract_digest
from harness.runner.laboratory import Laboratory
from harness.runner.start import _check_bs, complain, resume, tell_quota
from tests.faults.holding import held_command
from tests.toys.ab import B, measured
from tests.toys.command import (
    PATIENCE_S,
    environment_of,
    left_running,
    start_command,
    stop_when,
)
from tests.toys.laboratory import Recorder, laboratory_of
from tests.toys.runs import make_run, make_study, make_trial
from tests.toys.workspaces import toy_workspace, write_study

BLOCKS, ENTRIES = 4, 2


class Stopped(msgspec.Struct):
    """A command that was stopped in the middle of a run."""

    status: int
    said: str
    pid: int
    left: list[str]
    kept: dict[str, bytes]


class History(msgspec.Struct):
    """One run: killed, resumed and interrupted, resumed to its end."""

    workspace: Workspace
    store: Store
    killed: Stopped
    interrupted: Stopped
    status: int
    said: str


def stop(workspace: Workspace, trials: int, number: signal.Signals, *arguments: str) -> Stopped:
    """Stop a command once so many trials are on disk; it goes no further by itself."""
    process = start_command(
        workspace, *arguments, trusting=True, BRIDGETOLL_TOYS_LINGER=str(trials)
    )
    _, err = stop_when(process, lambda: trials_of(workspace) >= trials, number)
    left = left_running(workspace, process.pid)
    return Stopped(process.returncode, " ".join(err.split()), process.pid, left, kept(workspace))


def trials_of(workspace: Workspace) -> int:
    return len(list(workspace.results.glob("*/trials/*.json")))


def kept(workspace: Workspace) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in workspace.results.glob("*/trials/*")}


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    workspace = toy_workspace(tmp_path_factory.mktemp("conduct") / "workspace")
    write_study(workspace, "long", ["good"], blocks=BLOCKS, rounds=8)
    # Among the files of the second phase, which is then repeated.
    killed = stop(workspace, ENTRIES + 1, signal.SIGKILL, "run", "long")
    (folder,) = workspace.results.iterdir()
    resume = ("run", "--resume", folder.name)
    # In a slice of the third.
    interrupted = stop(workspace, 2 * ENTRIES + 1, signal.SIGINT, *resume)
    done = start_command(workspace, *resume, trusting=True)
    _, err = done.communicate(timeout=PATIENCE_S)
    said = " ".join(err.split())
    return History(workspace, Store(folder), killed, interrupted, done.returncode, said)


def test_a_cpu_quota_is_told_before_anything_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    listener = Recorder()
    monkeypatch.setattr("harness.runner.start.allowed_processors", lambda: None)
    tell_quota(listener)
    assert listener.notices == []
    monkeypatch.setattr("harness.runner.start.allowed_processors", lambda: 1.5)
    tell_quota(listener)
    (told,) = listener.notices
    assert "1.5 processors" in told
    assert "throttled" in told


def test_a_killed_run_leaves_no_process_behind(history: History) -> None:
    """No server, no generator, no PostgreSQL: the kernel ends them with their parent."""
    assert history.killed.status == -signal.SIGKILL
    assert history.killed.left == []


def test_a_killed_run_keeps_whole_trials_only(history: History) -> None:
    whole = [name for name in history.killed.kept if name.endswith(".json")]
    assert len(whole) == ENTRIES + 1


def test_ctrl_c_ends_with_status_130_and_says_how_to_resume(history: History) -> None:
    assert history.interrupted.status == 130
    assert f"bridgetoll run --resume {history.store.id}" in history.interrupted.said
    assert "Traceback" not in history.interrupted.said
    assert f"process {history.killed.pid} " in history.interrupted.said  # it is taken over
    assert history.interrupted.left == []


def test_a_resumed_run_is_complete(history: History) -> None:
    assert (history.status, history.said.count("Traceback")) == (0, 0)
    run = history.store.read_run()
    trials, damaged = history.store.trials()
    assert damaged == []
    assert all(trial.complete for trial in trials)
    assert len(run.plan.phases) == BLOCKS
    assert all(history.store.has_phase(phase, run.plan.entries) for phase in run.plan.phases)


def test_resuming_adds_what_is_missing_and_leaves_every_kept_trial_as_it_was(
    history: History,
) -> None:
    """Byte for byte, also where a phase was cut off among its files and has to be repeated."""
    final = kept(history.workspace)
    for earlier in (history.killed.kept, history.interrupted.kept):
        trials = {name: body for name, body in earlier.items() if name.endswith(".json")}
        assert trials.items() <= final.items()
    assert len(history.killed.kept) < len(history.interrupted.kept) < len(final)
    repeated = [name for name in final if "~" in name]
    assert len(repeated) == ENTRIES  # the one phase that the kill cut off


def test_a_resumed_run_follows_the_plan_that_was_drawn(history: History) -> None:
    run = history.store.read_run()
    orders = {phase.block: phase.orders for phase in run.plan.phases}
    names = [entry.name for entry in run.plan.entries]
    for trial in history.store.trials()[0]:
        assert [names[orders[trial.block][p.round][p.position]] for p in trial.slices] == [
            trial.entry
        ] * 8


def watched(workspace: Workspace) -> Laboratory:
    """Watched as the command's user does."""
    return laboratory_of(workspace, ProgressListener(Console(stderr=True)))


def test_resuming_a_finished_run_measures_nothing(history: History) -> None:
    before = kept(history.workspace)
    resume(watched(history.workspace), history.store)
    assert kept(history.workspace) == before


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ("implementations/toy/requirements.lock", "there changed: the lock of toy"),
        ("shared/contract/effects.toml", "there changed: the contract;"),
        ("shared/servers.toml", "there changed: the code of an implementation, shared/servers"),
        ("implementations/toy/server.py", "there changed: the code of an implementation"),
        ("shared/schema.sql", "there changed: the contract;"),
    ],
)
def test_a_run_is_not_resumed_under_other_conditions(
    history: History, changed: str, told: str
) -> None:
    path = history.workspace.root / changed
    before = path.read_bytes()
    path.write_bytes(before + (b"\n-- x\n" if path.suffix == ".sql" else b"\n# x\n"))
    try:
        with pytest.raises(UsageError, match=told):
            resume(
                watched(history.workspace),
                history.store,
            )
    finally:
        path.write_bytes(before)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"machine": {"processors": 96}}, "the machine or its Python"),
        ({"cores": Cores((5,), (6,), (7,))}, "the cores"),
        ({"embedded_database": False}, "the database"),
    ],
)
def test_a_run_is_not_resumed_on_another_machine_or_database(
    history: History, tmp_path: Path, changes: dict[str, object], told: str
) -> None:
    elsewhere = Store.create(tmp_path, history.store.id)
    elsewhere.write_run(msgspec.structs.replace(history.store.read_run(), **changes))
    with pytest.raises(UsageError, match=f"there changed: {told};"):
        resume(watched(history.workspace), elsewhere)


def test_the_digest_of_the_contract_covers_every_file_of_it(workspace: Workspace) -> None:
    seen = {contract_digest(workspace)}
    files = [p for p in sorted(workspace.shared.rglob("*")) if covered(workspace, p)]
    assert len(files) == 4
    for number, path in enumerate(files, start=2):
        path.write_bytes(path.read_bytes() + b"\n")
        seen.add(contract_digest(workspace))
        assert len(seen) == number


def covered(workspace: Workspace, path: Path) -> bool:
    return path.suffix == ".sql" or path.parent == workspace.shared / "contract"


def test_a_run_stopped_before_any_measurement_leaves_no_folder(tmp_path: Path) -> None:
    workspace = toy_workspace(tmp_path / "workspace")
    write_study(workspace, "early", ["good"])
    environment = environment_of(workspace)
    with held_command("verify", ["run", "early"], environment) as (process, _):
        assert list(workspace.results.glob("*/logs/verify-*"))
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert "nothing is left running" in " ".join(err.split())
    assert left_running(workspace, process.pid) == []
    assert list(workspace.results.iterdir()) == []


def test_the_reason_of_a_missing_figure_is_told_once(tmp_path: Path) -> None:
    run = make_run(make_study(blocks=1))
    store = Store.create(tmp_path, run.id)
    store.write_run(run)
    (condition,), dying = run.study.conditions, run.study.variants[1]
    for entry in run.plan.entries:
        if entry.name == dying:
            last_words = "the server died; it said:\nfirst\nout of memory"
            trial = make_trial(dying, 1, (), condition=condition, problem=last_words)
        else:
            trial = make_trial(entry.name, 1, condition=condition)
        store.write_trial(trial)
    (died,) = [trial for trial in store.trials(run)[0] if not trial.complete]
    other = f"a/base, {condition_title(condition)}, block 1: no answer"
    with pytest.raises(RunFailed) as failure:
        complain(run, [problem_of(died)], store)
    assert str(failure.value).count("out of memory") == 1
    assert str(failure.value).startswith(f"No figures for {dying} under ")
    with pytest.raises(RunFailed, match=f"The first: {other}"):
        complain(run, [problem_of(died), other], store)


def test_an_a_b_without_a_b_that_does_the_work_measures_nothing() -> None:
    run, _ = measured(1000.0)
    _check_bs(run)
    without = msgspec.structs.replace(run, excluded={B: "sums: /cpu is off by one"})
    with pytest.raises(Untestable, match="sums: /cpu is off by one"):
        _check_bs(without)
    ranking = make_run(make_study(), excluded={"b/other": "sums: /cpu is off by one"})
    _check_bs(ranking)

"""How a command ends: what failed, what is kept, and what continues it."""

import errno
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from harness.base import signals
from harness.base.errors import (
    DatabaseFailed,
    GeneratorFailed,
    RunFailed,
    Stopped,
    UsageError,
)
from harness.base.workspace import Workspace
from harness.cli import commands, execution
from harness.cli.ending import RunEnding
from harness.inputs.study import Stopping
from harness.records.store import Kept, Store
from tests.toys.entry import Call, handlers_kept
from tests.toys.runs import make_run, make_study, simulate
from tests.toys.shelves import dated_run, shelve

RUN = make_run(make_study(blocks=2))
TRIALS = simulate(RUN, {"a/base": 500, "b/other": 600}, seed=1)
REPORT, RESUME = f"`bridgetoll report {RUN.id}`", f"`bridgetoll run --resume {RUN.id}`"


@pytest.fixture
def half(tmp_path: Path) -> Store:
    """A run whose first of two blocks is kept, and one trial of the second."""
    store = Store.create(tmp_path / "results", RUN.id)
    store.write_run(RUN)
    for trial in [trial for trial in TRIALS if trial.block == 1] + TRIALS[-1:]:
        store.write_trial(trial)
    return store


@pytest.fixture
def whole(tmp_path: Path) -> Store:
    """A run with all its trials."""
    store = Store.create(tmp_path / "results", RUN.id)
    store.write_run(RUN)
    for trial in TRIALS:
        store.write_trial(trial)
    return store


def failed(ending: RunEnding) -> str:
    with pytest.raises(RunFailed) as failure:
        ending.tell()
    return str(failure.value)


def test_a_folder_that_was_taken_away_is_told_with_what_to_do_and_no_word_of_nothing_measured(
    half: Store, tmp_path: Path
) -> None:
    ending = RunEnding(half)
    with ending.measuring():
        half.folder.rename(tmp_path / "elsewhere")
        half.write_trial(TRIALS[-1])
    told = failed(ending)
    assert f"{RUN.id} is gone, removed or renamed during the run; rename it back" in told
    assert RESUME in told
    assert "Nothing was measured" not in told
    assert told.count(".") == 1 + str(half.folder).count(".")


def test_what_is_kept_is_counted_by_trial_and_by_block(half: Store, whole: Store) -> None:
    assert half.kept(RUN) == Kept(trials=4, planned=6, blocks=1, planned_blocks=2)
    assert whole.kept(RUN) == Kept(trials=6, planned=6, blocks=2, planned_blocks=2)
    whole.pack()
    assert whole.kept(RUN).complete


def test_a_failed_trial_counts_once_a_later_attempt_is_complete(half: Store) -> None:
    lost = next(trial for trial in TRIALS if trial.block == 2)
    half.write_trial(msgspec.structs.replace(lost, problem="the server died"))
    assert half.kept(RUN).trials == 4
    half.write_trial(msgspec.structs.replace(lost, attempt=2))
    assert half.kept(RUN).trials == 5


def test_variants_that_were_excluded_are_not_planned(half: Store) -> None:
    without = msgspec.structs.replace(RUN, excluded={"b/other": "it lies"})
    assert half.kept(without).planned == 4
    none = msgspec.structs.replace(RUN, excluded={"b/other": "it lies", "a/base": "it too"})
    assert half.kept(none) == Kept(trials=0, planned=0, blocks=0, planned_blocks=2)


def test_a_run_that_ended_well_says_what_it_has(whole: Store) -> None:
    told = RunEnding(whole).tell()
    assert f"{RUN.id} keeps 6 of 6 trials (2 of 2 blocks)." in told
    assert RESUME not in told


def test_a_run_that_ended_early_says_what_continues_it(half: Store) -> None:
    told = RunEnding(half).tell()
    assert "4 of 6 trials (1 of 2 blocks)" in told
    assert RESUME in told


@pytest.mark.parametrize(("lost", "continues"), [(0, False), (1, True)])
def test_a_run_that_ended_at_a_look_is_continued_only_if_it_lacks_trials(
    tmp_path: Path, lost: int, continues: bool
) -> None:
    """Of eight blocks it has four, where its pairs were decided."""
    study = msgspec.structs.replace(make_study(blocks=8), stopping=Stopping(verdicts=True))
    early = make_run(study)
    store = Store.create(tmp_path / "results", early.id)
    store.write_run(early)
    made = simulate(early, {"a/base": 500, "b/other": 600}, seed=1)
    for trial in [trial for trial in made if trial.block <= 4][lost:]:
        store.write_trial(trial)
    told = RunEnding(store).tell()
    assert f"{4 - lost} of 8 blocks" in told
    assert (RESUME in told) == continues


def test_a_run_that_fails_says_why_and_what_is_kept_and_what_continues_it(half: Store) -> None:
    ending = RunEnding(half)
    with ending.measuring():
        raise GeneratorFailed("The generator died.")
    told = failed(ending)
    assert told.startswith("The generator died. ")
    assert "4 of 6 trials" in told
    assert told.count(RESUME) == 1


def test_what_a_failure_says_itself_is_not_said_again(half: Store) -> None:
    ending = RunEnding(half)
    with ending.measuring():
        raise GeneratorFailed(f"The generator died; continue with {RESUME}.")
    assert failed(ending).count(RESUME) == 1


def test_a_failure_to_report_is_added_to_the_failure_to_measure(half: Store) -> None:
    ending = RunEnding(half)
    with ending.measuring():
        raise DatabaseFailed("PostgreSQL is gone.")
    with ending.reporting():
        raise OSError(errno.ENOSPC, "No space left on device", "report/index.html")
    told = failed(ending)
    assert told.startswith("PostgreSQL is gone. ")
    assert "Also, the report" in told
    assert "No space left on device (report/index.html); free some space" in told
    assert RESUME in told


def test_a_failure_to_report_alone_names_the_command_that_reports(whole: Store) -> None:
    ending = RunEnding(whole)
    with ending.reporting():
        raise OSError(errno.EROFS, "Read-only file system")
    told = failed(ending)
    assert "make the file system writable" in told
    assert "6 of 6 trials" in told
    assert REPORT in told
    assert RESUME not in told


def test_a_failure_to_tidy_up_does_not_hide_what_failed_before(half: Store) -> None:
    ending = RunEnding(half)
    with ending.measuring():
        try:
            raise GeneratorFailed("The generator died.")
        finally:
            raise DatabaseFailed("The database cannot be dropped.")
    told = failed(ending)
    assert told.startswith("The generator died. Then also: The database cannot be dropped. ")


def test_what_stops_before_anything_is_measured_says_so(tmp_path: Path) -> None:
    ending = RunEnding(Store.create(tmp_path, "early"))
    with ending.measuring():
        raise DatabaseFailed("PostgreSQL does not start.")
    assert not ending.reportable
    assert "Nothing was measured" in failed(ending)


def test_a_run_that_cannot_be_measured_as_asked_ends_at_once(half: Store) -> None:
    with pytest.raises(UsageError, match="not so"), RunEnding(half).measuring():
        raise UsageError("not so")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_run_that_is_stopped_says_what_is_kept_and_what_continues_it(
    half: Store, number: signal.Signals
) -> None:
    with handlers_kept():
        signal.signal(number, signal.SIG_DFL)
        signals.install()
        with pytest.raises(Stopped) as stopped, RunEnding(half).measuring():
            signal.raise_signal(number)
        signals.install()
    told = str(stopped.value)
    assert "4 of 6 trials (1 of 2 blocks), and nothing is left running" in told
    assert RESUME in told
    assert stopped.value.exit_status == 128 + number


def test_a_run_that_is_stopped_after_its_last_trial_needs_a_report(whole: Store) -> None:
    with handlers_kept():
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signals.install()
        with pytest.raises(Stopped) as stopped, RunEnding(whole).measuring():
            signal.raise_signal(signal.SIGINT)
        signals.install()
    assert "6 of 6 trials" in str(stopped.value)
    assert REPORT in str(stopped.value)


@pytest.fixture
def interrupting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Ctrl-C comes while a report is made, whatever else has begun."""

    def interrupted(*_: object, **__: object) -> None:
        signal.raise_signal(signal.SIGINT)

    with handlers_kept():
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        monkeypatch.setattr("harness.report.write.analyse", interrupted)
        yield


@pytest.mark.usefixtures("interrupting")
def test_a_report_that_is_stopped_says_that_the_trials_are_kept(
    call: Call, shelf: Workspace
) -> None:
    run = dated_run(6)
    shelve(shelf.results, run)
    said = call("report", run.id)
    assert said.status == 130
    words = " ".join(said.err.split())
    assert f"stopped: the trials of {run.id} are kept" in words
    assert f"`bridgetoll report {run.id}` makes the report." in words
    assert not (shelf.results / run.id / ".lock").exists()


@pytest.mark.usefixtures("interrupting")
def test_a_publication_that_is_stopped_says_that_the_runs_are_unchanged(
    call: Call, shelf: Workspace, tmp_path: Path
) -> None:
    shelve(shelf.results, dated_run(7))
    said = call("publish", dated_run(7).id, "--to", str(tmp_path / "site"))
    assert said.status == 130
    assert "stopped: the runs are unchanged" in " ".join(said.err.split())


@pytest.mark.usefixtures("interrupting")
def test_a_run_that_is_stopped_while_it_is_reported_says_that_all_is_kept(
    call: Call, shelf: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = shelve(shelf.results, dated_run(8))
    monkeypatch.setattr("harness.runner.start.resume", lambda *_: None)
    said = call("run", "--resume", store.id)
    assert said.status == 130
    words = " ".join(said.err.split())
    assert f"{store.id} keeps 6 of 6 trials (2 of 2 blocks)" in words
    assert f"`bridgetoll report {store.id}` makes the report." in words


def test_a_run_that_fails_and_whose_report_fails_tells_both(
    call: Call, shelf: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = shelve(shelf.results, dated_run(9))

    def fails(*_: object) -> None:
        raise GeneratorFailed("The generator died.")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("harness.runner.start.resume", fails)
    monkeypatch.setattr(execution, "report_run", full)
    said = call("run", "--resume", store.id)
    assert said.status == 1
    assert said.sentence.startswith("The generator died. Also, the report")
    assert "6 of 6 trials" in said.sentence


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.EMFILE, "`ulimit -n`"),
        (errno.ENOSPC, "free some space"),
        (errno.EROFS, "make the file system writable"),
        (errno.EACCES, "permission"),
        (errno.ELIBBAD, "check the disk"),
    ],
)
def test_what_the_system_refuses_is_one_sentence_with_its_remedy(
    call: Call, monkeypatch: pytest.MonkeyPatch, number: int, remedy: str
) -> None:
    def refuse() -> None:
        raise OSError(number, "No", "/some/file")

    monkeypatch.setattr(commands, "app", refuse)
    said = call("list")
    assert said.status == 1
    assert "The system refused: No (/some/file)" in said.sentence
    assert remedy in said.sentence


def test_a_bug_shows_where_it_is(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def bug() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(commands, "app", bug)
    with pytest.raises(ZeroDivisionError):
        call("list")


def test_what_fails_while_the_command_stops_is_no_traceback(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stops() -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            raise ZeroDivisionError

    monkeypatch.setattr(commands, "app", stops)
    said = call("list")
    assert said.status == 143
    assert "stopped by SIGTERM: nothing is left running" in said.err


def test_a_terminal_that_is_gone_does_not_change_the_status(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Gone:
        encoding = "utf-8"

        def write(self, _: str) -> int:
            raise OSError(errno.EIO, "Input/output error")

        def flush(self) -> None:
            raise OSError(errno.EIO, "Input/output error")

        def isatty(self) -> bool:
            return False

    def hang_up() -> None:
        monkeypatch.setattr(sys, "stderr", Gone())
        signal.raise_signal(signal.SIGHUP)

    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    monkeypatch.setattr(commands, "app", hang_up)
    try:
        assert call("list").status == 129
    finally:
        signal.signal(signal.SIGHUP, before)

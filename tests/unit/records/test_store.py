import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from harness.base.errors import MalformedFile, StoreFailed, UnknownName
from harness.records.plan import Entry
from harness.records.run import Run
from harness.records.store import Store, find_run, not_runs, run_ids
from harness.records.trial import Trial
from tests.toys.runs import make_run, make_study, simulate

RUN = make_run(make_study(blocks=2))
TRIALS = simulate(RUN, {"a/base": 500, "b/other": 600}, seed=1)


def write_all(store: Store, run: Run = RUN, trials: list[Trial] = TRIALS) -> None:
    store.write_run(run)
    for trial in trials:
        store.write_trial(trial)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store.create(tmp_path / "results", RUN.id)
    write_all(made)
    return made


def files(store: Store) -> list[Path]:
    return sorted((store.folder / "trials").iterdir())


def test_what_was_written_is_read_back_equal(store: Store) -> None:
    trials, damaged = store.trials()
    assert store.read_run() == RUN
    assert damaged == []
    assert sorted(trials, key=lambda t: (t.block, t.entry)) == sorted(
        TRIALS, key=lambda t: (t.block, t.entry)
    )


def test_one_file_per_trial_and_no_scratch_is_left(store: Store) -> None:
    assert len(files(store)) == len(TRIALS) == 6
    assert all(path.suffix == ".json" for path in files(store))


def test_a_phase_is_kept_once_every_entry_has_a_complete_trial(store: Store) -> None:
    first, second = RUN.plan.phases
    assert store.has_phase(first, RUN.plan.entries)
    assert store.has_phase(second, RUN.plan.entries)
    files(store)[0].unlink()
    assert not store.has_phase(first, RUN.plan.entries)
    assert store.has_phase(second, RUN.plan.entries)


@pytest.mark.parametrize("text", ["", "{"])
def test_a_phase_with_a_damaged_trial_is_to_be_repeated(store: Store, text: str) -> None:
    files(store)[0].write_text(text)
    assert not store.has_phase(RUN.plan.phases[0], RUN.plan.entries)


def test_a_phase_with_an_incomplete_trial_is_to_be_repeated(store: Store) -> None:
    store.write_trial(msgspec.structs.replace(TRIALS[0], problem="the server died"))
    assert not store.has_phase(RUN.plan.phases[0], RUN.plan.entries)


def test_a_repeated_attempt_stands_beside_the_first(store: Store) -> None:
    phase = RUN.plan.phases[0]
    before = {path: path.read_bytes() for path in files(store)}
    assert store.next_attempt(phase) == 2
    store.write_trial(msgspec.structs.replace(TRIALS[0], attempt=2))
    assert store.next_attempt(phase) == 3
    assert before.items() <= {path: path.read_bytes() for path in files(store)}.items()
    assert len(store.trials()[0]) == len(TRIALS) + 1
    assert not store.has_phase(phase, RUN.plan.entries)  # the last attempt lacks two entries
    for trial in TRIALS[1:3]:
        store.write_trial(msgspec.structs.replace(trial, attempt=2))
    assert store.has_phase(phase, RUN.plan.entries)


def test_the_first_attempt_at_a_phase_has_number_one(tmp_path: Path) -> None:
    assert Store.create(tmp_path, "run-1").next_attempt(RUN.plan.phases[0]) == 1


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (r".*", "", "not valid JSON"),
        (r"^(.{300}).*", r"\1", "not valid JSON"),
        (r".*", "[]", "has no schema version"),
        (r".*", "[" * 100_000, "not valid JSON"),
        (r".*", '{"schema": 1' + "0" * 5_000 + "}", "not valid JSON"),
        (r'"schema": 1', '"schema": 2', "schema version 2"),
        (r'"correct":', '"corect":', "item 1 of `slices`: unknown key `corect`"),
        (r'"block": \d', '"block": "one"', "`block` is"),
        (r'"attempt": 1', '"attempt": 3', "holds another trial than its name says"),
        (r'"block": \d', '"block": 9', "holds another trial than its name says"),
        (r'"entry": "a/base', '"entry": "b/other', "holds another trial than its name says"),
        (r'"connections": 8', '"connections": 9', "holds another trial than its name says"),
    ],
)
def test_a_damaged_trial_is_named_and_the_others_are_read(
    store: Store, old: str, new: str, told: str
) -> None:
    victim = files(store)[0]
    changed, count = re.subn(old, new, victim.read_text(), count=1, flags=re.DOTALL)
    assert count == 1
    victim.write_text(changed)
    trials, damaged = store.trials()
    assert len(trials) == len(TRIALS) - 1
    (error,) = damaged
    assert str(error).startswith(f"trials/{victim.name}: ")
    assert told in str(error)


def test_bytes_that_are_no_text_are_named(store: Store) -> None:
    files(store)[0].write_bytes(b"\x00\xff")
    trials, (error,) = store.trials()
    assert len(trials) == len(TRIALS) - 1
    assert "cannot be read" in str(error)


def test_a_name_that_is_no_text_can_be_told(store: Store) -> None:
    """A report names the file, and must be written."""
    (store.folder / os.fsdecode(b"trials/\xff.json")).write_text("{")
    trials, (error,) = store.trials()
    assert len(trials) == len(TRIALS)
    assert str(error).encode().startswith(rb"trials/\xff.json: ")


def test_each_damaged_trial_is_named(store: Store) -> None:
    for path in files(store)[:3]:
        path.write_text("{")
    trials, damaged = store.trials()
    assert [error.path.name for error in damaged] == [path.name for path in files(store)[:3]]
    assert len(trials) == len(TRIALS) - 3


def test_a_trial_that_is_being_written_is_not_read(store: Store) -> None:
    """As a crash in the middle of writing leaves it."""
    (store.folder / "trials" / "b09-x.json.part").write_text("{")
    trials, damaged = store.trials()
    assert (len(trials), damaged) == (len(TRIALS), [])


def test_a_damaged_run_file_is_an_error_of_its_own(store: Store) -> None:
    (store.folder / "run.json").write_text('{"schema": 1}')
    with pytest.raises(MalformedFile, match=r"run\.json"):
        store.read_run()


def test_a_folder_with_a_folder_for_a_record_is_never_offered_as_a_run(tmp_path: Path) -> None:
    (tmp_path / "odd" / "run.json").mkdir(parents=True)
    assert list(run_ids(tmp_path)) == []
    assert not_runs(tmp_path).keys() == {"odd"}
    with pytest.raises(UnknownName) as caught:
        find_run(tmp_path, "odd")
    assert "one of: odd" not in str(caught.value)


def test_a_results_folder_that_cannot_be_made_is_told_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreFailed, match=r"cannot be written \(File exists\); remove what") as e:
        Store.create(tmp_path / "file", "run-1")
    assert "\n" not in str(e.value)


def test_a_run_whose_name_is_taken_gets_a_number_and_changes_no_other(store: Store) -> None:
    """Two runs may start in the same second."""
    results = store.folder.parent
    assert [Store.create(results, store.id).id for _ in range(2)] == [f"{RUN.id}-2", f"{RUN.id}-3"]
    assert store.read_run() == RUN
    assert len(files(store)) == len(TRIALS)


def test_of_many_processes_that_start_a_run_in_the_same_second_each_has_its_own(
    tmp_path: Path,
) -> None:
    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(lambda _: Store.create(tmp_path / "results", "run-1"), range(48)))
    assert len({store.id for store in made}) == 48
    assert all((store.folder / "trials").is_dir() for store in made)


def test_names_end_somewhere(tmp_path: Path) -> None:
    for _ in range(99):
        Store.create(tmp_path, "run-1")
    with pytest.raises(StoreFailed, match="98 folders with a number"):
        Store.create(tmp_path, "run-1")


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few pages, where mounting is allowed."""
    folder = tmp_path / "full"
    folder.mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount")
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine does not let root mount")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_keeps_what_is_there_and_leaves_no_scratch(full: Path) -> None:
    store = Store.create(full, "run-1")
    store.write_trial(TRIALS[0])
    too_long = msgspec.structs.replace(TRIALS[0], error_samples=("x" * 100_000,))
    with pytest.raises(StoreFailed, match="No space left on device"):
        store.write_trial(too_long)
    assert store.trials() == ([TRIALS[0]], [])
    assert [path.suffix for path in files(store)] == [".json"]


def test_a_run_folder_that_is_gone_is_told(store: Store) -> None:
    shutil.rmtree(store.folder)
    with pytest.raises(StoreFailed, match="is gone, removed or renamed"):
        write_all(store)


def test_runs_are_found_by_id_and_by_folder(store: Store, tmp_path: Path) -> None:
    results = store.folder.parent
    assert list(run_ids(results)) == [RUN.id]
    assert find_run(results, RUN.id).folder == store.folder
    assert find_run(tmp_path, str(store.folder)).folder == store.folder
    with pytest.raises(UnknownName, match=f"no run `nope`; choose one of: {RUN.id}"):
        find_run(results, "nope")


@pytest.mark.parametrize("name", ["", ".", "..", "a/../../b"])
def test_a_name_that_is_no_run_is_refused(store: Store, name: str) -> None:
    with pytest.raises(UnknownName):
        find_run(store.folder.parent, name)


def test_no_runs_yet(tmp_path: Path) -> None:
    assert list(run_ids(tmp_path / "results")) == []


PHASE, NEXT_PHASE = RUN.plan.phases
FIRST = RUN.plan.entries[0]


def test_a_cell_is_kept_once_its_own_trial_is_complete(tmp_path: Path) -> None:
    """Whatever there is of others: each is measured by itself."""
    store = Store.create(tmp_path, "run-1")
    assert not store.has_cell(PHASE, FIRST)
    assert store.next_attempt_at(PHASE, FIRST) == 1
    store.write_trial(TRIALS[0])
    assert (TRIALS[0].entry, TRIALS[0].block) == (FIRST.name, PHASE.block)
    assert store.has_cell(PHASE, FIRST)
    assert store.next_attempt_at(PHASE, FIRST) == 2
    assert not any(store.has_cell(PHASE, entry) for entry in RUN.plan.entries[1:])
    assert not store.has_cell(NEXT_PHASE, FIRST)
    assert store.next_attempt_at(NEXT_PHASE, FIRST) == 1


def test_a_failed_attempt_at_a_cell_is_followed_by_a_second_and_kept(tmp_path: Path) -> None:
    store = Store.create(tmp_path, "run-1")
    failed = msgspec.structs.replace(TRIALS[0], problem="Locust died", slices=())
    store.write_trial(failed)
    assert not store.has_cell(PHASE, FIRST)
    assert store.next_attempt_at(PHASE, FIRST) == 2
    again = msgspec.structs.replace(TRIALS[0], attempt=2)
    store.write_trial(again)
    assert store.has_cell(PHASE, FIRST)
    assert store.next_attempt_at(PHASE, FIRST) == 3
    kept, damaged = store.trials()
    assert damaged == []
    assert sorted(kept, key=lambda t: t.attempt) == [failed, again]


def test_of_several_attempts_at_a_cell_the_last_decides(store: Store) -> None:
    for attempt in range(2, 12):  # ten come after nine, not after one
        problem = "Locust died" if attempt == 11 else None
        store.write_trial(msgspec.structs.replace(TRIALS[0], attempt=attempt, problem=problem))
    assert store.next_attempt_at(PHASE, FIRST) == 12
    assert not store.has_cell(PHASE, FIRST)
    store.write_trial(msgspec.structs.replace(TRIALS[0], attempt=12))
    assert store.has_cell(PHASE, FIRST)


def test_a_damaged_trial_is_an_attempt_at_its_cell_that_failed(store: Store) -> None:
    (path,) = [p for p in files(store) if p.name.endswith("a.base.json") and "b01" in p.name]
    path.write_text("{")
    assert not store.has_cell(PHASE, FIRST)
    assert store.next_attempt_at(PHASE, FIRST) == 2


NAMES = ("toy/a", "toy/a-b", "toy/a-b-c", "toy/a#duplicate", "toy/ab")


@pytest.mark.parametrize("measured", NAMES)
def test_an_entry_is_not_confused_with_one_whose_name_begins_alike(
    tmp_path: Path, measured: str
) -> None:
    store = Store.create(tmp_path, "run-1")
    variant = measured.partition("#")[0]
    for attempt in (1, 2):
        store.write_trial(
            msgspec.structs.replace(TRIALS[0], entry=measured, variant=variant, attempt=attempt)
        )
    for name in NAMES:
        entry = Entry(name, name.partition("#")[0])
        assert store.has_cell(PHASE, entry) == (name == measured)
        assert store.next_attempt_at(PHASE, entry) == (3 if name == measured else 1)


def test_a_trial_that_is_a_link_out_of_the_folder_is_not_read(store: Store, tmp_path: Path) -> None:
    first = files(store)[0]
    first.rename(tmp_path / first.name)
    first.symlink_to(tmp_path / first.name)
    trials, (error,) = store.trials()
    assert len(trials) == len(TRIALS) - 1
    assert str(error) == (
        f"trials/{first.name}: is a symbolic link out of the run's folder; put the file itself in "
        "its place."
    )


def test_a_folder_of_trials_that_is_a_link_is_not_read(store: Store, tmp_path: Path) -> None:
    (store.folder / "trials").rename(tmp_path / "elsewhere")
    (store.folder / "trials").symlink_to(tmp_path / "elsewhere")
    trials, damaged = store.trials()
    assert (trials, len(damaged)) == ([], len(TRIALS))


def test_a_link_within_the_folder_is_read(store: Store) -> None:
    first = files(store)[0]
    first.rename(store.folder / first.name)
    first.symlink_to(store.folder / first.name)
    assert len(store.trials()[0]) == len(TRIALS)


def test_a_run_file_that_is_a_link_out_of_the_folder_is_not_read(
    store: Store, tmp_path: Path
) -> None:
    (store.folder / "run.json").rename(tmp_path / "run.json")
    (store.folder / "run.json").symlink_to(tmp_path / "run.json")
    with pytest.raises(MalformedFile, match="is a symbolic link out of the run's folder"):
        store.read_run()


@pytest.mark.timeout(20)
def test_a_pipe_is_not_waited_for(store: Store) -> None:
    os.mkfifo(store.folder / "trials" / "b99-x.json")
    trials, (error,) = store.trials()
    assert len(trials) == len(TRIALS)
    assert "is no ordinary file; remove it." in str(error)


def test_a_trial_of_a_variant_that_the_run_does_not_have_is_named(store: Store) -> None:
    store.write_trial(msgspec.structs.replace(TRIALS[0], entry="c/odd", variant="c/odd"))
    trials, (error,) = store.trials(RUN)
    assert len(trials) == len(TRIALS)
    assert "is of `c/odd`, which the run does not have; remove it." in str(error)
    assert len(store.trials()[0]) == len(TRIALS) + 1

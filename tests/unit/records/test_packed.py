"""A packed run: the same trials as before, in one file, which may be damaged or a stranger's."""

import gzip
import json
import os
import zlib
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from harness.base.errors import MalformedFile, StoreFailed
from harness.records import packed
from harness.records import store as store_module
from harness.records.packed import PACKED, pack_bytes, read_packed
from harness.records.run import Run
from harness.records.store import Store
from harness.records.trial import Trial, trial_file
from tests.toys.runs import make_run, make_study, simulate

replace = msgspec.structs.replace
RUN = make_run(make_study(blocks=2))
TRIALS = simulate(RUN, {"a/base": 500, "b/other": 600}, seed=1)
PHASE, NEXT_PHASE = RUN.plan.phases
FIRST = RUN.plan.entries[0]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A run of six trials, not packed."""
    made = Store.create(tmp_path / "results", RUN.id)
    made.write_run(RUN)
    for trial in TRIALS:
        made.write_trial(trial)
    return made


def loose(store: Store) -> list[Path]:
    return sorted((store.folder / "trials").glob("*"))


def lines(store: Store) -> list[bytes]:
    return gzip.decompress((store.folder / PACKED).read_bytes()).splitlines(keepends=True)


def rewrite(store: Store, content: list[bytes]) -> None:
    (store.folder / PACKED).write_bytes(gzip.compress(b"".join(content)))


def test_a_packed_run_reads_as_before(store: Store) -> None:
    before = store.trials(RUN)
    result = store.pack()
    assert (result.trials, result.removed, result.left) == (len(TRIALS), len(TRIALS), ())
    assert store.trials(RUN) == before
    assert Store(store.folder).trials() == before
    assert {path.name for path in store.folder.iterdir()} == {"run.json", PACKED}


def test_a_line_is_a_trial_as_any_json_reader_takes_it(store: Store) -> None:
    store.pack()
    expected = [json.loads(msgspec.json.encode(trial)) for trial in store.trials()[0]]
    assert [json.loads(line) for line in lines(store)] == expected


def test_packing_twice_changes_nothing(store: Store) -> None:
    store.pack()
    body = (store.folder / PACKED).read_bytes()
    again = store.pack()
    assert (again.trials, again.removed) == (len(TRIALS), 0)
    assert (store.folder / PACKED).read_bytes() == body


def test_the_same_trials_give_the_same_bytes() -> None:
    body = pack_bytes(TRIALS)
    assert body == pack_bytes(TRIALS)
    assert body[4:8] == bytes(4)  # no time of writing


def test_a_packed_phase_is_not_measured_again(store: Store) -> None:
    store.pack()
    assert store.has_phase(PHASE, RUN.plan.entries)
    assert store.next_attempt(PHASE) == 2
    assert store.has_cell(PHASE, FIRST)
    assert store.next_attempt_at(PHASE, FIRST) == 2


def test_an_incomplete_packed_trial_is_to_be_repeated(store: Store) -> None:
    store.write_trial(replace(TRIALS[0], problem="the server died"))
    store.pack()
    assert not store.has_phase(PHASE, RUN.plan.entries)
    assert not store.has_cell(PHASE, FIRST)
    assert store.next_attempt_at(PHASE, FIRST) == 2


def test_trials_after_a_resume_stand_beside_the_packed_ones_until_they_are_packed_too(
    store: Store,
) -> None:
    store.pack()
    again = replace(TRIALS[0], attempt=2)
    store.write_trial(again)
    assert [path.name for path in loose(store)] == [trial_file(again)]
    assert store.next_attempt(PHASE) == 3
    before = store.trials(RUN)
    assert (len(before[0]), before[1]) == (len(TRIALS) + 1, [])
    assert store.pack().trials == len(TRIALS) + 1
    assert store.trials(RUN) == before
    assert loose(store) == []


def test_trials_packed_by_another_process_are_seen(store: Store) -> None:
    assert store.has_phase(PHASE, RUN.plan.entries)
    Store(store.folder).pack()
    assert store.has_phase(PHASE, RUN.plan.entries)
    store.write_trial(replace(TRIALS[0], attempt=2))
    Store(store.folder).pack()
    assert store.next_attempt(PHASE) == 3


def test_a_loose_trial_that_is_packed_too_counts_once(store: Store) -> None:
    store.pack()
    store.write_trial(TRIALS[0])
    trials, damaged = store.trials(RUN)
    assert (len(trials), damaged) == (len(TRIALS), [])
    assert store.pack().removed == 1


def test_a_loose_trial_that_differs_from_the_packed_one_is_named_and_kept(store: Store) -> None:
    store.pack()
    other = replace(TRIALS[0], started_at="2026-01-02T00:00:00+00:00")
    store.write_trial(other)
    trials, (error,) = store.trials(RUN)
    assert TRIALS[0] in trials
    assert len(trials) == len(TRIALS)
    assert error.path == Path("trials") / trial_file(other)
    assert PACKED in error.problem
    result = store.pack()
    assert (result.removed, [left.path for left in result.left]) == (0, [error.path])
    assert [path.name for path in loose(store)] == [trial_file(other)]


def test_damaged_files_are_left_where_they_are(store: Store) -> None:
    first = loose(store)[0]
    first.write_text("{")
    strange = replace(TRIALS[0], entry="c/odd", variant="c/odd")
    store.write_trial(strange)
    result = store.pack()
    assert (result.trials, result.removed) == (len(TRIALS) - 1, len(TRIALS) - 1)
    assert {error.path.name for error in result.left} == {first.name, trial_file(strange)}
    assert {path.name for path in loose(store)} == {first.name, trial_file(strange)}


def test_nothing_is_removed_if_the_file_is_not_read_back_as_written(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flawed(trials: list[Trial]) -> bytes:
        return pack_bytes([replace(trials[0], threads=99), *trials[1:]])

    monkeypatch.setattr(store_module, "pack_bytes", flawed)
    with pytest.raises(StoreFailed, match="not read back"):
        store.pack()
    assert len(loose(store)) == len(TRIALS)


def test_a_run_without_trials_is_packed_to_nothing(tmp_path: Path) -> None:
    store = Store.create(tmp_path, RUN.id)
    store.write_run(RUN)
    assert (store.pack().trials, store.pack().removed) == (0, 0)
    assert not (store.folder / PACKED).exists()


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        (lambda _: b"\n", "not valid JSON"),
        (lambda line: line[:100] + b"\n", "column 1"),
        (lambda _: b"\x00\xff\n", "cannot be read"),
        (lambda line: line.replace(b'"schema":1', b'"schema":2'), "schema version 2"),
        (
            lambda line: line.replace(b'"correct":', b'"corect":', 1),
            "item 1 of `slices`: unknown key `corect`",
        ),
        (lambda line: line.replace(b'"correct":', b'"correct":1' + b"0" * 18, 1), "18 digits"),
        (lambda line: line.replace(b'"block":1', b'"block":9'), "is of block 9"),
        (lambda line: line.replace(b"a/base", b"c/none"), "is of `c/none`"),
        (lambda line: line.replace(b'"problem":null', b'"problem":""'), "`problem` is empty"),
    ],
)
def test_a_damaged_line_is_named_and_the_others_are_read(
    store: Store, edit: Callable[[bytes], bytes], problem: str
) -> None:
    store.pack()
    content = lines(store)
    content[2] = edit(content[0])  # in place of another one
    content[0], content[2] = content[2], content[0]
    content = [content[1], content[2], content[0], *content[3:]]
    rewrite(store, content)
    trials, (error,) = store.trials(RUN)
    assert len(trials) == len(TRIALS) - 1
    assert error.path == Path(PACKED)
    assert str(error).startswith(f"{PACKED}: line 3: ")
    assert problem in str(error)
    with pytest.raises(MalformedFile, match="line 3"):
        store.pack()
    assert lines(store) == content


def test_two_lines_of_one_trial_that_differ_are_named(store: Store) -> None:
    store.pack()
    content = lines(store)
    rewrite(store, [*content, content[0].replace(b'"threads":', b'"threads":1')])
    trials, (error,) = store.trials(RUN)
    assert len(trials) == len(TRIALS)
    assert f"line {len(TRIALS) + 1}: differs" in error.problem


def test_of_a_file_that_was_cut_off_the_beginning_is_read(store: Store) -> None:
    store.pack()
    path = store.folder / PACKED
    path.write_bytes(path.read_bytes()[:-1_000])
    trials, (error,) = store.trials(RUN)
    assert 0 < len(trials) < len(TRIALS)
    assert f"line {len(trials) + 1} and all after it" in error.problem
    with pytest.raises(MalformedFile, match="restore"):
        store.pack()


@pytest.mark.parametrize("body", [b"", b"{}\n", b"\x1f\x8b"])
def test_what_is_no_gzip_is_named(store: Store, body: bytes) -> None:
    store.pack()
    (store.folder / PACKED).write_bytes(body)
    trials, damaged = store.trials(RUN)
    assert trials == []
    assert [error.path for error in damaged] == [Path(PACKED)] * bool(body)


def test_a_wrong_checksum_is_named_and_the_lines_are_read(store: Store) -> None:
    store.pack()
    path = store.folder / PACKED
    body = bytearray(path.read_bytes())
    body[-6] ^= 1
    path.write_bytes(body)
    trials, (error,) = store.trials(RUN)
    assert len(trials) == len(TRIALS)
    assert "CRC" in error.problem


def test_a_file_that_expands_without_end_is_not_read_to_its_end(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed, "_LARGEST", 2**20)
    store.pack()
    rewrite(store, [*lines(store), b" " * 2**26])
    trials, (error,) = store.trials(RUN)
    assert len(trials) == len(TRIALS)
    assert "expands to more than" in error.problem


def test_a_hundred_damaged_lines_are_named_and_no_more_are_read(store: Store) -> None:
    store.pack()
    kept = lines(store)
    rewrite(store, kept + [b"\n"] * 1_234)
    trials, damaged = store.trials(RUN)
    assert (len(trials), len(damaged)) == (len(TRIALS), 101)
    assert f"line {len(kept) + 101} on" in damaged[-1].problem


def test_a_trial_that_is_written_while_a_run_is_packed_stays(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = msgspec.structs.replace(TRIALS[0], attempt=2)
    read = Store.trials

    def reading(self: Store, run: Run | None = None) -> tuple[list[Trial], list[MalformedFile]]:
        trials = read(self, run)
        self.write_trial(late)
        return trials

    monkeypatch.setattr(Store, "trials", reading)
    store.pack()
    monkeypatch.undo()
    trials, damaged = store.trials(RUN)
    assert damaged == []
    assert late in trials
    assert len(trials) == len(TRIALS) + 1


def test_a_packed_file_that_is_a_link_out_of_the_folder_is_not_read(
    store: Store, tmp_path: Path
) -> None:
    store.pack()
    (store.folder / PACKED).rename(tmp_path / PACKED)
    (store.folder / PACKED).symlink_to(tmp_path / PACKED)
    trials, (error,) = store.trials(RUN)
    assert (trials, error.path) == ([], Path(PACKED))
    assert "symbolic link" in error.problem
    assert not store.has_phase(PHASE, RUN.plan.entries)


@pytest.mark.timeout(20)
def test_a_pipe_in_place_of_the_packed_file_is_not_waited_for(store: Store) -> None:
    os.mkfifo(store.folder / PACKED)
    trials, (error,) = store.trials(RUN)
    assert len(trials) == len(TRIALS)
    assert "no ordinary file" in error.problem


def test_concatenated_packs_are_one(tmp_path: Path) -> None:
    """As `cat a.jsonl.gz b.jsonl.gz` makes them."""
    path = tmp_path / PACKED
    path.write_bytes(pack_bytes(TRIALS[:2]) + pack_bytes(TRIALS[2:]))
    assert [trial for _, trial in read_packed(path)] == TRIALS


def test_data_after_the_end_is_named(store: Store) -> None:
    store.pack()
    path = store.folder / PACKED
    path.write_bytes(path.read_bytes() + zlib.compress(b"more"))
    trials, damaged = store.trials(RUN)
    assert len(trials) == len(TRIALS)
    assert len(damaged) == 1

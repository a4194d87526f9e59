"""Kept values count for the very run, question and code, and never do harm."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.records.store import Store
from harness.report import run_cache
from harness.report.run_cache import RunCache
from tests.toys.shelves import dated_run, shelve

Values = tuple[str, ...]
FOUND = ("one", "two")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return shelve(tmp_path / "results", dated_run(1)).folder


def kept(tmp_path: Path, asked: bytes = b"this") -> RunCache[Values]:
    return RunCache(tmp_path / "cache" / "values", Values, asked)


def read(cache: RunCache[Values], run: Path) -> Values | None:
    return cache.read(run, cache.key(run))


@pytest.fixture
def filled(tmp_path: Path, run: Path) -> RunCache[Values]:
    cache = kept(tmp_path)
    cache.keep(run, cache.key(run), FOUND)
    return cache


def test_what_was_kept_is_read_as_it_was(filled: RunCache[Values], run: Path) -> None:
    assert filled.failed is None
    assert read(filled, run) == FOUND


def test_nothing_is_read_where_nothing_was_kept(tmp_path: Path, run: Path) -> None:
    assert read(kept(tmp_path), run) is None


def test_another_run_has_a_value_of_its_own(
    filled: RunCache[Values], run: Path, tmp_path: Path
) -> None:
    other = shelve(tmp_path / "results", dated_run(2)).folder
    assert read(filled, other) is None
    filled.keep(other, filled.key(other), FOUND[::-1])
    assert read(filled, run) == FOUND


def _changed_trial(run: Path) -> None:
    path = sorted((run / "trials").iterdir())[0]
    path.write_bytes(path.read_bytes() + b" ")


def _new_trial(run: Path) -> None:
    path = sorted((run / "trials").iterdir())[0]
    path.with_name("b09.json").write_bytes(path.read_bytes())


def _packed(run: Path) -> None:
    Store(run).pack()


def _changed_run(run: Path) -> None:
    path = run / "run.json"
    path.write_bytes(path.read_bytes() + b" ")


@pytest.mark.parametrize("change", [_changed_trial, _new_trial, _packed, _changed_run])
def test_a_change_of_the_run_makes_it_compute_anew(
    filled: RunCache[Values], run: Path, change: Callable[[Path], None]
) -> None:
    change(run)
    assert read(filled, run) is None


@pytest.mark.usefixtures("filled")
def test_another_question_makes_it_compute_anew(tmp_path: Path, run: Path) -> None:
    assert read(kept(tmp_path, b"that"), run) is None


def test_a_change_of_the_code_makes_it_compute_anew(
    filled: RunCache[Values], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_cache, "_code", lambda: b"other code")
    assert read(filled, run) is None


def test_the_code_is_that_of_the_analysis_and_of_all_that_it_imports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "harness"
    digests = set()
    for number, name in enumerate(("analysis/a.py", "base/b.py", "inputs/c.py", "records/d.py")):
        (package / name).parent.mkdir(parents=True)
        (package / name).write_text(f"number = {number}")
        monkeypatch.setattr(run_cache, "_HARNESS", package)
        run_cache._code.cache_clear()
        digests.add(run_cache._code())
    run_cache._code.cache_clear()
    assert len(digests) == 4


def _cut(body: bytes) -> bytes:
    return body[:-3]


def _flipped(body: bytes) -> bytes:
    return body[:-9] + bytes([body[-9] ^ 1]) + body[-8:]


@pytest.mark.parametrize(
    "damage",
    [_cut, _flipped, lambda body: body[:0], lambda body: body[::-1], lambda body: body[:70]],
)
def test_a_damaged_file_is_computed_anew_and_replaced(
    filled: RunCache[Values], run: Path, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    (path,) = (tmp_path / "cache" / "values").iterdir()
    path.write_bytes(damage(path.read_bytes()))
    assert read(filled, run) is None
    filled.keep(run, filled.key(run), FOUND)
    assert read(filled, run) == FOUND


def test_a_folder_in_place_of_the_file_does_no_harm(
    filled: RunCache[Values], run: Path, tmp_path: Path
) -> None:
    (path,) = (tmp_path / "cache" / "values").iterdir()
    path.unlink()
    path.mkdir()
    assert read(filled, run) is None
    filled.keep(run, filled.key(run), FOUND)
    assert isinstance(filled.failed, OSError)


def test_a_cache_that_cannot_be_written_says_so_once(tmp_path: Path, run: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "values").write_text("a file in the folder's place")
    cache = kept(tmp_path)
    for _ in range(2):
        cache.keep(run, cache.key(run), FOUND)
    assert isinstance(cache.failed, OSError)
    assert read(cache, run) is None


def test_a_strangers_link_or_pipe_is_not_looked_into(filled: RunCache[Values], run: Path) -> None:
    os.mkfifo(run / "trials" / "b08.json")
    assert filled.key(run) is None
    assert read(filled, run) is None
    (run / "trials" / "b08.json").unlink()
    (run / "trials" / "b08.json").symlink_to(run / "run.json")
    assert filled.key(run) is None


def test_each_run_has_one_file_however_often_it_changes(
    filled: RunCache[Values], run: Path, tmp_path: Path
) -> None:
    _changed_run(run)
    filled.keep(run, filled.key(run), FOUND)
    assert len(list((tmp_path / "cache" / "values").iterdir())) == 1
    assert read(filled, run) == FOUND

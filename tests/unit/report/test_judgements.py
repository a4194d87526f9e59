"""Kept judgements count for the very run, claims and code, and never do harm."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.analysis.judgements import Judgement
from harness.inputs.claims import Claim
from harness.records.store import Store
from harness.report import judgements
from harness.report.judgements import JudgementCache
from tests.toys.evidence import evidence, judgement
from tests.toys.shelves import dated_run, shelve

FOUND = (judgement(evidence(True), evidence(None)), judgement(name="X2"))
CLAIMS = tuple(item.claim for item in FOUND)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return shelve(tmp_path / "results", dated_run(1)).folder


def kept(tmp_path: Path, claims: tuple[Claim, ...] = CLAIMS) -> JudgementCache:
    return JudgementCache(tmp_path / "cache", claims)


def read(cache: JudgementCache, run: Path) -> tuple[Judgement, ...] | None:
    return cache.read(run, cache.key(run))


@pytest.fixture
def filled(tmp_path: Path, run: Path) -> JudgementCache:
    cache = kept(tmp_path)
    cache.keep(run, cache.key(run), FOUND)
    return cache


def test_what_was_kept_is_read_as_it_was(filled: JudgementCache, run: Path) -> None:
    assert filled.failed is None
    assert read(filled, run) == FOUND


def test_nothing_is_read_where_nothing_was_kept(tmp_path: Path, run: Path) -> None:
    assert read(kept(tmp_path), run) is None


def test_another_run_has_judgements_of_its_own(
    filled: JudgementCache, run: Path, tmp_path: Path
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
    filled: JudgementCache, run: Path, change: Callable[[Path], None]
) -> None:
    change(run)
    assert read(filled, run) is None


@pytest.mark.parametrize(
    "claims",
    [CLAIMS[:1], CLAIMS[::-1], (CLAIMS[0], Claim("X2", "somebody, 2020", "something else"))],
)
@pytest.mark.usefixtures("filled")
def test_a_change_of_the_claims_makes_it_compute_anew(
    tmp_path: Path, run: Path, claims: tuple[Claim, ...]
) -> None:
    assert read(kept(tmp_path, claims), run) is None


def test_a_change_of_the_code_makes_it_compute_anew(
    filled: JudgementCache, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judgements, "_code", lambda: b"other code")
    assert read(filled, run) is None


def test_the_code_is_that_of_the_analysis_and_of_all_that_it_imports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "harness"
    digests = set()
    for number, name in enumerate(("analysis/a.py", "base/b.py", "inputs/c.py", "records/d.py")):
        (package / name).parent.mkdir(parents=True)
        (package / name).write_text(f"number = {number}")
        monkeypatch.setattr(judgements, "_HARNESS", package)
        judgements._code.cache_clear()
        digests.add(judgements._code())
    judgements._code.cache_clear()
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
    filled: JudgementCache, run: Path, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    (path,) = (tmp_path / "cache" / "judgements").iterdir()
    path.write_bytes(damage(path.read_bytes()))
    assert read(filled, run) is None
    filled.keep(run, filled.key(run), FOUND)
    assert read(filled, run) == FOUND


def test_a_folder_in_place_of_the_file_does_no_harm(
    filled: JudgementCache, run: Path, tmp_path: Path
) -> None:
    (path,) = (tmp_path / "cache" / "judgements").iterdir()
    path.unlink()
    path.mkdir()
    assert read(filled, run) is None
    filled.keep(run, filled.key(run), FOUND)
    assert isinstance(filled.failed, OSError)


def test_a_cache_that_cannot_be_written_says_so_once(tmp_path: Path, run: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "judgements").write_text("a file in the folder's place")
    cache = kept(tmp_path)
    for _ in range(2):
        cache.keep(run, cache.key(run), FOUND)
    assert isinstance(cache.failed, OSError)
    assert read(cache, run) is None


def test_a_strangers_link_or_pipe_is_not_looked_into(filled: JudgementCache, run: Path) -> None:
    os.mkfifo(run / "trials" / "b08.json")
    assert filled.key(run) is None
    assert read(filled, run) is None
    (run / "trials" / "b08.json").unlink()
    (run / "trials" / "b08.json").symlink_to(run / "run.json")
    assert filled.key(run) is None


def test_each_run_has_one_file_however_often_it_changes(
    filled: JudgementCache, run: Path, tmp_path: Path
) -> None:
    _changed_run(run)
    filled.keep(run, filled.key(run), FOUND)
    assert len(list((tmp_path / "cache" / "judgements").iterdir())) == 1
    assert read(filled, run) == FOUND

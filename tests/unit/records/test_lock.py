"""The lock of a run, held by real processes, one of which is killed."""

import os
import subprocess
from pathlib import Path

import pytest

from harness.base.errors import MalformedFile, StoreFailed
from harness.base.processes import how_to_stop
from harness.records.lock import LOCK, RunInUse, changing, reading
from tests.toys.holders import run_holder
from tests.waiting import alive


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of a run."""
    made = tmp_path / "quick-20261128-120000"
    made.mkdir()
    return made


def test_one_process_at_a_time_changes_a_run(folder: Path) -> None:
    with run_holder(folder) as (holder, _), pytest.raises(RunInUse) as refused, changing(folder):
        pass
    told = str(refused.value)
    assert f"The run {folder.name} is in use" in told
    assert f"process {holder.pid} (`bridgetoll run quick`" in told
    assert f"`{how_to_stop(holder.pid)}`" in told
    assert "\n" not in told


def test_a_run_that_is_changed_is_not_read(folder: Path) -> None:
    with run_holder(folder) as (holder, _):
        with pytest.raises(RunInUse, match=f"process {holder.pid} "), reading(folder):
            pass
        holder.communicate()  # it ends in peace
    with reading(folder):
        pass
    assert list(folder.iterdir()) == []


def test_a_run_that_is_read_is_read_by_others_too_and_changed_by_none(folder: Path) -> None:
    (folder / LOCK).touch()
    refusing = pytest.raises(RunInUse, match="in use by another process; wait")
    with reading(folder), reading(folder), refusing, changing(folder):
        pass
    with changing(folder):
        pass


def test_nothing_is_left_once_the_process_lets_go(folder: Path) -> None:
    with changing(folder) as killed:
        assert killed is None
        assert (folder / LOCK).is_file()
    assert list(folder.iterdir()) == []


def test_the_lock_of_a_killed_process_is_taken_over_while_its_child_lives_on(folder: Path) -> None:
    """The child does not inherit the lock, and the next process learns who was killed."""
    with run_holder(folder) as (holder, child):
        holder.kill()
        holder.wait()
        assert alive(child)
        with changing(folder) as killed:
            assert killed is not None
            assert (killed.pid, killed.command) == (holder.pid, "bridgetoll run quick")
    assert list(folder.iterdir()) == []


def test_a_process_that_waits_is_told_once_and_goes_on_after_the_other(folder: Path) -> None:
    told: list[RunInUse] = []
    with run_holder(folder) as (holder, _):

        def waiting(used: RunInUse) -> None:
            told.append(used)
            assert holder.stdin is not None
            holder.stdin.close()

        with changing(folder, waiting) as killed:
            assert killed is None
            assert (folder / LOCK).is_file()
    assert len(told) == 1
    assert str(holder.pid) in told[0].who


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/null")])
def test_a_strangers_lock_is_refused(folder: Path, make: object) -> None:
    assert callable(make)
    make(folder / LOCK)
    with pytest.raises(MalformedFile, match="is not a plain file; remove it"), changing(folder):
        pass
    with pytest.raises(MalformedFile, match="is not a plain file; remove it"), reading(folder):
        pass


@pytest.mark.parametrize("body", [b"", b"\xff", b"{}", b'{"pid": "x"}', b"\0" * 100_000])
def test_a_lock_file_that_says_nothing_is_no_obstacle(folder: Path, body: bytes) -> None:
    (folder / LOCK).write_bytes(body)
    with changing(folder) as killed:
        assert killed is None
    (folder / LOCK).write_bytes(body)
    with reading(folder):
        pass


def test_a_folder_that_is_gone_is_told(folder: Path) -> None:
    with pytest.raises(StoreFailed, match="No such file or directory"), changing(folder / "x"):
        pass


def test_a_folder_may_go_while_it_is_locked(folder: Path) -> None:
    with changing(folder):
        subprocess.run(["rm", "-r", str(folder)], check=True)

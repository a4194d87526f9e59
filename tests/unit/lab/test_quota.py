"""CPU quotas: files of both versions of control groups, and a group that really has one."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.lab.process import wait_until
from harness.lab.quota import CpuQuota, own_groups

V2 = "usage_usec 9\nuser_usec 5\nsystem_usec 4\nnr_periods 3\nnr_throttled 2\nthrottled_usec {}\n"
V1 = "nr_periods 3\nnr_throttled 2\nthrottled_time {}\n"
ROOT = "usage_usec 9\nuser_usec 5\nsystem_usec 4\n"
BURN = "while True: pass"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def stat(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize(("text", "factor"), [(V2, 1_000), (V1, 1)])
def test_the_throttled_time_is_read_anew_each_time(folder: Path, text: str, factor: int) -> None:
    path = stat(folder, "cpu.stat", text.format(12))
    with CpuQuota([path]) as quota:
        assert quota.throttled_ns() == 12 * factor
        stat(folder, "cpu.stat", text.format(4_000_000))
        assert quota.throttled_ns() == 4_000_000 * factor


def test_groups_within_each_other_add_up_and_those_without_a_count_are_left_aside(
    folder: Path,
) -> None:
    files = [
        stat(folder, "inner", V2.format(1)), stat(folder, "outer", V2.format(2)),
        stat(folder, "root", ROOT), folder / "missing",
    ]  # fmt: skip
    with CpuQuota(files) as quota:
        assert quota.throttled_ns() == 3_000


def test_without_a_count_nothing_is_known(folder: Path) -> None:
    with CpuQuota([stat(folder, "root", ROOT)]) as quota:
        assert quota.throttled_ns() is None
    with CpuQuota([]) as quota:
        assert quota.throttled_ns() is None


def test_the_groups_of_this_process_are_files_that_can_be_read() -> None:
    for path in own_groups():
        assert path.name == "cpu.stat"
    with CpuQuota(own_groups()) as quota:
        throttled_ns = quota.throttled_ns()
        assert throttled_ns is None or throttled_ns >= 0


@pytest.fixture
def limited() -> Iterator[Path]:
    """A control group that may use a tenth of a processor; skipped where none can be made."""
    for parent in (path.parent for path in own_groups()):
        group = parent / "bridgetoll-test"
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            if (group / "cpu.cfs_quota_us").exists():
                (group / "cpu.cfs_quota_us").write_text("10000")
            else:
                (group / "cpu.max").write_text("10000 100000")
            yield group
            return
        except OSError:
            continue
        finally:
            with contextlib.suppress(OSError):
                group.rmdir()
    pytest.skip("no control group with a quota can be made here")


def test_a_process_that_uses_up_its_quota_is_throttled(limited: Path) -> None:
    with CpuQuota([limited / "cpu.stat"]) as quota:
        assert quota.throttled_ns() == 0
        popen = subprocess.Popen([sys.executable, "-c", BURN])
        try:
            (limited / "cgroup.procs").write_text(str(popen.pid))
            assert wait_until(lambda: (quota.throttled_ns() or 0) > 50_000_000, 10)
        finally:
            popen.kill()
            popen.wait()

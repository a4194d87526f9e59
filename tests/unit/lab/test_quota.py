"""CPU quotas: files of both versions of control groups, and a group that really has one."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.lab.process import wait_until
from harness.lab.quota import CpuQuota, allowed_processors, own_folders, own_groups
from tests.waiting import PATIENCE_S

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


def v2(folder: Path, limit: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    stat(folder, "cpu.max", f"{limit}\n")
    return folder


def v1(folder: Path, quota: int, period: int = 100_000) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    stat(folder, "cpu.cfs_quota_us", f"{quota}\n")
    stat(folder, "cpu.cfs_period_us", f"{period}\n")
    return folder


@pytest.mark.parametrize("version", [1, 2])
def test_the_tightest_quota_of_a_group_and_those_above_it_counts(
    folder: Path, version: int
) -> None:
    def group(name: str, processors: float | None) -> Path:
        quota = None if processors is None else round(processors * 100_000)
        if version == 1:
            return v1(folder / name, -1 if quota is None else quota)
        return v2(folder / name, f"{'max' if quota is None else quota} 100000")

    groups = [group("above/mine", None), group("above", None)]
    assert allowed_processors(groups) is None
    group("above", 1.5)
    assert allowed_processors(groups) == 1.5
    group("above/mine", 4)
    assert allowed_processors(groups) == 1.5
    group("above/mine", 0.5)
    assert allowed_processors(groups) == 0.5


def test_the_period_need_not_be_a_tenth_of_a_second(folder: Path) -> None:
    assert allowed_processors([v1(folder / "a", 50_000, 20_000)]) == 2.5
    assert allowed_processors([v2(folder / "b", "50000 20000")]) == 2.5


@pytest.mark.parametrize("text", ["", "max", "none at all", "1000 0"])
def test_a_limit_of_no_known_form_is_none(folder: Path, text: str) -> None:
    assert allowed_processors([v2(folder / "odd", text), folder / "absent"]) is None


UNIFIED = "cgroup2 {root} cgroup2 rw,nosuid,nodev,noexec,relatime,nsdelegate 0 0\n"
SPLIT = (
    "cgroup {root}/cpuset cgroup rw,nosuid,cpuset 0 0\n"
    "cgroup {root}/cpu,cpuacct cgroup rw,nosuid,nodev,noexec,relatime,cpu,cpuacct 0 0\n"
    "cgroup2 {root}/unified cgroup2 rw,relatime 0 0\n"
)
"""As systemd mounts version 2, and version 1 beside an empty version 2."""


@pytest.mark.parametrize(
    ("mounts", "membership", "found"),
    [
        (UNIFIED, "0::/system.slice/docker-1.scope\n", ["system.slice/docker-1.scope"]),
        (UNIFIED, "0::/\n", [""]),  # within a container the mount is the group
        (SPLIT, "9:cpuset:/\n4:cpu,cpuacct:/docker/1\n0::/\n", ["cpu,cpuacct/docker/1"]),
        (SPLIT, "4:cpu,cpuacct:/not/visible/here\n0::/\n", ["cpu,cpuacct"]),
        (SPLIT, "9:cpuset:/docker/1\n", []),
        (UNIFIED, "", []),
    ],
)
def test_the_groups_of_a_process_are_found_in_both_versions_and_their_quota_with_them(
    folder: Path, mounts: str, membership: str, found: list[str]
) -> None:
    root = folder / "cgroup"
    for name in ("system.slice/docker-1.scope", "cpuset/docker/1", "unified", "cpu,cpuacct"):
        (root / name).mkdir(parents=True)
    v1(root / "cpu,cpuacct/docker/1", 150_000)
    v2(root / "system.slice/docker-1.scope", "150000 100000")
    files = [
        stat(folder, "mounts", mounts.format(root=root)), stat(folder, "membership", membership)
    ]  # fmt: skip
    groups = own_folders(*files)
    assert groups[:1] == [root / name for name in found]
    assert allowed_processors(groups) == (1.5 if found and "1" in found[0] else None)


def test_without_control_groups_there_is_no_quota(folder: Path) -> None:
    assert own_folders(folder / "absent", folder / "absent") == []
    assert allowed_processors([]) is None


@pytest.fixture
def limited() -> Iterator[Path]:
    """A control group that may use a tenth of a processor; skipped where none can be made."""
    for parent in (path.parent for path in own_groups()):
        group = parent / f"bridgetoll-test-{os.getpid()}"  # others may run these tests too
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
    assert allowed_processors([limited]) == 0.1
    with CpuQuota([limited / "cpu.stat"]) as quota:
        assert quota.throttled_ns() == 0
        popen = subprocess.Popen([sys.executable, "-c", BURN])
        try:
            (limited / "cgroup.procs").write_text(str(popen.pid))
            assert wait_until(lambda: (quota.throttled_ns() or 0) > 50_000_000, PATIENCE_S)
        finally:
            popen.kill()
            popen.wait()

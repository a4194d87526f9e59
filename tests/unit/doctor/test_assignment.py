"""Who gets which core: the wording for every kind of machine, and quotas from a tree of files."""

import os
from pathlib import Path

import pytest

from harness.doctor.assignment import Assignment, cpu_quota, judge, propose
from harness.lab.machine import propose_cores, share_out

TWO = ((0,), (1,))


def assigned(*physical: tuple[int, ...], quota: float | None = None) -> Assignment:
    return Assignment(physical=physical, proposed=share_out(physical), quota=quota)


def said(assignment: Assignment) -> str:
    return " ".join(finding.statement for finding in judge(assignment))


def test_proposes_what_a_run_would_use() -> None:
    found = propose()
    assert found.proposed == propose_cores()
    assert {cpu for core in found.physical for cpu in core} == os.sched_getaffinity(0)
    assert found.processors == len(os.sched_getaffinity(0))


def test_two_cores_are_co_located() -> None:
    first, second = judge(assigned(*TWO))
    assert first.statement == (
        "2 processors on 2 physical cores: the application on processor 0, PostgreSQL on "
        "processor 1, the generator on processor 1."
    )
    assert first.remedy is None
    assert second.statement == (
        "Throughput is co-located: PostgreSQL and the generator share processor 1, so compare CPU "
        "per request."
    )
    assert second.remedy == "use a machine of three cores or more"


@pytest.mark.parametrize("core", [(3,), (0, 1)])
def test_on_one_core_nothing_is_said_about_throughput(core: tuple[int, ...]) -> None:
    finding = judge(assigned(core))[1]
    assert finding.statement.startswith("All roles share one core, so nothing can be said about")
    assert finding.remedy is not None


def test_one_core_is_counted_as_one() -> None:
    assert said(assigned((3,))).startswith("1 processor on 1 physical core: the application on")


def test_from_three_cores_on_throughput_can_be_compared() -> None:
    findings = judge(assigned((0, 4), (1, 5), (2, 6), (3, 7)))
    assert findings[0].statement.endswith(
        "the application on processor 0, PostgreSQL on processors 1, 5, 2, 6, the generator on "
        "processor 3."
    )
    assert findings[1].statement.endswith("throughput can be compared.")
    assert [finding.remedy for finding in findings] == [None, None]


def test_many_processors_are_counted() -> None:
    assert "PostgreSQL on 62 others, the generator" in said(assigned(*((n,) for n in range(64))))


@pytest.mark.parametrize(("quota", "warned"), [(1.5, True), (2.0, False), (None, False)])
def test_a_quota_below_the_processors_is_to_be_lifted(quota: float | None, warned: bool) -> None:
    findings = judge(assigned(*TWO, quota=quota))
    assert len(findings) == (3 if warned else 2)
    if warned:
        assert "allows 1.5 processors' worth of CPU time" in findings[-1].statement
        assert findings[-1].remedy is not None


def group(root: Path, name: str, limit: str) -> None:
    (root / name).mkdir(parents=True, exist_ok=True)
    (root / name / "cpu.max").write_text(f"{limit} 100000\n", encoding="ascii")


def test_the_tightest_quota_of_a_group_and_those_above_it_counts(tmp_path: Path) -> None:
    root, membership = tmp_path / "cgroup", tmp_path / "membership"
    membership.write_text("0::/above/mine\n", encoding="utf-8")
    group(root, "above/mine", "max")
    assert cpu_quota(membership, root) is None
    group(root, "above", "150000")
    assert cpu_quota(membership, root) == 1.5
    group(root, "above/mine", "400000")
    assert cpu_quota(membership, root) == 1.5
    group(root, "above/mine", "50000")
    assert cpu_quota(membership, root) == 0.5
    group(root, "beside", "1000")
    assert cpu_quota(membership, root) == 0.5


def test_the_root_group_of_a_container_may_have_a_quota(tmp_path: Path) -> None:
    (tmp_path / "membership").write_text("0::/\n", encoding="utf-8")
    group(tmp_path, "cgroup", "250000")
    assert cpu_quota(tmp_path / "membership", tmp_path / "cgroup") == 2.5


@pytest.mark.parametrize("text", ["", "3:cpuset:/\n1:cpu:/docker\n", "0::/gone\n"])
def test_what_is_not_visible_is_no_quota(tmp_path: Path, text: str) -> None:
    (tmp_path / "membership").write_text(text, encoding="utf-8")
    assert cpu_quota(tmp_path / "membership", tmp_path) is None
    assert cpu_quota(tmp_path / "absent", tmp_path) is None

"""Cores and quotas of every kind of machine, and frequencies from a tree of files."""

import os
from pathlib import Path

import pytest

from harness.doctor.processors import (
    Assignment,
    Processor,
    judge_assignment,
    judge_processor,
    propose,
    read_processor,
)
from harness.lab.machine import describe, propose_cores, share_out, within

TWO = ((0,), (1,))


def assigned(*physical: tuple[int, ...], quota: float | None = None) -> Assignment:
    return Assignment(physical, share_out(within(physical, quota)), quota)


def said(assignment: Assignment) -> str:
    return " ".join(finding.statement for finding in judge_assignment(assignment))


def test_proposes_what_a_run_would_use() -> None:
    found = propose()
    assert found.proposed == propose_cores()
    assert {cpu for core in found.physical for cpu in core} == os.sched_getaffinity(0)
    assert found.processors == len(os.sched_getaffinity(0))


def test_two_cores_are_co_located() -> None:
    first, second = judge_assignment(assigned(*TWO))
    assert "2 processors on 2 physical cores" in first.statement
    for share in ("application on processor 0", "PostgreSQL on processor 1"):
        assert share in first.statement
    assert first.remedy is None
    assert "co-located" in second.statement
    assert "share processor 1" in second.statement
    assert second.remedy is not None


@pytest.mark.parametrize("core", [(3,), (0, 1)])
def test_on_one_core_only_cpu_per_request_can_be_compared(core: tuple[int, ...]) -> None:
    finding = judge_assignment(assigned(core))[1]
    assert "one core" in finding.statement
    assert "compare CPU per request" in finding.statement
    assert finding.remedy is not None


def test_one_core_is_counted_as_one() -> None:
    assert said(assigned((3,))).startswith("1 processor on 1 physical core: the application on")


def test_from_three_cores_on_throughput_can_be_compared() -> None:
    findings = judge_assignment(assigned((0, 4), (1, 5), (2, 6), (3, 7)))
    for share in ("on processor 0", "on processors 1, 5, 2, 6", "on processor 3"):
        assert share in findings[0].statement
    assert "throughput can be compared" in findings[1].statement
    assert [finding.remedy for finding in findings] == [None, None]


def test_many_processors_are_counted() -> None:
    assert "PostgreSQL on 62 others, the generator" in said(assigned(*((n,) for n in range(64))))


@pytest.mark.parametrize(("quota", "warned"), [(1.5, True), (2.0, False), (None, False)])
def test_a_quota_below_the_processors_is_to_be_lifted(quota: float | None, warned: bool) -> None:
    findings = judge_assignment(assigned(*TWO, quota=quota))
    assert len(findings) == (3 if warned else 2)
    if warned:
        assert "1.5 processors" in findings[-1].statement
        assert "keep to 1 of 2 physical cores" in findings[-1].statement
        assert "All roles share one core" in findings[1].statement
        assert findings[-1].remedy is not None


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}\n", encoding="ascii")


def test_names_the_processor_of_this_machine() -> None:
    found = read_processor([0])
    assert found.model == describe()["processor"]
    assert found.virtualised is (describe()["virtualised"] == "yes")


def test_what_is_absent_is_none_and_said_to_be_not_visible(tmp_path: Path) -> None:
    found = read_processor([0, 1], tmp_path)
    assert (found.governors, found.boost) == (None, None)
    findings = judge_processor(found)
    assert ["not visible" in f.statement for f in findings] == [False, True, True]
    assert [f.remedy for f in findings] == [None] * 3


def test_governors_are_those_of_our_processors(tmp_path: Path) -> None:
    for cpu, governor in enumerate(("performance", "powersave", "performance", "schedutil")):
        write(tmp_path / f"cpu{cpu}/cpufreq/scaling_governor", governor)
    assert read_processor([0, 1, 2], tmp_path).governors == ("performance", "powersave")
    assert read_processor([0, 2], tmp_path).governors == ("performance",)


@pytest.mark.parametrize(
    ("name", "text", "boost"),
    [
        ("cpufreq/boost", "1", True),
        ("cpufreq/boost", "0", False),
        ("intel_pstate/no_turbo", "1", False),
        ("intel_pstate/no_turbo", "0", True),
    ],
)
def test_boost_is_read_from_either_switch(
    tmp_path: Path, name: str, text: str, boost: bool
) -> None:
    write(tmp_path / name, text)
    assert read_processor([0], tmp_path).boost is boost


@pytest.mark.parametrize(
    ("governors", "boost", "remedies"),
    [
        (("performance",), False, [False, False]),
        (("powersave",), False, [True, False]),
        (("performance", "powersave"), False, [True, False]),
        (("performance",), True, [False, True]),
    ],
)
def test_a_frequency_that_changes_has_a_remedy(
    governors: tuple[str, ...], boost: bool, remedies: list[bool]
) -> None:
    what, *findings = judge_processor(Processor("Example 9000", False, governors, boost))
    assert "Example 9000" in what.statement
    assert "no hypervisor" in what.statement
    assert [finding.remedy is not None for finding in findings] == remedies


def test_a_virtual_machine_is_called_one() -> None:
    assert "a virtual machine" in judge_processor(Processor("X", True, None, None))[0].statement

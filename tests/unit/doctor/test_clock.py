"""The clocks and timers of this machine, and the advice on others."""

import os
from pathlib import Path

import msgspec

from harness.doctor.clock import (
    Clock,
    Timers,
    judge_clock,
    judge_timers,
    measure_clock,
    measure_timers,
)

GOOD = Clock(source="tsc", step_ns=40, cost_ns=61.6, cpu_step_ns=711, cpu_cost_ns=749.0)


def test_reads_the_clocks_of_this_machine() -> None:
    found = measure_clock()
    assert found.step_ns is None or found.step_ns > 0
    assert found.cpu_step_ns is None or found.cpu_step_ns > 0
    assert found.cost_ns > 0
    assert found.cpu_cost_ns > 0


def test_the_source_is_what_the_kernel_says(tmp_path: Path) -> None:
    assert measure_clock(tmp_path).source is None
    (tmp_path / "current_clocksource").write_text("hpet\n", encoding="ascii")
    assert measure_clock(tmp_path).source == "hpet"


def test_good_clocks_need_no_remedy() -> None:
    findings = judge_clock(GOOD)
    for finding, facts in zip(
        findings, (("tsc", "40 ns", "62 ns"), ("CPU time", "711 ns", "749 ns")), strict=True
    ):
        assert all(fact in finding.statement for fact in facts)
    assert [finding.remedy for finding in findings] == [None, None]


def test_an_expensive_clock_has_a_remedy() -> None:
    time, cpu = judge_clock(msgspec.structs.replace(GOOD, source="acpi_pm", cost_ns=1_400.0))
    assert time.remedy is not None
    assert "clocksource=tsc" in time.remedy
    assert cpu.remedy is None


def test_cpu_times_in_ticks_ask_for_longer_slices() -> None:
    for coarse in (10_000_000, None):
        _, cpu = judge_clock(msgspec.structs.replace(GOOD, cpu_step_ns=coarse))
        assert cpu.remedy is not None
        assert "load.slice_s" in cpu.remedy
    assert "too coarse" in cpu.statement


def test_a_source_that_is_not_visible_is_said_to_be() -> None:
    time, _ = judge_clock(msgspec.structs.replace(GOOD, source=None))
    assert "clock source not visible here" in time.statement


def test_timers_are_measured_and_the_processors_given_back(cpu: int) -> None:
    before = os.sched_getaffinity(0)
    found = measure_timers([cpu])
    assert 0 <= found.median_late_ns <= found.p99_late_ns
    assert os.sched_getaffinity(0) == before


def test_timers_are_stated_in_microseconds() -> None:
    (finding,) = judge_timers(Timers(median_late_ns=64_860.5, p99_late_ns=1_283_191.9))
    assert "65 µs late" in finding.statement
    assert "once in a hundred times 1,283 µs" in finding.statement

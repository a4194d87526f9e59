"""The clocks of this machine, and the wording for others."""

from pathlib import Path

import msgspec

from harness.doctor.clock import Clock, judge, measure_clock

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
    findings = judge(GOOD)
    assert [finding.statement for finding in findings] == [
        "Time (tsc): steps of 40 ns or less, 62 ns for a reading.",
        "CPU time of a process: steps of 711 ns or less, 749 ns for a reading.",
    ]
    assert [finding.remedy for finding in findings] == [None, None]


def test_a_dear_clock_has_a_remedy() -> None:
    time, cpu = judge(msgspec.structs.replace(GOOD, source="acpi_pm", cost_ns=1_400.0))
    assert time.remedy is not None
    assert "clocksource=tsc" in time.remedy
    assert cpu.remedy is None


def test_cpu_times_in_ticks_ask_for_longer_slices() -> None:
    for coarse in (10_000_000, None):
        _, cpu = judge(msgspec.structs.replace(GOOD, cpu_step_ns=coarse))
        assert cpu.remedy is not None
        assert "load.slice_s" in cpu.remedy
    assert "coarser than could be seen" in cpu.statement


def test_a_source_that_is_not_visible_is_said_to_be() -> None:
    time, _ = judge(msgspec.structs.replace(GOOD, source=None))
    assert time.statement.startswith("Time (clock source not visible here): steps of 40 ns")

"""Rows of ratios are what the analysis found, one for each value."""

import csv
import io

import pytest

from harness.analysis.analyse import Analysis, analyse
from harness.analysis.measures import Measure
from harness.analysis.stats.verdicts import Verdict
from harness.report.data.ratios import COLUMNS, ratios_csv
from tests.toys.runs import BASELINE, make_run, make_study, simulate

OTHER, EQUAL = "b/other", "c/equal"
RUN = make_run(make_study((BASELINE, OTHER, EQUAL), blocks=6))
TRIALS = simulate(
    RUN, {BASELINE: 500.0, OTHER: 1_000.0, EQUAL: 500.0}, 3, drift=0.01, noise=0.004, start=0.001
)
ANALYSIS = analyse(RUN, TRIALS)


def rows(analysis: Analysis = ANALYSIS) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(ratios_csv(analysis), newline="")))


def row(variant: str, measure: Measure = Measure.CPU, of: Analysis = ANALYSIS) -> dict[str, str]:
    (found,) = [r for r in rows(of) if (r["variant"], r["measure"]) == (variant, measure)]
    return found


def test_a_ratio_has_its_interval_and_its_verdict() -> None:
    comparison = ANALYSIS.conditions[0].comparisons[Measure.CPU]
    found = row(OTHER)
    assert float(found["ratio"]) == comparison.ratios[OTHER].mean
    assert float(found["ratio_low"]) == comparison.ratios[OTHER].low
    assert float(found["simultaneous_high"]) == comparison.decisions[OTHER].interval.high
    assert found["verdict"] == Verdict.DIFFERS
    assert found["at_most_share"] == ""
    assert row(EQUAL)["verdict"] == Verdict.SAME
    assert row(EQUAL)["ties"] == row(BASELINE)["ties"] != found["ties"]
    assert found["limited_by"] == "server-bound"


def test_an_undecided_ratio_says_how_far_from_1_it_may_be() -> None:
    unsteady = analyse(RUN, simulate(RUN, dict.fromkeys(RUN.study.variants, 500.0), 3, start=0.05))
    found = row(EQUAL, of=unsteady)
    decision = unsteady.conditions[0].comparisons[Measure.CPU].decisions[EQUAL]
    assert found["verdict"] == Verdict.UNDECIDED
    assert float(found["at_most_share"]) == pytest.approx(decision.at_most)
    assert float(found["at_most_share"]) > 0.03


def test_the_baseline_is_1_times_itself_and_the_duplicate_has_no_row() -> None:
    assert row(BASELINE)["ratio"] == "1.0"
    assert row(BASELINE)["verdict"] == ""
    assert {r["variant"] for r in rows()} == set(RUN.study.variants)


def test_one_block_has_ratios_without_intervals_and_verdicts() -> None:
    found = row(OTHER, of=analyse(RUN, [t for t in TRIALS if t.block == 1]))
    assert float(found["ratio"]) == pytest.approx(2.0, rel=0.05)
    assert found["ratio_low"] == found["verdict"] == found["ties"] == ""


def test_a_run_without_values_has_only_headings() -> None:
    assert ratios_csv(analyse(RUN, [])) == ",".join(COLUMNS) + "\n"

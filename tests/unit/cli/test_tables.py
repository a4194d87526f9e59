"""What `compare` prints, as text of 80 columns."""

from rich.console import Console

from harness.analysis.measures import Measure
from harness.analysis.runs import ComparedVariant, RunComparison, VariantCondition, Verdict
from harness.analysis.stats.intervals import Interval
from harness.cli.tables import comparison_text, pair_text, tally
from harness.inputs.study import Condition
from harness.records.comparability import Change

READ = Condition("io_read", connections=32, rows=1_000)
CPU = Condition("cpu", connections=8, rows=1_000)
LONG = "django/native-orm-stock-lifecycle"


def value(mean: float) -> dict[Measure, Interval]:
    return {Measure.CPU: Interval(mean, mean * 0.9, mean * 1.1, 0.03, 6)}


def pair(
    variant: str, verdict: Verdict, a: float, b: float, at: Condition = READ
) -> ComparedVariant:
    ratio = Interval(b / a, b / a * 0.97, b / a * 1.03, 0.01, 12)
    return ComparedVariant(variant, at, verdict, value(a), value(b), ratio, 9.5, 0.02, 0.01, None)


def silent(variant: str, reason: str, at: Condition = READ) -> ComparedVariant:
    return ComparedVariant(
        variant, at, Verdict.NOT_COMPARABLE, value(500), {}, None, None, None, None, reason
    )


PAIRS = (
    pair(LONG, Verdict.SLOWER, 9_876, 10_987),
    pair("flask/sqlalchemy", Verdict.TIE, 1_200, 1_210),
    silent("aiohttp/sqlalchemy", "1 good block in B, and 2 are needed in each run"),
    silent("starlette/asyncpg", "1 good block in B, and 2 are needed in each run"),
    pair("flask/sqlalchemy", Verdict.FASTER, 800, 640, CPU),
)
COMPARISON = RunComparison(
    "quick-20261121-183203",
    "quick-20261201-090000",
    Measure.CPU,
    PAIRS,
    (VariantCondition("fastapi/sqlalchemy", READ),),
    (VariantCondition("django/new", READ), VariantCondition("django/new", CPU)),
)
REASONS = ("the machines differ in kernel (Linux 6.18 / Linux 7.1), memory_mib (24105 / 64000)",)
CHANGES = (
    Change("bridgetoll", "commit", None, "abc"),
    Change("django", "Django", "6.1.3", "6.2.0"),
    Change("django", "asgiref", "3.13.0", "3.14.0"),
)


def shown(
    comparison: RunComparison = COMPARISON,
    reasons: tuple[str, ...] = (),
    changed: tuple[Change, ...] = (),
) -> list[str]:
    console = Console(width=80)
    with console.capture() as captured:
        console.print(comparison_text(reasons, changed, comparison))
    return [line.rstrip() for line in captured.get().splitlines()]


def test_a_row_has_both_values_the_ratio_and_the_verdict() -> None:
    lines = [line.split() for line in shown()]
    assert ["variant", "A", "B", "B", "/", "A"] in lines
    assert ["flask/sqlalchemy", "1,200", "1,210", "1.01", "[0.98,", "1.04]", "tie"] in lines
    assert ["flask/sqlalchemy", "800", "640", "0.80", "[0.78,", "0.82]", "faster"] in lines
    assert [LONG, "9,876", "10,990", "1.11", "[1.08,", "1.15]", "slower"] in lines


def test_runs_and_measure_are_named_above_the_ratios() -> None:
    lines = shown()
    assert lines[:2] == ["A: quick-20261121-183203", "B: quick-20261201-090000"]
    assert any("server CPU per request (µs)" in line for line in lines)
    assert "io_read, 32 connections, 1,000 rows" in lines


def test_doubts_come_first() -> None:
    lines = shown(reasons=REASONS)
    assert lines[0].startswith("not measured alike: the machines differ in kernel")
    assert lines.index("A: quick-20261121-183203") > 0


def test_a_reason_is_told_once_for_all_to_whom_it_applies() -> None:
    said = " ".join(" ".join(shown()).split())
    names = "not comparable: aiohttp/sqlalchemy, starlette/asyncpg: 1 good block in B"
    assert said.count(names) == 1


def test_what_changed_is_told_by_subject() -> None:
    lines = shown(changed=CHANGES)
    assert "  bridgetoll: commit n/a -> abc" in lines
    assert "  django: Django 6.1.3 -> 6.2.0, asgiref 3.13.0 -> 3.14.0" in lines
    assert any(line.startswith("Nothing that the runs record") for line in shown())


def test_what_one_run_has_alone_is_told_by_condition() -> None:
    lines = shown()
    assert "only in A: io_read, 32 connections, 1,000 rows: fastapi/sqlalchemy" in lines
    assert "only in B: cpu, 8 connections, 1,000 rows: django/new" in lines


def test_the_reader_is_told_that_drift_between_the_runs_is_in_the_ratios() -> None:
    assert "not interleaved" in " ".join(" ".join(shown()).split())


def test_verdicts_are_counted() -> None:
    assert tally(COMPARISON) == "faster: 1, slower: 1, tie: 1, not comparable: 2"


def test_runs_with_nothing_in_common_are_told_as_such() -> None:
    empty = RunComparison("a", "b", Measure.CPU, (), (), ())
    assert tally(empty) in shown(empty)
    assert tally(empty).endswith("in both runs.")


def test_where_nothing_compares_there_is_no_table() -> None:
    only = RunComparison("a", "b", Measure.CPU, (silent("x/y", "it broke"),), (), ())
    lines = shown(only)
    assert "not comparable: x/y: it broke" in lines
    assert not any(line.startswith("variant") for line in lines)


def test_within_a_sentence_a_pair_has_its_ratio() -> None:
    assert (
        pair_text(PAIRS[1])
        == "flask/sqlalchemy under io_read, 32 connections, 1,000 rows (1.01 [0.98, 1.04])"
    )


def test_no_line_is_longer_than_a_terminal() -> None:
    changed = tuple(Change("django", f"package-{n}", "1.2.3", "1.2.4") for n in range(30))
    found = shown(reasons=REASONS * 3, changed=changed)
    assert max(len(line) for line in found) <= 80

"""What `compare` prints, as text of 80 columns."""

import msgspec
import pytest
from rich.console import Console

from harness.analysis.gate import Gate, GateAnswer, gate
from harness.analysis.measures import Measure
from harness.analysis.reference import Reference
from harness.analysis.runs import ComparedVariant, RunComparison, RunVerdict, VariantCondition
from harness.analysis.stats.intervals import Interval
from harness.cli.comparison import comparison_text, gate_sentence, pair_text, tally, verdict_word
from harness.inputs.study import Condition
from harness.records.comparability import Change

READ = Condition("io_read", connections=32, rows=1_000)
CPU = Condition("cpu", connections=8, rows=1_000)
LONG = "django/native-orm-stock-lifecycle"


STILL = "starlette/asyncpg"


def value(mean: float) -> dict[Measure, Interval]:
    return {Measure.CPU: Interval(mean, mean * 0.9, mean * 1.1, 0.03, 6)}


def pair(
    variant: str,
    verdict: RunVerdict,
    a: float,
    b: float,
    at: Condition = READ,
    at_most: float | None = None,
    reference: tuple[str, ...] = (STILL,),
) -> ComparedVariant:
    """Its ratio is that of b to a, so the machine was as fast in both; absolute, it is ±20 %."""
    ratio = Interval(b / a, b / a * 0.97, b / a * 1.03, 0.01, 12)
    wide = Interval(b / a, b / a / 1.2, b / a * 1.2, 0.1, 12)
    return ComparedVariant(
        variant, at, verdict, reference, value(a), value(b), ratio, 9.5, wide, at_most, 0.01
    )


def silent(variant: str, reason: str, at: Condition = READ) -> ComparedVariant:
    return ComparedVariant(
        variant, at, RunVerdict.NOT_COMPARABLE, (), value(500), {}, None, None, None, None, None,
        reason, "B",
    )  # fmt: skip


def alone(variant: str, at: Condition = READ) -> ComparedVariant:
    return ComparedVariant(
        variant, at, RunVerdict.REFERENCE, (), value(300), value(330), None, None,
        Interval(1.1, 0.9, 1.3, 0.1, 12), None, None, "it is the only one",
    )  # fmt: skip


PAIRS = (
    pair(LONG, RunVerdict.SLOWER, 9_876, 10_987),
    pair("flask/sqlalchemy", RunVerdict.SAME, 1_200, 1_210),
    pair("fastapi/sqlalchemy", RunVerdict.UNDECIDED, 1_000, 1_030, at_most=0.0623),
    silent("aiohttp/sqlalchemy", "1 good block in B, and 2 are needed in each run"),
    silent("aiohttp/asyncpg", "1 good block in B, and 2 are needed in each run"),
    alone(STILL),
    pair("flask/sqlalchemy", RunVerdict.FASTER, 800, 640, CPU, reference=()),
)
REFERENCES = (
    Reference(READ, (STILL,), {"django/odd": Interval(1.3, 1.2, 1.4, 0.03, 12)}, None),
    Reference(CPU, (), {}, "of every variant, its packages changed"),
)
COMPARISON = RunComparison(
    "quick-20261121-183203",
    "quick-20261201-090000",
    Measure.CPU,
    (),
    0.03,
    REFERENCES,
    PAIRS,
    (VariantCondition("fastapi/old", READ),),
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


def text(comparison: RunComparison = COMPARISON) -> str:
    return " ".join(" ".join(shown(comparison)).split())


def test_a_row_has_both_values_the_ratio_and_the_verdict() -> None:
    lines = [" ".join(line.split()) for line in shown()]
    assert "variant A B B / A" in lines
    assert "flask/sqlalchemy 1,200 1,210 1.01 [0.98, 1.04] the same" in lines
    assert "flask/sqlalchemy 800 640 0.80 [0.78, 0.82] faster" in lines
    assert "starlette/asyncpg 300 330 1 reference" in lines


def test_an_undecided_pair_tells_how_far_its_ratio_may_be_from_one() -> None:
    short = tuple(pair for pair in PAIRS if pair.variant != LONG)
    lines = shown(msgspec.structs.replace(COMPARISON, pairs=short))
    (row,) = [line for line in lines if line.startswith("fastapi/sqlalchemy")]
    assert row.endswith("undecided, at most 7 %")
    assert any(line.startswith(f"{LONG} ") for line in shown())  # no name is broken for it


def test_the_reference_is_named_by_condition_with_what_it_gains() -> None:
    said = text()
    assert "reference: starlette/asyncpg, the same in both runs. Intervals are ±3 %;" in said
    assert "without a reference, ±18 %" in said


def test_a_reference_of_all_variants_and_one_that_was_named_are_told_as_such() -> None:
    every = (STILL, "flask/sqlalchemy")
    pairs = tuple(
        pair(name, RunVerdict.SAME, 500, 500, reference=(other,))
        for name, other in (every, every[::-1])
    )
    both = msgspec.structs.replace(
        COMPARISON, pairs=pairs, references=(Reference(READ, every, {}, None),)
    )
    assert "reference: all variants, the same in both runs. Each is compared with the" in text(both)
    named = msgspec.structs.replace(COMPARISON, named=(STILL,))
    assert "reference: starlette/asyncpg, as named." in text(named)


def test_a_reference_that_changed_is_named_with_its_change() -> None:
    assert "reference changed: django/odd is no reference, because it changed: 1.30 [1.20" in text()


def test_without_a_reference_the_reason_and_the_remedy_are_told() -> None:
    said = text()
    assert "no reference: of every variant, its packages changed." in said
    assert "the machine's change is in every ratio" in said
    assert "name one with --reference" in said
    known = msgspec.structs.replace(COMPARISON, references=REFERENCES[:1], pairs=PAIRS[:6])
    assert "--reference" not in text(known)


def test_memory_needs_no_reference() -> None:
    memory = msgspec.structs.replace(COMPARISON, measure=Measure.MEMORY)
    assert "--reference" not in text(memory)


def test_methods_and_margin_are_named_once() -> None:
    said = text()
    assert said.count("Holm") == 1
    assert "the same within 3 %" in said


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
    assert text().count("not comparable: aiohttp/sqlalchemy, aiohttp/asyncpg: 1 good block in") == 1


def test_what_changed_is_told_by_subject() -> None:
    lines = shown(changed=CHANGES)
    assert "  bridgetoll: commit n/a -> abc" in lines
    assert "  django: Django 6.1.3 -> 6.2.0, asgiref 3.13.0 -> 3.14.0" in lines
    assert any(line.startswith("Nothing that the runs record") for line in shown())


def test_what_one_run_has_alone_is_told_by_condition() -> None:
    lines = shown()
    assert "only in A: io_read, 32 connections, 1,000 rows: fastapi/old" in lines
    assert "only in B: cpu, 8 connections, 1,000 rows: django/new" in lines


def test_verdicts_are_counted() -> None:
    told = "faster: 1, slower: 1, the same: 1, undecided: 1, reference: 1, not comparable: 2"
    assert tally(COMPARISON) == told


def empty(*pairs: ComparedVariant) -> RunComparison:
    references = (Reference(READ, (), {}, "it broke"),) if pairs else ()
    return RunComparison("a", "b", Measure.CPU, (), 0.03, references, pairs, (), ())


def test_runs_with_nothing_in_common_are_told_as_such() -> None:
    assert tally(empty()) in shown(empty())
    assert tally(empty()).endswith("in both runs.")


def test_where_nothing_compares_there_is_no_table() -> None:
    lines = shown(empty(silent("x/y", "it broke")))
    assert "not comparable: x/y: it broke" in lines
    assert not any(line.startswith("variant") for line in lines)


def test_within_a_sentence_a_pair_has_its_ratio() -> None:
    where = "io_read, 32 connections, 1,000 rows"
    assert pair_text(PAIRS[1]) == f"flask/sqlalchemy under {where} (1.01 [0.98, 1.04])"


def test_memory_is_called_larger_or_smaller() -> None:
    assert verdict_word(RunVerdict.SLOWER, Measure.MEMORY) == "larger"
    assert verdict_word(RunVerdict.SLOWER, Measure.CPU) == "slower"


def test_no_line_is_longer_than_a_terminal() -> None:
    changed = tuple(Change("django", f"package-{n}", "1.2.3", "1.2.4") for n in range(30))
    found = shown(reasons=REASONS * 3, changed=changed)
    assert max(len(line) for line in found) <= 80


def sentence(answer: GateAnswer, **changes: object) -> str:
    usual = Gate(0.05, answer, 3, (), {}, (), (), None)
    told = gate_sentence(msgspec.structs.replace(usual, **changes), COMPARISON)
    assert told.endswith(".")
    return told


@pytest.mark.parametrize(
    ("answer", "changes", "told"),
    [
        (GateAnswer.PASSED, {}, "no regression: 3 pairs tested, none slower by more than 5 %"),
        (
            GateAnswer.REGRESSED,
            {"regressed": PAIRS[:1]},
            f"1 pair became slower by more than 5 %: {LONG} under io_read, 32 connections, "
            "1,000 rows (1.11",
        ),
        (
            GateAnswer.UNDECIDED,
            {"missing": {"a/x": "in B it died", "b/y": "likewise"}},
            "a regression of a/x and 1 other cannot be ruled out (in B it died); measure the",
        ),
        (
            GateAnswer.UNDECIDED,
            {"undecided": PAIRS[2:3], "blocks": 14},
            "(1.03 [1.00, 1.06]); measure about 14 blocks in each run.",
        ),
        (GateAnswer.UNDECIDED, {"undecided": PAIRS[2:3]}, "even 200 blocks would not tell"),
        (
            GateAnswer.UNDECIDED,
            {"unrelated": PAIRS[-1:]},
            "there is no reference (of every variant, its packages changed); measure an unchanged",
        ),
        (GateAnswer.NOT_COMPARABLE, {}, "can be compared (1 good block in B, and 2 are needed"),
    ],
)
def test_a_gate_names_pairs_and_what_to_do(
    answer: GateAnswer, changes: dict[str, object], told: str
) -> None:
    assert told in sentence(answer, **changes)


def test_of_many_pairs_a_sentence_names_the_first_three() -> None:
    told = sentence(GateAnswer.REGRESSED, regressed=PAIRS[:1] * 5)
    assert told.count(LONG) == 3
    assert "and 2 more;" in told


def test_a_gate_on_these_pairs_answers_for_the_one_that_is_slower() -> None:
    assert gate(COMPARISON, 0.05).regressed == PAIRS[:1]

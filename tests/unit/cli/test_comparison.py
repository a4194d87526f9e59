"""What `compare` prints, as text of 80 columns."""

import msgspec
import pytest
from rich.console import Console

from harness.analysis.gate import Gate, GateAnswer, gate
from harness.analysis.measures import Measure
from harness.analysis.runs import RunComparison
from harness.cli.comparison import comparison_text, gate_sentence, pair_text
from harness.records.comparability import Change
from harness.report.comparison.headline import headline
from harness.report.words.comparison import NOTHING_CHANGED, NOTHING_SHARED
from tests.toys.comparisons import (
    CHANGES,
    COMPARISON,
    LONG,
    PAIRS,
    REASONS,
    REFERENCES,
    compared_runs,
    empty,
    silent,
)

NAMED_A = "A: quick-20261121-183203"


def shown(
    comparison: RunComparison = COMPARISON,
    reasons: tuple[str, ...] = (),
    changed: tuple[Change, ...] = (),
) -> list[str]:
    console = Console(width=80)
    with console.capture() as captured:
        console.print(comparison_text(compared_runs(comparison, reasons, changed)))
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
    assert row.endswith("]  ≤ 7 %")
    assert any('"≤ 7 %": undecided' in line for line in lines)
    assert any(line.startswith(f"{LONG} ") for line in shown())  # no name is broken for it


def test_the_answer_comes_first_and_then_its_caution() -> None:
    lines = shown(reasons=REASONS)
    assert lines[:2] == headline(COMPARISON)
    assert lines[2].startswith("caution: The runs were not measured alike: the machines differ.")
    assert not any(line.startswith("caution") for line in lines[lines.index(NAMED_A) :])


def test_the_reference_is_told_by_condition_below_the_tables() -> None:
    said = text()
    assert (
        "reference under io_read, 32 connections, 1,000 rows: starlette/asyncpg, the same" in said
    )
    assert "Intervals are ±3 %; without a reference, ±18 %." in said
    assert said.index("reference under") > said.index("flask/sqlalchemy")


def test_a_reference_of_every_condition_is_told_once() -> None:
    one = msgspec.structs.replace(COMPARISON, references=REFERENCES[:1], pairs=PAIRS[:6])
    assert "reference: starlette/asyncpg, the same in both runs." in text(one)


def test_a_reference_that_changed_is_named_with_its_change() -> None:
    assert "reference changed: django/odd is no reference, because it changed: 1.30 [1.20" in text()


def test_without_a_reference_the_reason_and_the_remedy_are_told() -> None:
    said = text()
    assert "1,000 rows: none: of every variant, its packages changed." in said
    assert "the machine's change is in the ratios" in said
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
    at = lines.index(NAMED_A)
    assert lines[at + 1] == "B: quick-20261201-090000"
    assert any("server CPU per request (µs)" in line for line in lines)
    assert "io_read, 32 connections, 1,000 rows" in lines


def test_every_reason_against_the_comparison_is_told_in_full() -> None:
    said = " ".join(" ".join(shown(reasons=REASONS)).split())
    assert f"not measured alike: {REASONS[0]}" in said


def test_a_reason_is_told_once_for_all_to_whom_it_applies() -> None:
    assert text().count("not comparable: aiohttp/sqlalchemy, aiohttp/asyncpg: 1 good block in") == 1


def test_what_changed_is_told_by_subject() -> None:
    lines = shown(changed=CHANGES)
    assert "  bridgetoll: commit n/a -> abc" in lines
    assert "  django: Django 6.1.3 -> 6.2.0, asgiref 3.13.0 -> 3.14.0" in lines
    assert any(line == NOTHING_CHANGED for line in shown())


def test_what_one_run_has_alone_is_told_by_condition() -> None:
    lines = shown()
    assert "only in A: fastapi/old under io_read, 32 connections, 1,000 rows" in lines
    assert "only in B: django/new" in lines


def test_runs_with_nothing_in_common_are_told_as_such() -> None:
    lines = shown(msgspec.structs.replace(COMPARISON, pairs=(), references=()))
    assert lines[0] == NOTHING_SHARED
    assert not any("Holm" in line for line in lines)


def test_where_nothing_compares_there_is_no_table() -> None:
    lines = shown(empty(silent("x/y", "it broke")))
    assert "not comparable: x/y: it broke" in lines
    assert not any(line.startswith("variant") for line in lines)


def test_a_reason_of_every_variant_names_none() -> None:
    lines = shown(empty(silent("x/y", "it broke"), silent("x/z", "it broke")))
    assert "not comparable: every variant: it broke" in lines


def test_within_a_sentence_a_pair_has_its_ratio() -> None:
    where = "io_read, 32 connections, 1,000 rows"
    assert pair_text(PAIRS[1]) == f"flask/sqlalchemy under {where} (1.01 [0.98, 1.04])"


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
        (
            GateAnswer.UNDECIDED,
            {"unrelated": PAIRS[-1:] * 4},
            "a change of 4 pairs may be the machine's",
        ),
        (GateAnswer.UNDECIDED, {"undecided": PAIRS[2:3], "allowed": 0.0}, "so allow more."),
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


def test_a_gate_by_a_measure_that_means_nothing_here_asks_for_another_one() -> None:
    why = "under this load nothing compares but `cpu` and `throughput`"
    pair = msgspec.structs.replace(silent("a/x", why), unfit=None)
    told = gate_sentence(gate(empty(pair), 0.05), empty(pair))
    assert why in told
    assert told.endswith("; compare them by another `--measure`.")

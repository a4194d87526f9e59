"""Two runs in words."""

import msgspec

from harness.analysis.measures import Measure
from harness.analysis.reference import Reference
from harness.analysis.runs import RunVerdict
from harness.analysis.stats.intervals import Interval
from harness.report.words import comparison as words
from tests.toys.comparisons import (
    CHANGES,
    COMPARISON,
    CPU,
    PAIRS,
    READ,
    STILL,
    compared_runs,
    empty,
    pair,
)


def test_verdicts_are_counted() -> None:
    told = "faster: 1, slower: 1, the same: 1, undecided: 1, reference: 1, not comparable: 2"
    assert words.tally(COMPARISON) == told
    assert words.tally(empty()) == words.NOTHING_SHARED


def test_memory_is_called_larger_or_smaller() -> None:
    assert words.verdict_word(RunVerdict.SLOWER, Measure.MEMORY) == "larger"
    assert words.verdict_word(RunVerdict.SLOWER, Measure.CPU) == "slower"


def test_an_undecided_verdict_tells_how_far_the_ratio_may_be_from_one() -> None:
    assert words.verdict_text(PAIRS[2], Measure.CPU) == "undecided, at most 7 %"
    assert words.verdict_text(PAIRS[1], Measure.CPU) == "the same"


def test_a_reference_of_all_variants_and_one_that_was_named_are_told_as_such() -> None:
    every = (STILL, "flask/sqlalchemy")
    pairs = tuple(
        pair(name, RunVerdict.SAME, 500, 500, reference=(other,))
        for name, other in (every, every[::-1])
    )
    both = msgspec.structs.replace(
        COMPARISON, pairs=pairs, references=(Reference(READ, every, {}, None),)
    )
    (note,) = words.reference_notes(both)
    assert note.text.startswith("all variants, the same in both runs. Each is compared with the")
    named = msgspec.structs.replace(COMPARISON, named=(STILL,))
    assert words.reference_notes(named)[0].text.startswith(f"{STILL}, as named")


def test_many_variants_of_a_reference_are_counted_or_told_by_those_left_out() -> None:
    many = tuple(f"a/{n}" for n in range(6))
    pairs = [pair(name, RunVerdict.SAME, 500, 500, reference=many) for name in many]
    changed = [pair(f"b/{n}", RunVerdict.SLOWER, 500, 600, reference=many) for n in range(3)]
    one, three = (
        words.reference_notes(
            msgspec.structs.replace(
                COMPARISON,
                pairs=(*pairs, *changed[:count]),
                references=(Reference(READ, many, {}, None),),
            )
        )[0]
        for count in (1, 3)
    )
    assert one.text.startswith("all variants but b/0, the same in both runs")
    assert three.text.startswith("6 variants, the same in both runs")
    assert three.variants == many


def test_alike_references_of_several_conditions_are_one_note() -> None:
    references = tuple(Reference(c, (), {}, "its packages changed") for c in (READ, CPU))
    (note,) = words.reference_notes(msgspec.structs.replace(COMPARISON, references=references))
    assert note.conditions == (READ, CPU)
    assert note.missing
    assert "its packages changed" in note.text


def test_memory_misses_no_reference() -> None:
    references = (Reference(READ, (), {}, "memory does not depend on the machine's speed"),)
    memory = msgspec.structs.replace(COMPARISON, measure=Measure.MEMORY, references=references)
    assert not words.reference_notes(memory)[0].missing


def test_what_changed_is_told_by_subject_with_old_and_new_values() -> None:
    assert words.changes(CHANGES) == {
        "bridgetoll": ["commit n/a -> abc"],
        "django": ["Django 6.1.3 -> 6.2.0", "asgiref 3.13.0 -> 3.14.0"],
    }


def test_what_one_run_has_alone_names_conditions_only_where_they_are_not_all() -> None:
    assert words.alone(COMPARISON) == [
        "only in A: fastapi/old under io_read, 32 connections, 1,000 rows",
        "only in B: django/new",
    ]


def test_where_the_runs_share_nothing_conditions_of_all_variants_are_not_told() -> None:
    nothing = msgspec.structs.replace(COMPARISON, pairs=(), references=())
    assert words.alone(nothing) == ["only in A: fastapi/old", "only in B: django/new"]


def test_the_half_width_is_the_median_and_none_without_intervals() -> None:
    wide = [Interval(1.0, 1 / w, w, 0.1, 6) for w in (1.1, 1.2, 1.5)]
    found = words.half_width([*wide, Interval(1.0, None, None, None, 1), None])
    assert found is not None
    assert words.share(found) == "18 %"
    assert words.half_width([None]) is None


def test_the_command_that_compares_again_has_every_choice() -> None:
    compared = compared_runs(
        msgspec.structs.replace(COMPARISON, measure=Measure.P99, named=(STILL,)), ("odd",)
    )
    assert compared.command == [
        "compare", "quick-20261121-183203", "quick-20261201-090000", "--measure", "p99",
        "--reference", STILL, "--anyway",
    ]  # fmt: skip
    assert compared_runs().command[1:] == ["quick-20261121-183203", "quick-20261201-090000"]

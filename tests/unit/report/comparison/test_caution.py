"""What a reader must know before using the ratios of two runs."""

import msgspec
import pytest

from harness.analysis.measures import Measure
from harness.analysis.reference import Reference
from harness.analysis.runs import RunComparison
from harness.analysis.stats.intervals import Interval
from harness.report.comparison.caution import blocks, caution
from tests.toys.compared import compared, side
from tests.toys.comparisons import COMPARISON, CPU, PAIRS, READ, REASONS, REFERENCES, silent

COST = {"a/base": 500.0, "b/other": 500.0, "c/third": 400.0}


def plain() -> RunComparison:
    """Two runs of which nothing need be said."""
    return compared(side("a-1", COST, seed=1), side("b-2", COST, seed=9)).comparison


def test_sound_runs_need_no_caution() -> None:
    assert caution(plain(), ()) is None


def test_different_machines_are_the_first_alarm_without_the_details() -> None:
    found = caution(COMPARISON, REASONS)
    assert found is not None
    assert found.alarm
    assert "the machines differ" in found.text
    assert "memory_mib" not in found.text
    assert any("No common ground" in line for line in found.others)


def test_no_common_ground_is_an_alarm_with_its_reason() -> None:
    after = side("b-2", COST, seed=9, changed=list(COST))
    found = caution(compared(side("a-1", COST, seed=1), after).comparison, ())
    assert found is not None
    assert found.alarm
    assert "No common ground, so the machine" in found.text
    assert "its code changed" in found.text


def test_a_long_reason_stays_in_the_details() -> None:
    missing = Reference(READ, (), {}, "why " * 40)
    found = caution(msgspec.structs.replace(COMPARISON, references=(missing,)), ())
    assert found is not None
    assert len(found.text) < 100


def test_where_nothing_has_a_ratio_no_common_ground_is_missed() -> None:
    silent_pairs = msgspec.structs.replace(COMPARISON, pairs=(silent("x/y", "it broke"),))
    found = caution(silent_pairs, ())
    assert found is not None
    assert "common ground" not in " ".join((found.text, *found.others))


def test_memory_needs_no_common_ground() -> None:
    memory = msgspec.structs.replace(
        COMPARISON, measure=Measure.MEMORY, references=(Reference(CPU, (), {}, "memory"),)
    )
    found = caution(memory, ())
    assert found is None or "common ground" not in " ".join((found.text, *found.others))


def test_a_reference_that_changed_is_named_with_its_size() -> None:
    found = caution(msgspec.structs.replace(COMPARISON, references=REFERENCES[:1]), ())
    assert found is not None
    assert found.alarm
    assert "django/odd changed (1.30)" in found.text


@pytest.mark.parametrize(("count", "words"), [(1, "B has one block"), (3, "6 in A, 3 in B")])
def test_few_blocks_are_told(count: int, words: str) -> None:
    after = side("b-2", COST, seed=9, blocks=count)
    comparison = compared(side("a-1", COST, seed=1), after).comparison
    found = caution(comparison, ())
    assert found is not None
    assert words in found.text
    assert not found.alarm
    assert blocks(comparison) == (6, count)


def test_pairs_without_figures_and_variants_of_one_run_are_told() -> None:
    found = caution(
        msgspec.structs.replace(COMPARISON, references=(Reference(READ, ("x",), {}, None),)), ()
    )
    assert found is not None
    assert "2 pairs are not comparable" in found.text
    told = "only A measured fastapi/old, and only B measured django/new"
    assert any(told in line for line in found.others)


def test_one_silent_variant_is_named() -> None:
    pairs = (PAIRS[1], silent("x/y", "it broke"))
    found = caution(
        msgspec.structs.replace(
            COMPARISON, pairs=pairs, references=(Reference(READ, ("x",), {}, None),),
            only_in_a=(), only_in_b=(),
        ), (),
    )  # fmt: skip
    assert found is not None
    assert found.text.startswith("x/y is not comparable")


def test_runs_without_a_block_have_none() -> None:
    nothing = msgspec.structs.replace(COMPARISON, pairs=())
    assert blocks(nothing) == (0, 0)
    one = msgspec.structs.replace(PAIRS[0], a={Measure.CPU: Interval(1.0, None, None, None, 1)})
    assert blocks(msgspec.structs.replace(COMPARISON, pairs=(one,))) == (1, 6)


def test_a_run_on_a_busy_machine_is_told_with_what_to_do() -> None:
    busy = msgspec.structs.replace(plain(), busy_a=(36, 162), busy_b=(162, 162))
    found = caution(busy, ())
    assert found is not None
    assert not found.alarm
    assert "during 162 of 162 trials of B, which" in found.text
    assert "Run again when it is quiet" in found.text
    assert caution(msgspec.structs.replace(busy, measure=Measure.MEMORY), ()) is None


def test_where_nothing_can_be_compared_more_blocks_or_quiet_would_not_help() -> None:
    few = compared(side("a-1", COST, seed=1), side("b-2", COST, seed=9, blocks=2)).comparison
    mute = [msgspec.structs.replace(pair, ratio_b_to_a=None) for pair in few.pairs]
    assert caution(msgspec.structs.replace(few, pairs=tuple(mute), busy_b=(6, 6)), ()) is None

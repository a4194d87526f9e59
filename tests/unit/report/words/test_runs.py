"""A run in words: when it could end early, and how its pairs stand."""

import msgspec
import pytest

from harness.analysis.analyse import Analysis
from harness.analysis.causes.explain import Causes
from harness.analysis.interest import Interest, PairVerdict
from harness.analysis.measures import Measure
from harness.analysis.stats.verdicts import Verdict
from harness.inputs.study import Contrast, Stopping, Study
from harness.report.words.runs import blocks, decided, stopping
from harness.report.words.studies import ending_early
from tests.toys.runs import BASELINE, CONDITION, make_run, make_study

OTHER = "b/other"
CONTRAST = Contrast("c", "C", of=OTHER, to=BASELINE)


def study(**rules: object) -> Study:
    made = Stopping(verdicts=True)
    made = msgspec.structs.replace(made, **rules)
    return msgspec.structs.replace(make_study(blocks=8), stopping=made, margin=0.025)


def analysed(*verdicts: Verdict, after: int = 6) -> Analysis:
    pairs = tuple(PairVerdict(CONDITION, Measure.CPU, OTHER, BASELINE, v) for v in verdicts)
    run = make_run(study())
    return Analysis(
        run=run.id, baseline=BASELINE, duplicate="", margin=0.03, conditions=(), repeated=0,
        causes=Causes((), (), ()), interest=Interest(pairs, after, 8),
    )  # fmt: skip


def test_verdicts_tell_what_is_waited_for_and_their_levels() -> None:
    rule, levels = ending_early(study())
    assert "after 4 or 6 blocks" in rule
    assert "every ratio to the baseline differs or is the same within 2.5 %" in rule
    for level in ("0.56 %", "2.2 %", "4.1 %", "5 % over all looks"):
        assert level in levels
    assert stopping(make_run(study())) == f"{rule}; {levels}"


def test_declared_pairs_are_named_as_that() -> None:
    made = msgspec.structs.replace(study(looks=(5,)), contrasts=(CONTRAST,))
    rule, _ = ending_early(made)
    assert "after 5 blocks, once every declared pair differs" in rule


def test_precision_beside_verdicts_is_told_as_a_second_condition() -> None:
    rule, _ = ending_early(study(half_width=0.02))
    assert rule.endswith("and every ratio's 95 % interval is within 2 %")


def test_a_run_that_cannot_end_early_says_nothing_of_it() -> None:
    assert ending_early(make_study()) == []
    assert ending_early(msgspec.structs.replace(study(), blocks=4)) == []


@pytest.mark.parametrize(
    ("verdicts", "told"),
    [
        ((Verdict.SAME, Verdict.DIFFERS), "Every pair was decided after 6 of 8 blocks."),
        ((Verdict.SAME, Verdict.UNDECIDED), "1 of 2 pairs is undecided after 6 of 8 blocks."),
        ((Verdict.UNDECIDED,) * 3, "3 of 3 pairs are undecided after 6 of 8 blocks."),
    ],
)
def test_how_its_pairs_stand_is_one_sentence(verdicts: tuple[Verdict, ...], told: str) -> None:
    assert decided(analysed(*verdicts)) == told


def test_without_pairs_there_is_no_such_sentence() -> None:
    assert decided(analysed()) is None
    assert decided(msgspec.structs.replace(analysed(), interest=None)) is None


def test_the_blocks_say_why_there_are_no_more() -> None:
    run = make_run(study())
    early = "every pair decided"
    assert early in blocks(run, analysed(Verdict.SAME))
    assert early not in blocks(run, analysed(Verdict.UNDECIDED))

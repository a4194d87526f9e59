"""What a run knows before it ends is what its analysis would say."""

import msgspec
import pytest

from harness.analysis.analyse import analyse
from harness.analysis.measures import ranked
from harness.analysis.so_far import interim_of, so_far
from tests.toys.ramps import make_cell, ramp_run
from tests.toys.runs import BASELINE, CONDITION, make_run, make_study, simulate

OTHER, LAME = "b/other", "c/lame"
RUN = make_run(make_study((BASELINE, OTHER, LAME), blocks=4))
TRIALS = [
    msgspec.structs.replace(trial, problem="the server died") if trial.entry == LAME else trial
    for trial in simulate(RUN, {BASELINE: 500, OTHER: 900, LAME: 600}, 1)
]


@pytest.mark.parametrize("blocks", [1, 2, 4])
def test_it_agrees_with_the_analysis_of_the_same_blocks(blocks: int) -> None:
    trials = [trial for trial in TRIALS if trial.block <= blocks]
    known = so_far(RUN, trials, blocks)
    (result,) = analyse(RUN, trials).conditions
    comparison = result.comparisons[ranked(CONDITION)[0]]
    (standing,) = known.standings
    assert standing.ratios[OTHER] == comparison.ratios[OTHER]
    assert standing.estimates[OTHER] == comparison.estimates[OTHER]
    assert standing.missing == interim_of(result, f"{BASELINE}#duplicate").missing
    assert (known.blocks, known.planned) == (blocks, 4)


def test_the_hidden_duplicate_has_no_place() -> None:
    (standing,) = so_far(RUN, TRIALS, 4).standings
    assert standing.entries == (BASELINE, OTHER, LAME)
    assert standing.estimates.keys() == standing.ratios.keys() | {BASELINE}


def test_a_variant_without_figures_has_a_word_for_it() -> None:
    (standing,) = so_far(RUN, TRIALS, 4).standings
    assert standing.missing == {LAME: "incomplete"}


def test_intervals_come_with_the_second_block() -> None:
    widths = [so_far(RUN, [t for t in TRIALS if t.block <= n], n).half_width for n in (1, 2, 4)]
    assert widths[0] is None
    assert widths[1] is not None
    assert widths[2] is not None
    assert widths[2] < widths[1]


def test_without_trials_there_is_nothing() -> None:
    known = so_far(RUN, [], 0)
    assert known.standings == ()
    assert known.half_width is None


def test_cells_of_locust_are_known_by_their_rates() -> None:
    known = so_far(ramp_run(), [make_cell()], 0)
    assert known.standings == ()
    assert known.ramps is not None
    assert {cell.trials for cell in known.ramps.cells} == {0, 1}

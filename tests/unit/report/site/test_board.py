"""The data of a leaderboard agree with the analysis that they are made of."""

import msgspec
import pytest

from harness.analysis.measures import Measure
from harness.analysis.stats.verdicts import Verdict
from harness.inputs.study import Condition
from harness.report.site.board import MOST_COLUMNS, Board, BoardFigures
from harness.report.words import changes
from tests.toys.leaders import COSTS, CREATE, analysed_board, leaders_run, leaders_trials, starved
from tests.toys.ramps import make_cell, ramp_run
from tests.toys.runs import CONDITION

RUN = leaders_run()
TRIALS = leaders_trials(RUN)
ANALYSIS, _BOARD = analysed_board(RUN, TRIALS)
assert _BOARD is not None
BOARD = _BOARD
NAMES = list(COSTS)


def figures(board: Board, measure: Measure = Measure.CPU, column: int = 0) -> BoardFigures:
    return board.columns[column].measures[measure.value]


def pair(found: BoardFigures, worse: int, better: int) -> int:
    """The place of a pair of entries."""
    count = len(found.entries)
    pairs = [(i, j) for i in range(count) for j in range(i + 1, count)]
    return pairs.index((better, worse))


def test_stacks_stand_in_the_study_s_order_with_what_they_are_filtered_by() -> None:
    assert [stack.name for stack in BOARD.stacks] == NAMES
    dear = BOARD.stacks[2]
    assert (dear.framework, dear.data, dear.server, dear.views) == (
        "Cherry", "psycopg", "gunicorn-gthread", "sync",
    )  # fmt: skip
    assert all(stack.note == "" for stack in BOARD.stacks)


@pytest.mark.parametrize("column", [0, 1])
@pytest.mark.parametrize("measure", [Measure.CPU, Measure.THROUGHPUT])
def test_entries_values_and_letters_are_those_of_the_ranking(column: int, measure: Measure) -> None:
    comparison = ANALYSIS.conditions[column].comparisons[measure]
    found = figures(BOARD, measure, column)
    assert [NAMES[at] for at in found.entries] == list(comparison.ranking)
    for at, (mean, low, high) in zip(found.entries, found.values, strict=True):
        estimate = comparison.estimates[NAMES[at]]
        assert (mean, low, high) == pytest.approx(
            (estimate.mean, estimate.low, estimate.high), rel=1e-4
        )
    groups = [
        {NAMES[at] for at, has in zip(found.entries, found.letters, strict=True) if letter in has}
        for letter in "ab"
    ]
    assert groups == [set(group) for group in comparison.groups[:2]]


def test_every_pair_has_its_ratio_and_verdict() -> None:
    found = figures(BOARD)
    assert len(found.pairs.ratio) == len(found.entries) * (len(found.entries) - 1) // 2
    names = [NAMES[at] for at in found.entries]
    assert set(names[:2]) == {"a/base", "b/equal"}
    equal = pair(found, 1, 0)
    assert found.pairs.ratio[equal] == pytest.approx(1, abs=0.02)
    assert found.pairs.verdict[equal] == 1
    assert BOARD.verdicts[1] == "the same within 3 %"
    dearest = pair(found, names.index("d/dearest"), names.index("c/dear"))
    assert found.pairs.ratio[dearest] == pytest.approx(5, rel=0.05)
    assert found.pairs.verdict[dearest] == 0
    low, high = found.pairs.low[dearest], found.pairs.high[dearest]
    assert low is not None
    assert high is not None
    assert low < 5 < high


def test_verdicts_on_the_baseline_are_those_of_its_own_family() -> None:
    comparison = ANALYSIS.conditions[0].comparisons[Measure.CPU]
    found = figures(BOARD)
    base = found.entries.index(BOARD.baseline or 0)
    for name, decision in comparison.decisions.items():
        at = found.entries.index(NAMES.index(name))
        verdict = found.pairs.verdict[pair(found, max(at, base), min(at, base))]
        assert (verdict == 0) == (decision.verdict is Verdict.DIFFERS)
        assert (verdict == 1) == (decision.verdict is Verdict.SAME)


def test_without_figures_of_the_baseline_the_others_have_their_verdicts() -> None:
    trials = [starved(t) if t.variant == "a/base" else t for t in TRIALS]
    _, board = analysed_board(RUN, trials)
    assert board is not None
    assert board.stacks[board.baseline or 0].note.startswith("starved")
    found = figures(board)
    assert [NAMES[at] for at in found.entries] == ["b/equal", "c/dear", "d/dearest"]
    assert found.pairs.verdict == (0, 0, 0)


def test_the_hidden_duplicate_has_no_row() -> None:
    everything = msgspec.json.encode(BOARD).decode()
    assert ANALYSIS.duplicate not in everything


def test_a_measure_that_the_load_does_not_compare_has_ratios_and_no_verdicts() -> None:
    found = figures(BOARD, Measure.MEMORY)
    assert found.unsaid
    assert not found.misleading
    assert set(found.pairs.verdict) == {None}
    assert all(found.pairs.ratio)


def test_one_block_has_values_without_bounds_and_says_why_nothing_is_ranked() -> None:
    run = leaders_run(blocks=1)
    _, board = analysed_board(run, leaders_trials(run))
    assert board is not None
    found = figures(board)
    assert "one was measured" in found.unsaid
    assert {value[1:] for value in found.values} == {(None, None)}
    assert set(found.pairs.low) == {None}
    assert [NAMES[at] for at in found.entries][-1] == "d/dearest"


def test_one_variant_is_a_board_of_one() -> None:
    run = leaders_run(["a/base"])
    _, board = analysed_board(run, leaders_trials(run))
    assert board is not None
    assert figures(board).entries == (0,)
    assert figures(board).pairs.ratio == ()
    assert board.phrases == {}


def test_a_stack_that_answered_nothing_keeps_its_row_with_the_reason() -> None:
    trials = [starved(t) if t.variant == "c/dear" else t for t in TRIALS]
    _, board = analysed_board(RUN, trials)
    assert board is not None
    dear = board.stacks[2]
    assert dear.note.startswith("starved: no correct answer (")
    assert all(2 in column.missing for column in board.columns)
    assert all(2 not in f.entries for c in board.columns for f in c.measures.values())


def test_a_stack_without_figures_at_one_endpoint_has_the_reason_there_alone() -> None:
    trials = [starved(t) if t.variant == "c/dear" and t.condition == CREATE else t for t in TRIALS]
    _, board = analysed_board(RUN, trials)
    assert board is not None
    assert board.stacks[2].note == ""
    assert list(board.columns[0].missing) == []
    assert board.columns[1].missing[2][0] == "starved"


def test_an_excluded_stack_keeps_its_row_with_the_reason() -> None:
    run = msgspec.structs.replace(RUN, excluded={"c/dear": "health: no\nanswer"})
    trials = [t for t in TRIALS if t.variant != "c/dear"]
    _, board = analysed_board(run, trials)
    assert board is not None
    assert board.stacks[2].note == "excluded: health: no answer"


def test_runs_without_figures_have_no_board() -> None:
    assert analysed_board(RUN, [])[1] is None
    assert analysed_board(RUN, [starved(t) for t in TRIALS])[1] is None
    analysis, board = analysed_board(ramp_run(), [make_cell()])
    assert analysis.ramps is not None
    assert board is None


def test_few_conditions_are_all_columns() -> None:
    (view,) = BOARD.views
    assert view.columns == (0, 1)
    assert [column.heading for column in BOARD.columns] == ["Read", "Insert"]
    assert [column.load for column in BOARD.columns] == ["8 connections", "8 connections"]


def test_many_conditions_are_shown_by_load_or_by_endpoint() -> None:
    counts = (1, 8, 32, 64)
    shown = [
        Condition(endpoint=endpoint, connections=count, rows=100)
        for count in counts
        for endpoint in (("io_read",) if count == 1 else ("io_read", "io_create"))
    ]
    assert len(shown) > MOST_COLUMNS
    run = leaders_run(["a/base", "c/dear"], shown, blocks=2)
    _, board = analysed_board(run, leaders_trials(run))
    assert board is not None
    assert [view.key for view in board.views] == [
        "load:8 connections", "load:32 connections", "load:64 connections", "load:1 connection",
        "endpoint:io_read", "endpoint:io_create",
    ]  # fmt: skip
    assert [len(view.columns) for view in board.views] == [2, 2, 2, 1, 4, 3]
    assert {at for view in board.views for at in view.columns} == set(range(len(shown)))


def test_two_sizes_of_a_table_under_one_load_are_told_apart() -> None:
    larger = msgspec.structs.replace(CONDITION, rows=10_000)
    run = leaders_run(conditions=(CONDITION, larger))
    _, board = analysed_board(run, leaders_trials(run))
    assert board is not None
    loads = [column.load for column in board.columns]
    assert loads == ["8 connections, 100 rows", "8 connections, 10,000 rows"]


def test_phrases_tell_every_difference_of_any_two_stacks() -> None:
    for one in BOARD.stacks:
        for other in BOARD.stacks:
            told = [
                BOARD.phrases[factor][value][other.factors[factor]]
                for factor, value in one.factors.items()
                if factor in other.factors and other.factors[factor] != value
            ]
            if one is not other:
                assert " and ".join(told) == changes.change(RUN, one.name, other.name)


def test_rows_are_sorted_by_the_ranked_column_in_which_stacks_differ_most() -> None:
    costs = {CONDITION: COSTS, CREATE: COSTS | {"d/dearest": 9_000.0}}
    trials = [
        t
        for condition, cost in costs.items()
        for t in leaders_trials(RUN, cost)
        if t.condition == condition
    ]
    _, board = analysed_board(RUN, trials)
    assert board is not None
    assert board.columns[board.views[0].sorts[Measure.CPU.value]].name == CREATE.name
    assert board.first == Measure.CPU.value


def test_an_empty_request_sorts_only_where_nothing_else_ranks() -> None:
    noop = msgspec.structs.replace(CONDITION, endpoint="noop")
    costs = {CONDITION: COSTS, noop: COSTS | {"d/dearest": 9_000.0}}
    for shown, sorted_by in (((noop, CONDITION), CONDITION), ((noop,), noop)):
        run = leaders_run(conditions=shown)
        trials = [t for c in shown for t in leaders_trials(run, costs[c]) if t.condition == c]
        _, board = analysed_board(run, trials)
        assert board is not None
        assert board.columns[board.views[0].sorts[Measure.CPU.value]].name == sorted_by.name


def test_sixty_variants_stay_small() -> None:
    names = [f"s{at:02d}/stack" for at in range(60)]
    run = leaders_run(names, (CONDITION,), blocks=2)
    costs = {name: 500.0 + 10 * at for at, name in enumerate(names)}
    _, board = analysed_board(run, leaders_trials(run, costs))
    assert board is not None
    assert len(figures(board).pairs.ratio) == 60 * 59 // 2
    assert len(msgspec.json.encode(board)) < 400_000

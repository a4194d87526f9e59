"""Rows and colours of a ranking's pictures."""

import msgspec

from harness.analysis.analyse import analyse
from harness.inputs.groups import MOST, groups_of
from harness.report.answer.ranking import chosen_rows, key
from tests.toys.kinds import Made, frameworks, measured, ranking, sixty


def rows(made: Made) -> dict[str, str]:
    run, trials = made
    result = analyse(run, trials).conditions[0]
    return chosen_rows(result, groups_of(run.variants), run.study.baseline)


def test_up_to_two_dozen_stacks_have_a_row_each() -> None:
    made = frameworks()
    assert 12 < len(made[0].variants) <= MOST
    assert set(rows(made)) == set(made[0].variants)


def test_of_more_the_best_of_each_group_and_the_baseline_have_one() -> None:
    made = sixty()
    groups = groups_of(made[0].variants)
    shown = rows(made)
    assert {groups[name] for name in shown} == set(groups.values())
    assert len(shown) <= len(set(groups.values())) + 1
    assert made[0].study.baseline in shown


def test_colours_are_named_unless_they_are_frameworks() -> None:
    run, _ = frameworks()
    two = {n: msgspec.structs.replace(r, framework="One") for n, r in run.variants.items()}
    assert "Blue: sync views." in key(run)
    assert len(groups_of(two)) == len(run.variants)
    assert key(sixty()[0]) == ""
    assert key(ranking()[0]) == ""
    assert key(measured({"a/x": 1.0})[0]) == ""

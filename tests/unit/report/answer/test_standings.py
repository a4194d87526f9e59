"""Where known stacks stand: each kind once, by the ratios of the picture, in few words."""

from functools import cache

import msgspec

from harness.analysis.analyse import Analysis, analyse
from harness.analysis.stats.verdicts import Verdict
from harness.records.run import Run
from harness.report.answer.standings import known_stacks, standing
from tests.toys.kinds import frameworks, ranking
from tests.toys.runs import BASELINE

SYNC = "django/sync"


@cache
def made() -> tuple[Run, Analysis]:
    run, trials = frameworks()
    return run, analyse(run, trials)


def told(where: str = "a read") -> str:
    run, analysis = made()
    return standing(run, analysis.conditions[1].first, where, SYNC)


def test_each_kind_is_named_once_by_its_best_and_layers_come_last() -> None:
    run, analysis = made()
    order = list(analysis.conditions[1].first.ranking)
    assert known_stacks(run.variants, order, SYNC) == [
        "fastapi/asyncpg", "flask/psycopg", "django/async", "drf/sync",
    ]  # fmt: skip


def test_the_best_and_known_stacks_stand_with_their_ratios_to_the_baseline() -> None:
    comparison = made()[1].conditions[1].first
    text = told()
    assert f"times the CPU of {SYNC}" in text
    for name in (comparison.ranking[0], "fastapi/asyncpg", "flask/psycopg", "django/async"):
        assert name in text
        assert f"{comparison.ratios[name].mean:.2f}" in text
    assert "drf/sync" not in text


def test_names_are_left_out_where_the_condition_takes_many_words() -> None:
    text = told("a read with +5 ms to the database")
    assert "fastapi/asyncpg" in text
    assert "django/async" not in text
    assert len(text.split()) <= 20
    assert told("a read " + "with more words than fit " * 3) == ""


def test_a_ratio_that_does_not_differ_says_so() -> None:
    run, analysis = made()
    comparison = analysis.conditions[1].first
    open_ = msgspec.structs.replace(
        comparison.decisions["flask/psycopg"], verdict=Verdict.UNDECIDED
    )
    changed = msgspec.structs.replace(
        comparison, decisions=comparison.decisions | {"flask/psycopg": open_}
    )
    text = standing(run, changed, "a read", SYNC)
    ratio = comparison.ratios["flask/psycopg"].mean
    assert f"flask/psycopg {ratio:.2f} (undecided)" in text


def test_a_best_that_does_not_differ_is_left_out() -> None:
    run, analysis = made()
    comparison = analysis.conditions[1].first
    best = comparison.ranking[0]
    same = msgspec.structs.replace(comparison.decisions[best], verdict=Verdict.SAME)
    changed = msgspec.structs.replace(comparison, decisions=comparison.decisions | {best: same})
    text = standing(run, changed, "a read", SYNC)
    assert best not in text
    assert text.startswith("On a read fastapi/asyncpg takes 0.50 times the CPU of django/sync,")


def test_of_stacks_that_few_know_nothing_is_told() -> None:
    run, trials = ranking()
    assert standing(run, analyse(run, trials).conditions[0].first, "a read", BASELINE) == ""

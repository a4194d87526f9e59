"""Headlines: short for every kind of study, and true of the data."""

from collections.abc import Callable
from functools import cache
from itertools import product

import pytest

from harness.analysis.analyse import analyse
from harness.report.answer.headline import MOST_SENTENCES, headline
from harness.report.answer.steps import working
from harness.report.words.sentences import MOST_WORDS
from tests.toys.kinds import (
    CREATE,
    EMPTY,
    KINDS,
    READ,
    Made,
    causal,
    empty,
    failures,
    frameworks,
    measured,
    nothing_but_failures,
    one_block,
    one_variant,
    ranking,
    sixty,
    ties,
    unmeasured_baseline,
)
from tests.toys.runs import BASELINE


@cache
def told(make: Callable[[], Made]) -> str:
    run, trials = make()
    return " ".join(headline(run, analyse(run, trials)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_headline_has_two_sentences_of_twenty_words_at_most(kind: str) -> None:
    run, trials = KINDS[kind]()
    for count in dict.fromkeys((1, run.study.blocks)):
        sentences = headline(run, analyse(run, [t for t in trials if t.block <= count]))
        assert 1 <= len(sentences) <= MOST_SENTENCES
        for sentence in sentences:
            assert 3 <= len(sentence.split()) <= MOST_WORDS, sentence
            assert sentence.endswith(".")


def test_the_leader_of_all_endpoints_is_named_with_the_widest_gap() -> None:
    text = told(ranking)
    assert "b/lean leads on all 2 endpoints" in text
    assert f"{BASELINE} uses 4 times its CPU on an insert" in text


def test_of_many_frameworks_the_leaders_and_the_known_ones_are_named() -> None:
    text = told(frameworks)
    assert "first/asyncpg and level/asyncpg lead or tie on all 2 endpoints." in text.replace(
        "level/asyncpg and first/asyncpg", "first/asyncpg and level/asyncpg"
    )
    assert "On a read " in text
    assert "fastapi/asyncpg 0.50" in text


def test_of_two_stacks_the_worse_one_is_no_next_best() -> None:
    made = measured({BASELINE: 2000.0, "b/lean": 500.0})
    assert list(headline(made[0], analyse(*made))) == [
        f"{BASELINE} uses 4 times the CPU of b/lean on a read."
    ]
    third = measured({BASELINE: 2000.0, "b/lean": 500.0, "c/other": 1000.0})
    assert list(headline(third[0], analyse(*third)))[1:] == ["The next best is c/other."]


def test_many_leaders_are_counted() -> None:
    equal = dict.fromkeys((f"b/lean-{at}" for at in range(5)), 500.0)
    made = measured({BASELINE: 2000.0} | equal, {CREATE: {}, READ: {}})
    text = " ".join(headline(made[0], analyse(*made)))
    assert "and 4 others lead or tie on all 2 endpoints." in text
    assert f"{BASELINE} uses 4 times the CPU of" in text


def test_the_gap_is_of_a_request_that_does_some_work() -> None:
    made = measured(
        {BASELINE: 2000.0, "b/lean": 500.0},
        {EMPTY: {"b/lean": 100.0}, READ: {}},
    )
    text = " ".join(headline(made[0], analyse(*made)))
    assert f"{BASELINE} uses 4 times its CPU on a read" in text


def test_who_shares_the_lead_of_one_endpoint_does_not_lead_there() -> None:
    costs = {BASELINE: 2000.0, "b/lean": 500.0, "c/other": 1000.0}
    made = measured(
        costs, {CREATE: {}, READ: {"b/lean": 1000.0, "c/other": 700.0, BASELINE: 700.0}}
    )
    text = " ".join(headline(made[0], analyse(*made)))
    assert "b/lean leads on an insert; " in text
    assert "leads or ties on a read" in text


def test_without_the_baseline_the_others_are_still_compared() -> None:
    assert "c/dear uses 1.6 times the CPU of b/lean" in told(unmeasured_baseline)


def test_where_nobody_is_ahead_nobody_leads() -> None:
    text = told(ties)
    assert "leads" not in text
    assert "the same" in text or "No stack is shown to be ahead" in text


def test_one_block_gives_no_verdict_and_says_what_it_estimates() -> None:
    text = told(one_block)
    assert "no verdict" in text
    assert "b/lean" in text


def test_a_single_variant_is_not_compared() -> None:
    assert f"Only {BASELINE} has figures" in told(one_variant)


@pytest.mark.parametrize(
    ("make", "wanted"), [(empty, "No trial"), (nothing_but_failures, "failed")]
)
def test_without_figures_the_headline_says_why(make: Callable[[], Made], wanted: str) -> None:
    assert wanted in told(make)


def test_what_failed_is_not_the_best() -> None:
    assert "c/dead" not in told(failures)
    assert f"{BASELINE} uses 1.8 times the CPU of b/lean" in told(failures)


def test_the_largest_step_of_a_waterfall_is_the_largest_cause() -> None:
    run, trials = causal()
    analysis = analyse(run, trials)
    text = " ".join(headline(run, analysis))
    fall = working(analysis)[0].falls[0]
    most = max(fall.steps, key=lambda step: step.added.mean)
    assert f"{fall.steps[-1].variant} uses" in text
    assert f"{most.added.mean:.0f} of" in text


def test_of_sixty_variants_the_first_leads() -> None:
    run, _ = sixty()
    assert run.study.variants[0] in told(sixty)


def test_no_headline_has_a_slug_or_a_factor_code() -> None:
    for kind, code in product(KINDS, ("-c8-", "-r100", "zero-hop", "per-query to")):
        assert code not in told(KINDS[kind])

"""What is told of verdicts on claims: sentences of 20 words without a condition's name."""

from typing import Any

import msgspec
import pytest

from harness.analysis.judgements import ClaimVerdict, Evidence, Judgement, Kind, Quantity
from harness.inputs.study import Beside, Condition, Latency, Objective
from harness.report.words.claims import (
    bounds,
    evidence_row,
    missing_commands,
    ordered,
    quantity,
    remarks,
    sentence,
    tally,
    untested,
)
from tests.toys.evidence import ONE_BLOCK, READ, VALUES, evidence, judgement

CREATE = msgspec.structs.replace(READ, endpoint="io_create")
ONE = msgspec.structs.replace(READ, connections=1)
MANY = msgspec.structs.replace(READ, connections=1_000)
FAR = msgspec.structs.replace(READ, window_s=1.0, latency=Latency(database_ms=100.0))
ALONE = msgspec.structs.replace(READ, window_s=1.0)
MIXED = msgspec.structs.replace(ALONE, beside=Beside("cpu", connections=2))
RATE = msgspec.structs.replace(ALONE, rate=80.0)
SHARE = msgspec.structs.replace(ALONE, share=0.7)
WITHIN = msgspec.structs.replace(ALONE, objective=Objective(latency_ms=20.0))


def test_a_claim_that_depends_on_connections_says_on_which() -> None:
    found = judgement(
        evidence(True, held=(64, 1)), *(evidence(False, held=(n, n)) for n in (4, 64))
    )
    assert found.verdict is ClaimVerdict.DEPENDS
    assert sentence(found) == (
        "True with 64 connections against 1, false with as many connections on both sides."
    )


@pytest.mark.parametrize(
    ("holding", "failing", "told"),
    [
        (READ, CREATE, "True for a read, false for an insert."),
        (READ, ONE, "True with 8 connections, false with 1 connection."),
        (MANY, READ, "True with 1,000 connections, false with 8 connections."),
        (ALONE, FAR, "True with no added latency, false with +100 ms to the database."),
        (ALONE, MIXED, "True without others, false beside CPU-bound requests."),
        (RATE, ALONE, "True at 80 arrivals per second, false with 8 connections."),
        (SHARE, RATE, "True at 70% of capacity, false at 80 arrivals per second."),
        (WITHIN, RATE, "True within 20 ms, false at 80 arrivals per second."),
    ],
)
def test_a_claim_that_depends_on_a_condition_says_on_what(
    holding: Condition, failing: Condition, told: str
) -> None:
    sides = [evidence(True, holding), evidence(False, failing)]
    assert sentence(judgement(*sides)) == told


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"of": "c/third"}, "True for b/other, false for c/third."),
        ({"to": "c/third"}, "True against a/base, false against c/third."),
        ({"measure": "p99"}, "True by throughput, false by p99 latency."),
    ],
)
def test_a_claim_that_depends_on_the_variants_or_the_measure_names_them(
    changes: dict[str, Any], told: str
) -> None:
    assert sentence(judgement(evidence(True), evidence(False, **changes))) == told


def test_several_values_of_one_respect_share_its_words() -> None:
    two = [evidence(True, c) for c in (READ, ONE, MANY)]
    four = msgspec.structs.replace(READ, connections=4)
    told = sentence(judgement(*two, evidence(False, four)))
    assert told == (
        "True with 1 connection and with 8 and 1,000 connections; false with 4 connections."
    )


def test_a_claim_that_depends_on_two_respects_names_both() -> None:
    found = judgement(
        evidence(True, READ, held=(64, 1)),
        evidence(False, CREATE, held=(64, 1)),
        *(evidence(False, c, held=(4, 4)) for c in (READ, CREATE)),
    )
    told = sentence(found)
    assert told.startswith("True for a read with 64 connections against 1; false ")
    assert told.endswith("with as many connections on both sides and for an insert.")


def test_parts_tell_the_dependence_in_their_own_words() -> None:
    found = judgement(
        *(evidence(True, part="through a driver", to=f"t/{n}") for n in range(4)),
        evidence(False, part="through the ORM", to="u/1"),
    )
    assert sentence(found) == "True: through a driver. False: through the ORM."
    assert remarks(found) == ["The two sides also differ in: variant that it is compared with."]


def test_what_no_respect_tells_apart_is_counted() -> None:
    found = judgement(evidence(True), evidence(False), evidence(False), evidence(None))
    assert sentence(found) == "True in 1 of 4 values, false in 2."
    assert remarks(found) == []


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ([True], "True by the only value, for a read."),
        ([False, False], "False in both values, for a read."),
        ([True] * 3, "True in all 3 values, for a read."),
        ([True, True, None], "True in 2 of 3 values (the other cannot tell), for a read."),
        ([True, None, None], "True in 1 of 3 values (the others cannot tell), for a read."),
        ([False, None, None], "False in 1 of 3 values (the others cannot tell), for a read."),
        ([None], "The only value cannot tell: its interval crosses the claimed bound."),
        ([None] * 2, "None of 2 values can tell: their intervals cross the claimed bounds."),
        ([], "No run tests it."),
    ],
)
def test_values_that_agree_are_counted(told: list[bool | None], text: str) -> None:
    assert sentence(judgement(*(evidence(one) for one in told), parts=("",))) == text


def test_one_block_is_why_nothing_can_tell() -> None:
    alone = msgspec.structs.replace(evidence(None), value=ONE_BLOCK)
    assert sentence(judgement(alone)) == "The only value cannot tell: one block gives no interval."
    told = sentence(judgement(alone, alone))
    assert told == "None of 2 values can tell: one block gives no interval."


def test_parts_that_are_open_are_named() -> None:
    found = judgement(evidence(True, part="first"), evidence(None, part="second"))
    assert found.verdict is ClaimVerdict.SUPPORTED_IN_PART
    assert sentence(found) == "True: first. Undecided: second."
    both = judgement(
        evidence(True, part="first"), evidence(False, CREATE, part="first"), parts=("first", "last")
    )
    assert remarks(both) == ["Undecided: last."]


def of_every_verdict() -> dict[ClaimVerdict, Judgement]:
    sides: dict[ClaimVerdict, tuple[bool | None, ...]] = {
        ClaimVerdict.SUPPORTED: (True,),
        ClaimVerdict.SUPPORTED_IN_PART: (True, None, None),
        ClaimVerdict.REFUTED: (False,),
        ClaimVerdict.REFUTED_IN_PART: (False, None, None),
        ClaimVerdict.DEPENDS: (True, False),
        ClaimVerdict.UNDECIDED: (None,),
        ClaimVerdict.NOT_TESTED: (),
    }
    return {
        verdict: judgement(*(evidence(side) for side in told), studies=("quick",))
        for verdict, told in sides.items()
    }


@pytest.mark.parametrize("verdict", list(ClaimVerdict))
def test_every_verdict_has_a_sentence_of_twenty_words_without_a_condition_name(
    verdict: ClaimVerdict,
) -> None:
    found = of_every_verdict()[verdict]
    assert found.verdict is verdict
    told = sentence(found)
    assert 0 < len(told.split()) <= 20
    assert told.endswith(".")
    assert READ.name not in told


def test_what_is_open_has_the_command_that_would_decide_it() -> None:
    opened = {v for v, found in of_every_verdict().items() if missing_commands(found)}
    assert opened == set(ClaimVerdict) - {
        ClaimVerdict.SUPPORTED, ClaimVerdict.REFUTED, ClaimVerdict.DEPENDS,
    }  # fmt: skip
    assert missing_commands(judgement(studies=("quick", "mixed"))) == [
        "bridgetoll run quick", "bridgetoll run mixed",
    ]  # fmt: skip
    assert missing_commands(judgement()) == []


def test_claims_without_any_value_are_named_with_the_command_that_tests_them() -> None:
    found = [judgement(name="X1", studies=("quick",)), judgement(evidence(True), name="X2")]
    assert untested(found) == [
        {"name": "X1", "says": "something", "commands": ["bridgetoll run quick"]}
    ]


def test_verdicts_are_counted_and_those_that_do_not_occur_are_left_out() -> None:
    told = tally(list(of_every_verdict().values()))
    assert told == (
        "7 claims: 2 true, 2 false, 1 true under some conditions, 1 undecided, 1 not tested."
    )
    assert tally([judgement(evidence(True))]) == "1 claim: 1 true."
    assert tally([]) == "There is no claim."


@pytest.mark.parametrize(
    ("least", "most", "text"),
    [
        (40.0, None, "at least 40"), (None, 1.05, "at most 1.05"), (10.0, 100.0, "10 to 100"),
        (4.0, 4.0, "4"), (0.0, None, "at least 0"), (None, 0.0, "at most 0"),
        (0.0, 0.5, "0 to 0.5"),
    ],
)  # fmt: skip
def test_a_claimed_range_is_told_by_its_bounds(
    least: float | None, most: float | None, text: str
) -> None:
    assert bounds(least, most) == text


def test_a_value_is_told_with_its_run_its_condition_and_its_interval() -> None:
    assert evidence_row(evidence(True, part="first")) == {
        "run": "tiny-1",
        "where": "io_read, 8 connections, 100 rows",
        "what": "throughput of b/other / a/base",
        "part": "first",
        "value": "45 [40, 50]",
        "wanted": "at least 40",
        "holds": "holds",
    }


def test_a_value_of_no_single_condition_says_where_it_is_from() -> None:
    price = Evidence(
        "tiny-1", "32 connections", "µs of a hop", VALUES[True], 10.0, 100.0, True, "",
        Quantity(Kind.MICROSECONDS, connections=32),
    )  # fmt: skip
    assert evidence_row(price)["where"] == "32 connections"


def test_a_value_of_one_block_says_so() -> None:
    alone = msgspec.structs.replace(evidence(None), value=ONE_BLOCK)
    assert evidence_row(alone)["value"] == "45 (one block)"


def test_values_that_hold_come_first_and_those_that_cannot_tell_last() -> None:
    told = [item.holds for item in ordered(evidence(one) for one in (None, False, True, False))]
    assert told == [True, False, False, None]


@pytest.mark.parametrize(
    ("subject", "told"),
    [
        (Quantity(measure="throughput"), "throughput"),
        (Quantity(measure="highest"), "throughput"),
        (Quantity(measure="p50"), "median latency"),
        (Quantity(Kind.COUNT, measure="rows_read"), "rows read per request"),
        (Quantity(Kind.MICROSECONDS), "CPU time"),
        (Quantity(Kind.MEMORY), "memory"),
    ],
)
def test_what_a_value_measures_is_told_in_the_words_of_the_field(
    subject: Quantity, told: str
) -> None:
    assert quantity(subject) == told

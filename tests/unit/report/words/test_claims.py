from typing import Any

import msgspec
import pytest

from harness.analysis.judgements import ClaimVerdict, Evidence, Judgement, verdict_of
from harness.analysis.stats.intervals import Interval
from harness.inputs.claims import Claim
from harness.report.words.claims import claims_values, evidence_row, summary, wanted

VALUE = Interval(45.0, 40.0, 50.0, 2.0, 5)
ITEM = Evidence("tiny-1", "io_read-c8-r100", "throughput of b / a", VALUE, 40.0, None, True)


def item(where: str, told: bool | None, what: str = "throughput of b / a") -> Evidence:
    return msgspec.structs.replace(ITEM, where=where, what=what, holds=told)


def judgement(*found: Evidence, name: str = "X1", note: str | None = None) -> Judgement:
    claim = Claim(name, "somebody, 2020", "something", note=note)
    return Judgement(claim, verdict_of(found), found)


@pytest.mark.parametrize(
    ("least", "most", "text"),
    [
        (40.0, None, "at least 40"),
        (None, 1.05, "at most 1.05"),
        (10.0, 100.0, "10 to 100"),
        (4.0, 4.0, "4"),
        (0.0, None, "at least 0"),
        (None, 0.0, "at most 0"),
        (0.0, 0.5, "0 to 0.5"),
    ],
)
def test_what_a_claim_wants_is_told_by_its_thresholds(
    least: float | None, most: float | None, text: str
) -> None:
    assert wanted(msgspec.structs.replace(ITEM, least=least, most=most)) == text


def test_a_value_is_told_with_its_run_its_condition_and_its_interval() -> None:
    assert evidence_row(ITEM) == {
        "run": "tiny-1",
        "where": "io_read-c8-r100",
        "what": "throughput of b / a",
        "value": "45 [40, 50]",
        "wanted": "at least 40",
        "holds": "holds",
    }


@pytest.mark.parametrize(
    ("told", "text"), [(True, "holds"), (False, "does not hold"), (None, "undecided")]
)
def test_whether_a_value_is_where_it_is_wanted_is_told_in_words(
    told: bool | None, text: str
) -> None:
    assert evidence_row(item("io_read", told))["holds"] == text


def test_a_value_of_one_block_says_so() -> None:
    alone = msgspec.structs.replace(ITEM, value=Interval(45.0, None, None, None, 1))
    assert evidence_row(alone)["value"] == "45 (one block)"


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ([], "0 of 0 values decide"),
        ([True], "1 of 1 value decides"),
        ([False, None], "1 of 2 values decides"),
        ([None], "0 of 1 value decide"),
    ],
)
def test_one_verdict_is_summed_up_by_the_number_of_its_values(
    told: list[bool | None], text: str
) -> None:
    assert summary(judgement(*(item("io_read", one) for one in told))) == text


def test_what_depends_tells_on_what_and_leaves_out_what_is_undecided() -> None:
    mixed = judgement(item("cpu", True), item("io_read", False), item("io_create", None))
    assert summary(mixed) == (
        "holds: throughput of b / a (cpu); does not hold: throughput of b / a (io_read)"
    )


def test_of_more_than_three_on_a_side_the_rest_is_counted_each_once() -> None:
    sides = [item(where, True) for where in ("cpu", "noop", "cpu", "io_read", "io_wait", "health")]
    found = summary(judgement(*sides, item("io_create", False, "hops per request of b")))
    assert found == (
        "holds: throughput of b / a (cpu), throughput of b / a (noop), throughput of b / a "
        "(io_read) and 2 more; does not hold: hops per request of b (io_create)"
    )


def rows(*judgements: Judgement) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = claims_values(judgements)["rows"]
    return found


def test_claims_of_which_a_run_tells_something_are_shown_with_all_of_their_evidence() -> None:
    (row,) = rows(judgement(item("cpu", True), item("noop", True), note="in short"))
    assert (row["name"], row["verdict"]) == ("X1", "supported")
    assert (row["says"], row["source"], row["note"]) == ("something", "somebody, 2020", "in short")
    assert row["summary"] == "2 of 2 values decide"
    assert [found["where"] for found in row["evidence"]] == ["cpu", "noop"]


def test_claims_that_a_run_does_not_test_are_named_alone() -> None:
    view = claims_values([judgement(name="X1"), judgement(item("cpu", None), name="X2")])
    assert [row["name"] for row in view["rows"]] == ["X2"]
    assert view["untested"] == ["X1"]


def test_every_verdict_is_told_in_words() -> None:
    told = [
        judgement(item("cpu", True)),
        judgement(item("cpu", False)),
        judgement(item("cpu", True), item("noop", False)),
        judgement(item("cpu", None)),
    ]
    assert [row["verdict"] for row in rows(*told)] == [
        "supported", "refuted", "depends", "undecided",
    ]  # fmt: skip
    assert {found.verdict for found in told} == {*ClaimVerdict} - {
        ClaimVerdict.NOT_TESTED, ClaimVerdict.SUPPORTED_IN_PART, ClaimVerdict.REFUTED_IN_PART,
    }  # fmt: skip

import msgspec
import pytest

from harness.records.verification import (
    Audit,
    Constants,
    FailureDetails,
    Outcome,
    Toll,
    Verification,
)

AS_SAID = Toll("noop", 32, {"hops": 0.0, "http_bytes_in": 80.0}, {"hops": 0})
OTHERWISE = Toll(
    "io_read",
    32,
    {"hops": 1.0, "round_trips": 2.5, "statements": 2.0, "cpu_us": 812.25},
    {"hops": 0, "statements": 2, "round_trips": 2},
)


def test_an_outcome_without_a_problem_is_passed() -> None:
    assert Outcome("health", None).passed
    assert not Outcome("health", "expected 200, got 500").passed


def test_a_verification_names_the_checks_that_failed() -> None:
    good, bad = Outcome("health", None), Outcome("cpu", "expected 3, got 4")
    assert Verification("toy/a", (good,)).passed
    assert Verification("toy/a", (bad, good)).problems == ["cpu: expected 3, got 4"]


def test_failures_of_one_cause_are_one_and_others_stand_alone() -> None:
    outcomes = (
        Outcome("health", None),
        Outcome("io read", "500", cause="/io_read answers 500"),
        Outcome("blank field", "200"),
        Outcome("too long field", "200"),
        Outcome("sql effects", "500", cause="/io_read answers 500"),
    )
    failures = [(f.outcome.check, f.also) for f in Verification("toy/a", outcomes).failures]
    assert failures == [
        ("io read", ("sql effects",)), ("blank field", ()), ("too long field", ()),
    ]  # fmt: skip


def test_of_several_with_one_cause_that_is_told_which_sent_the_fewest_requests_at_once() -> None:
    crowd, one = FailureDetails(at_once=12), FailureDetails(request="GET /io_read")
    cause = "/io_read answers 501"
    outcomes = tuple(
        Outcome(name, "501", evidence, cause)
        for name, evidence in (("pool", crowd), ("io read", one), ("sees changes", one))
    )
    (failure,) = Verification("toy/a", outcomes).failures
    assert (failure.outcome.check, failure.also) == ("io read", ("pool", "sees changes"))


def test_a_verification_of_an_earlier_release_is_read() -> None:
    kept = b'{"variant": "toy/a", "outcomes": [{"check": "cpu", "problem": "no"}]}'
    (failure,) = msgspec.json.decode(kept, type=Verification).failures
    assert failure.outcome.evidence is None


def test_a_toll_deviates_where_something_was_expected_and_something_else_counted() -> None:
    """What nobody said anything of is only counted."""
    assert AS_SAID.deviations == {}
    assert OTHERWISE.deviations == {"hops": (0, 1.0), "round_trips": (2, 2.5)}


def test_an_audit_passes_where_every_toll_is_as_said() -> None:
    audit = Audit("toy/a", (AS_SAID, AS_SAID))
    assert audit.passed
    assert audit.problems == []


def test_every_deviation_is_a_line_that_names_endpoint_and_quantity() -> None:
    audit = Audit("toy/a", (AS_SAID, OTHERWISE))
    assert not audit.passed
    assert audit.problems == [
        "/io_read, hops per request: 0 expected, 1 counted",
        "/io_read, round trips per request: 2 expected, 2.5 counted",
    ]


def test_an_audit_that_came_to_no_end_does_not_pass() -> None:
    audit = Audit("toy/a", (), "the server ended")
    assert not audit.passed
    assert audit.problems == ["the server ended"]


def test_why_it_came_to_no_end_is_told_after_the_deviations() -> None:
    audit = Audit("toy/a", (OTHERWISE,), "the server ended")
    assert len(audit.problems) == 3
    assert audit.problems[-1] == "the server ended"


@pytest.mark.parametrize("problem", [None, "the server ended"])
def test_an_audit_survives_being_kept(problem: str | None) -> None:
    audit = Audit("toy/a", (AS_SAID, OTHERWISE), problem)
    assert msgspec.json.decode(msgspec.json.encode(audit), type=Audit) == audit


def test_a_verification_survives_being_kept() -> None:
    made = Verification("toy/a", (Outcome("health", None), Outcome("cpu", "no")))
    assert msgspec.json.decode(msgspec.json.encode(made), type=Verification) == made


def test_an_audit_with_a_key_that_it_does_not_have_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field `tols`"):
        msgspec.json.decode(b'{"variant": "toy/a", "tolls": [], "tols": []}', type=Audit)


CONSTANTS = Constants(
    workers=2, working=2, threads=5, at_once=5, sent=12, pool="pooled", allowed=14,
    connections=14, exact=True, listens=("loopback, port 1234",),
)  # fmt: skip


def test_an_audit_whose_server_had_what_it_was_given_passes() -> None:
    assert CONSTANTS.problems == []
    assert Audit("toy/a", (), constants=CONSTANTS).passed


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"working": 3}, "3 processes work for it, where the study holds 2 for all;"),
        ({"at_once": 1}, "a worker answers 1 request at once, where the study holds 5 threads for"),
        ({"at_once": 7}, "a worker answers 7 requests at once, where the study holds 5 threads"),
        ({"at_once": 12}, "a worker answers 12 or more requests at once, where the study holds 5"),
        ({"connections": 15}, "15 connections to PostgreSQL under load, where the study holds 14"),
        ({"connections": 13}, "13 connections to PostgreSQL under load, where the study holds 14"),
    ],
)
def test_what_a_server_had_otherwise_is_told_with_both_figures(
    change: dict[str, int], told: str
) -> None:
    audit = Audit("toy/a", (), constants=msgspec.structs.replace(CONSTANTS, **change))
    (problem,) = audit.problems
    assert problem.startswith(told)
    assert msgspec.json.decode(msgspec.json.encode(audit), type=Audit) == audit


@pytest.mark.parametrize(
    "change",
    [
        {"threads": None, "at_once": 12},  # a server that takes none
        {"threads": 500, "at_once": 12},  # more than were sent
        {"allowed": None, "connections": 40},  # one per request
        {"exact": False, "connections": 3},  # one per thread, or another's pooler in between
        {"working": 1},  # the kernel shares requests out unevenly
    ],
)
def test_what_no_study_holds_constant_is_no_deviation(change: dict[str, int | None]) -> None:
    assert msgspec.structs.replace(CONSTANTS, **change).problems == []


def test_an_audit_from_before_there_were_constants_is_read() -> None:
    kept = b'{"variant": "toy/a", "tolls": [], "problem": null}'
    assert msgspec.json.decode(kept, type=Audit).constants is None

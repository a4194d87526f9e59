"""What `audit` shows, as text of 80 columns."""

from io import StringIO

import msgspec
from rich.console import Console

from harness.cli.audit import audit_text
from harness.inputs.contract import ENDPOINTS
from harness.records.verification import Audit, Constants, Toll

HEADINGS = "per request hops threads loops opens SQL tx trips DB out DB in CPU µs switches"
COUNTED = {
    "hops": 17.0, "threads": 2.0, "loops": 1.0, "connects": 1.0, "statements": 3.0,
    "transactions": 4.0, "round_trips": 10.0, "database_bytes_out": 1234.0,
    "database_bytes_in": 98765.4, "cpu_us": 12345.6, "http_bytes_in": 99.0,
    "voluntary_switches": 123.4, "involuntary_switches": 5.6,
}  # fmt: skip
HONEST = Toll("io_read", 32, COUNTED, {"hops": 17})
SECRET = Toll("io_create", 32, {"hops": 1.0, "statements": 1.0}, {"hops": 0, "statements": 1})


def shown(audit: Audit) -> list[str]:
    out = StringIO()
    Console(file=out, width=80, color_system=None).print(audit_text(audit))
    return out.getvalue().splitlines()


def test_an_audit_that_passed_is_a_verdict_and_a_table() -> None:
    verdict, headings, row = shown(Audit("toy/good", (HONEST,)))
    assert verdict.rstrip() == "ok    toy/good"
    assert headings.split() == HEADINGS.split()
    assert row.split() == [
        "/io_read", "17", "2", "1", "1", "3", "4", "10", "1234", "98765", "12346", "129.0",
    ]  # fmt: skip


def test_a_deviation_is_told_below_the_table() -> None:
    verdict, _, row, deviation = shown(Audit("toy/secret", (SECRET,)))
    assert verdict.rstrip() == "FAILS toy/secret"
    assert row.split()[:2] == ["/io_create", "1"]
    assert deviation.rstrip() == "      /io_create, hops per request: 0 expected, 1 counted"


def test_a_deviation_stands_out_in_the_table() -> None:
    """By the style of its number, and of no other."""
    out = StringIO()
    console = Console(
        file=out, width=80, force_terminal=True, color_system="standard", no_color=False
    )
    console.print(audit_text(Audit("toy/secret", (SECRET,))))
    console.print(audit_text(Audit("toy/good", (HONEST,))))
    verdict, row = (line for line in out.getvalue().splitlines() if "\x1b[1;31m" in line)
    assert "FAILS" in verdict
    assert "/io_create" in row


def test_what_was_not_counted_is_left_empty() -> None:
    _, _, row, _ = shown(Audit("toy/secret", (SECRET,)))
    assert row.split() == ["/io_create", "1", "1", "0.0"]


def test_an_audit_that_came_to_no_end_has_no_table() -> None:
    verdict, problem = shown(Audit("toy/gone", (), "The server of `toy/gone` ended."))
    assert verdict.rstrip() == "FAILS toy/gone"
    assert problem.rstrip() == "      The server of `toy/gone` ended."


def test_no_line_is_longer_than_a_terminal() -> None:
    """With every endpoint, and a sentence that needs more than one line."""
    tolls = tuple(Toll(name, 32, COUNTED, {"hops": 0, "round_trips": 2}) for name in ENDPOINTS)
    found = shown(Audit("toy/secret", tolls, "The server ended. " * 12))
    assert max(len(line.rstrip()) for line in found) <= 80
    assert len(found) > len(ENDPOINTS) * 3


def test_odd_counts_make_no_line_longer_than_a_terminal() -> None:
    odd = dict.fromkeys(COUNTED, 33.0 / 32)
    found = shown(Audit("toy/odd", (Toll("io_create", 32, odd, {"hops": 1}),)))
    assert max(len(line.rstrip()) for line in found) <= 80


CONSTANTS = Constants(
    workers=2, working=2, threads=5, at_once=5, sent=12, pool="pooled", allowed=14,
    connections=14, exact=True, listens=("loopback, port 1234",),
)  # fmt: skip


def test_what_the_server_had_is_told_beside_what_it_was_given() -> None:
    told = shown(Audit("toy/good", (HONEST,), constants=CONSTANTS))[3:]
    assert " ".join(" ".join(told).split()) == (
        "2 workers (2 given), 5 requests at once per worker, 5 threads given, "
        "14 connections (14 given), on loopback, port 1234"
    )


def test_what_a_server_was_not_given_is_not_told_as_given() -> None:
    had = msgspec.structs.replace(CONSTANTS, threads=None, allowed=None, at_once=12)
    told = " ".join(" ".join(shown(Audit("toy/good", (HONEST,), constants=had))[3:]).split())
    assert "12 or more requests at once per worker, a connection per request, on" in told


def test_more_connections_than_given_fail_the_audit() -> None:
    had = msgspec.structs.replace(CONSTANTS, connections=21)
    verdict, *_ = shown(Audit("toy/greedy", (HONEST,), constants=had))
    assert verdict.rstrip() == "FAILS toy/greedy"

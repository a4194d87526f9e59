"""Failed checks in a terminal of 80 columns."""

from io import StringIO

from rich.console import Console

from harness.cli.failures import logged, verification_text
from harness.records.verification import FailureDetails, Outcome, Verification

BROKEN = FailureDetails(
    request="GET /io_read", expected="200", seen="500 'oops'",
    log="app/views.py, line 61, in io_read: return 1 / 0\nZeroDivisionError: division by zero",
)  # fmt: skip
FORM = FailureDetails(
    request="POST /io_create", body="title=t&content=c", at_once=8, expected="400",
    content_type="application/x-www-form-urlencoded; charset=utf-16", seen="200 " + "x" * 200,
)  # fmt: skip
OUTCOMES = (
    Outcome("health", None),
    Outcome("io read", "expected 200, got 500", BROKEN, "/io_read answers 500"),
    Outcome("charset of form", "expected 400, got 200", FORM),
    Outcome("sql effects", "expected 200, got 500", BROKEN, "/io_read answers 500"),
)


def lines(verification: Verification) -> list[str]:
    console = Console(file=StringIO(), width=80)
    console.print(verification_text(verification))
    assert isinstance(console.file, StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_a_variant_that_passes_is_one_line() -> None:
    assert lines(Verification("a/b", OUTCOMES[:1])) == ["ok    a/b: 1 check"]


def test_each_cause_is_a_paragraph_of_80_columns_and_names_the_other_checks() -> None:
    shown = lines(Verification("a/b", OUTCOMES))
    assert shown[0] == "FAILS a/b: 3 of 4 checks"
    assert "  io read  (also: sql effects)" in shown
    assert sum(line.strip().startswith("expected") for line in shown) == 2
    assert max(map(len, shown)) <= 80
    text = "\n".join(shown)
    for told in ("POST /io_create", "8 requests at once", "charset=utf-16", "title=t&content=c"):
        assert told in text
    assert "              ZeroDivisionError: division by zero" in shown


def test_the_log_matters_where_the_server_failed() -> None:
    assert logged(Verification("a/b", OUTCOMES))
    assert not logged(Verification("a/b", (OUTCOMES[0], OUTCOMES[2])))


def test_a_failure_of_an_earlier_release_is_its_sentence() -> None:
    shown = lines(Verification("a/b", (Outcome("cpu", "expected 3, got 4"),)))
    assert shown == ["FAILS a/b: 1 of 1 check", "  cpu", "    expected 3, got 4"]

"""How the checks of a variant are shown: a line if all is well, else every cause of failures."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from harness.records.verification import Failure, FailureDetails, Verification

_FORM = "application/x-www-form-urlencoded"


def verification_text(verification: "Verification") -> RenderableType:
    """One line if all is well, else a paragraph per cause."""
    count = len(verification.outcomes)
    checks = f"{count} check{'s' * (count != 1)}"
    if verification.passed:
        return Text.assemble(("ok    ", "green"), f"{verification.variant}: {checks}")
    failed = sum(not outcome.passed for outcome in verification.outcomes)
    title = Text.assemble(("FAILS ", "bold red"), f"{verification.variant}: {failed} of {checks}")
    parts: list[RenderableType] = [title]
    for failure in verification.failures:
        parts += _paragraph(failure)
    return Group(*parts)


def logged(verification: "Verification") -> bool:
    """Whether some check failed because the server did, so that its log is worth reading."""
    details = (failure.outcome.evidence for failure in verification.failures)
    return any(each is not None and each.log is not None for each in details)


def checks_table(checks: Mapping[str, str]) -> RenderableType:
    """Every check with the sentence of what it checks."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column()
    for name, what in checks.items():
        table.add_row(Text(name, style="bold"), Text(what))
    return table


def _paragraph(failure: "Failure") -> Iterator[RenderableType]:
    """The check, the rule that it checks, and what was seen instead."""
    outcome = failure.outcome
    also = f"  (also: {', '.join(failure.also)})" if failure.also else ""
    yield Padding(Text.assemble((outcome.check, "bold"), also), (0, 0, 0, 2))
    if outcome.evidence is None:
        yield Padding(Text(outcome.problem or ""), (0, 0, 0, 4))
        return
    rows = Table.grid(padding=(0, 2, 0, 0))
    rows.add_column(no_wrap=True)
    rows.add_column(overflow="fold")
    for label, text in _rows(outcome.check, outcome.evidence):
        rows.add_row(Text(label, style="dim"), Text(text))
    yield Padding(rows, (0, 0, 0, 4))


def _rows(check: str, evidence: "FailureDetails") -> Iterator[tuple[str, str]]:
    from harness.audit.verify import checks

    if (rule := checks().get(check)) is not None:
        yield "rule", rule
    if evidence.request is not None:
        many = evidence.at_once > 1
        at_once = f", one of {evidence.at_once} requests at once" if many else ""
        yield "sent", f"{evidence.request}{at_once}"
    if evidence.content_type not in (None, _FORM):
        yield "type", str(evidence.content_type)
    if evidence.body is not None:
        yield "body", evidence.body
    if evidence.expected is not None:
        yield "expected", evidence.expected
    if evidence.seen is not None:
        yield "seen", evidence.seen
    if evidence.log is not None:
        yield "log", evidence.log

"""The command `audit`: what a request takes."""

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.cli.bench import Variants, examine
from harness.cli.console import DatabaseUrl, Json, Wait, out

if TYPE_CHECKING:
    from harness.records.verification import Audit, Constants, Toll

EXAMPLE = "bridgetoll audit django/async-pool"
_COLUMNS = (
    ("hops", "hops"),
    ("threads", "threads"),
    ("loops", "loops"),
    ("connects", "opens"),
    ("statements", "SQL"),
    ("transactions", "tx"),
    ("round_trips", "trips"),
    ("database_bytes_out", "DB out"),
    ("database_bytes_in", "DB in"),
    ("cpu_us", "CPU µs"),
)
_SWITCHES = ("voluntary_switches", "involuntary_switches")


def command(
    variants: Variants = None,
    wait: Wait = False,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Count a request's work and compare it with the manifest.

    It counts, per request: calls handed to a thread, threads started, event loops made,
    connections opened, SQL statements, transactions, round trips and bytes to the database, context
    switches, CPU time. It also counts workers, threads and connections of a server under load.
    """
    from harness.audit.count import audit

    examine(
        variants, database_url, "auditing",
        lambda bench, variant, python, _: audit(bench, variant, python, cpu=True),
        lambda audited, _: out.print(audit_text(audited)),
        together=False, wait=wait, as_json=as_json,
    )  # fmt: skip


def audit_text(audit: "Audit") -> RenderableType:
    """The verdict, the counts, and every deviation, for 80 columns."""
    title = (
        Text.assemble(("ok    ", "green"), audit.variant)
        if audit.passed
        else Text.assemble(("FAILS ", "bold red"), audit.variant)
    )
    parts: list[RenderableType] = [title]
    if audit.tolls:
        parts.append(_table(audit))
    if audit.uncounted:
        unknown = ", ".join(name.replace("_", " ") for name in audit.uncounted)
        parts.append(Text(f"      encrypted, so not counted: {unknown}", style="dim"))
    if audit.constants is not None:
        parts.append(Text(f"      {_had(audit.constants)}"))
    parts += [Text(f"      {problem}") for problem in audit.problems]
    return Group(*parts)


def _had(had: "Constants") -> str:
    """What its server had of what it was given."""
    more = " or more" if had.at_once == had.sent else ""
    given = "" if had.threads is None else f", {had.threads} threads given"
    connections = (
        "a connection per request"
        if had.allowed is None
        else f"{had.connections} connections ({had.allowed} given)"
    )
    return (
        f"{had.working} workers ({had.workers} given), {had.at_once}{more} requests at once per "
        f"worker{given}, {connections}, on {', '.join(had.listens)}"
    )


def _table(audit: "Audit") -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("per request")
    for _, heading in (*_COLUMNS, ("", "switches")):
        table.add_column(heading, justify="right")
    for toll in audit.tolls:
        cells = [_cell(toll, quantity) for quantity, _ in _COLUMNS]
        switches = sum(toll.counted.get(name, 0.0) for name in _SWITCHES)
        table.add_row(Text(f"/{toll.endpoint}"), *cells, Text(f"{switches:.1f}"))
    return table


def _cell(toll: "Toll", quantity: str) -> Text:
    value = toll.counted.get(quantity)
    shown = "" if value is None else f"{value:.0f}" if value >= 100 else f"{value:.4g}"
    return Text(shown, style="bold red" if quantity in toll.deviations else "")

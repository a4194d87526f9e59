"""The command `verify`: does each variant do the work of the contract?"""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from harness.base.errors import UsageError
from harness.cli import completion
from harness.cli.bench import Tell, Variants, examine
from harness.cli.console import DatabaseUrl, Json, Wait, out, print_json
from harness.cli.failures import checks_table, logged, verification_text

if TYPE_CHECKING:
    from harness.audit.bench import Bench
    from harness.inputs.manifests import Variant
    from harness.records.verification import Verification

EXAMPLE = "bridgetoll verify django"

Checks = Annotated[
    list[str] | None,
    typer.Option(
        "--check",
        metavar="NAME",
        help="Run this check only; repeat it for several.",
        autocompletion=completion.checks,
    ),
]


def command(
    variants: Variants = None,
    check: Checks = None,
    list_checks: Annotated[
        bool, typer.Option("--list-checks", help="Print every check and what it checks.")
    ] = False,
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Verify again when a file of the folder changes."),
    ] = False,
    wait: Wait = False,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Check that each variant does all work of the contract."""
    from harness.audit.verify import check_names, checks

    if list_checks:
        if as_json:
            print_json([{"name": name, "checks": what} for name, what in checks().items()])
        else:
            out.print(checks_table(checks()))
        return
    only = check_names(check or [])
    examine_once = partial(
        examine, variants, database_url, "verifying", partial(_verify, only), _show,
        together=True, wait=wait, as_json=as_json,
    )  # fmt: skip
    if not watch:
        examine_once()
        return
    from harness.cli.watch import keep_watching

    if as_json:
        raise UsageError("--watch prints for people; leave out --json or --watch.")
    keep_watching(variants or [], examine_once)


def _verify(
    only: list[str], bench: "Bench", variant: "Variant", python: Path, tell: Tell
) -> "Verification":
    from harness.audit.verify import verify

    return verify(bench, variant, python, only=only, tell=tell)


def _show(verification: "Verification", logs: Path) -> None:
    from harness.audit.bench import log_path
    from harness.audit.verify import PURPOSE

    out.print(verification_text(verification))
    if logged(verification):
        log = log_path(logs, verification.variant, PURPOSE)
        out.print(Text(f"  The server's whole log: {log}"), soft_wrap=True)

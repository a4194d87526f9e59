"""Commands that hold variants to what they say: `verify`, `audit`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from harness.audit.bench import Bench
from harness.audit.count import audit
from harness.audit.verify import verify
from harness.base.errors import RunFailed
from harness.cli import show_audit, tables
from harness.cli.console import (
    DatabaseUrl,
    Json,
    app,
    laboratory_of,
    open_workspace,
    out,
    print_json,
)
from harness.inputs.manifests import Variant
from harness.inputs.settings import DatabaseSettings
from harness.lab.environments import prepare

Variants = Annotated[list[str] | None, typer.Argument(help="Variants or folders; all if none.")]


@app.command("verify")
def verify_(
    variants: Variants = None, database_url: DatabaseUrl = None, as_json: Json = False
) -> None:
    """Check that variants do the work of the contract, and all of it."""
    results = []
    with _bench(variants, database_url) as examination:
        for variant, python in examination.each("verifying"):
            results.append(verify(examination.bench, variant, python))
            if not as_json:
                out.print(tables.verification_lines(results[-1]))
    if as_json:
        print_json(results)
    _complain([result.variant for result in results if not result.passed], len(results))


@app.command("audit")
def audit_(
    variants: Variants = None, database_url: DatabaseUrl = None, as_json: Json = False
) -> None:
    """Count what a request takes, and compare it with what the manifests say.

    Per request: hops to a thread and back, threads started, event loops made, connections opened,
    SQL statements, transactions, round trips and bytes to the database, context switches, CPU time.
    """
    results = []
    with _bench(variants, database_url) as examination:
        for variant, python in examination.each("auditing"):
            results.append(audit(examination.bench, variant, python, cpu=True))
            if not as_json:
                out.print(show_audit.lines(results[-1]))
    if as_json:
        print_json(results)
    _complain([result.variant for result in results if not result.passed], len(results))


class _Examination(msgspec.Struct, frozen=True):
    """Variants with their environments, and the bench to examine them on."""

    bench: Bench
    chosen: tuple[tuple[Variant, Path], ...]
    step: Callable[[str], None]

    def each(self, doing: str) -> Iterator[tuple[Variant, Path]]:
        """One after the other, said as it begins."""
        for variant, python in self.chosen:
            self.step(f"{doing} {variant.name}")
            yield variant, python


@contextmanager
def _bench(variants: list[str] | None, database_url: str | None) -> Iterator[_Examination]:
    workspace, catalog = open_workspace()
    chosen = catalog.select(variants or [])
    laboratory = laboratory_of(workspace, catalog, database_url)
    pythons = {
        name: prepare(laboratory.cache, catalog.implementations[name])
        for name in dict.fromkeys(v.implementation for v in chosen)
    }
    logs = workspace.logs(laboratory.cache)
    with laboratory.database(DatabaseSettings()) as database:
        yield _Examination(
            bench=Bench(laboratory.contract, database, catalog.servers, logs),
            chosen=tuple((v, pythons[v.implementation]) for v in chosen),
            step=laboratory.listener.step,
        )


def _complain(failed: list[str], of: int) -> None:
    if failed:
        raise RunFailed(f"{len(failed)} of {of} variants fail: {', '.join(failed)}.")

"""What `verify` and `audit` share: one variant after the other, on one database."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType

from harness.base.errors import EnvironmentFailed, RunFailed
from harness.cli import completion
from harness.cli.console import (
    laboratory_of,
    measuring_alone,
    open_workspace,
    out,
    print_json,
    warn,
    warn_of_broken,
)
from harness.cli.items import Refused, named_variants

if TYPE_CHECKING:
    from harness.audit.bench import Bench
    from harness.inputs.manifests import Variant
    from harness.records.verification import Audit, Verification

Variants = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="VARIANT ...",
        help="Variants, or folders for all of theirs. All if none.",
        autocompletion=completion.variants,
    ),
]


def examine[Result: ("Audit", "Verification")](
    names: list[str] | None,
    database_url: str | None,
    doing: str,
    check: "Callable[[Bench, Variant, Path], Result]",
    shown: Callable[[Result], RenderableType],
    *,
    wait: bool,
    as_json: bool,
) -> None:
    """Check variants one by one, and print each result as it comes.

    Args:
        names: of variants or folders; all if none.
        database_url: of a PostgreSQL to use instead of the embedded one.
        doing: the check as a verb, for the progress.
        check: takes the bench, a variant, and its interpreter.
        shown: a result as it is printed.
        wait: for another process to end its measurement, instead of refusing.
        as_json: print all results as JSON, at the end.

    Raises:
        RunFailed: some variants failed.
        UsageError: a name that was asked for is none; the others are checked.
    """
    from harness.audit.bench import Bench
    from harness.inputs.settings import DatabaseSettings
    from harness.lab.environments import prepare

    workspace, catalog = open_workspace()
    unusable = Refused()
    chosen = named_variants(catalog, names or [], unusable)
    warn_of_broken(catalog, unusable.asked)
    laboratory = laboratory_of(workspace, catalog, database_url)
    pythons: dict[str, Path] = {}
    for name in dict.fromkeys(variant.implementation for variant in chosen):
        try:
            pythons[name] = prepare(laboratory.cache, catalog.implementations[name])
        except EnvironmentFailed as error:
            if len({variant.implementation for variant in chosen}) == 1:
                raise
            warn("error", str(error), "bold red")
    failed = [variant.name for variant in chosen if variant.implementation not in pythons]
    logs = workspace.logs(laboratory.cache)
    results: list[Result] = []
    with measuring_alone(wait=wait), laboratory.database(DatabaseSettings()) as database:
        bench = Bench(laboratory.contract, database, catalog.servers, logs)
        for variant in chosen:
            if variant.implementation not in pythons:
                continue
            laboratory.listener.step(f"{doing} {variant.name}")
            results.append(check(bench, variant, pythons[variant.implementation]))
            if not as_json:
                out.print(shown(results[-1]))
    if as_json:
        print_json(results)
    failed += [result.variant for result in results if not result.passed]
    if failed:
        sentence = f"{len(failed)} of {len(chosen)} variants fail: {', '.join(failed)}."
        if not unusable.asked:
            raise RunFailed(sentence)
        warn("error", sentence, "bold red")
    unusable.settle()

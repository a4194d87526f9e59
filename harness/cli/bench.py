"""What `verify` and `audit` share: variants are examined on one PostgreSQL."""

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.base.errors import EnvironmentFailed, RunFailed
from harness.cli import completion
from harness.cli.console import (
    err,
    laboratory_of,
    measuring_alone,
    open_workspace,
    print_json,
    warn,
    warn_of_broken,
)
from harness.cli.items import Refused, named_variants
from harness.cli.progress import ProgressListener

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


type Tell = Callable[[str], None]
"""Is called with the name of each check when it begins."""


def examine[Result: ("Audit", "Verification")](
    names: list[str] | None,
    database_url: str | None,
    doing: str,
    check: "Callable[[Bench, Variant, Path, Tell], Result]",
    show: Callable[[Result, Path], None],
    *,
    together: bool,
    wait: bool,
    as_json: bool,
) -> None:
    """Check variants, and print each result as it comes, in the order of the names.

    Args:
        names: of variants or folders; all if none.
        database_url: of a PostgreSQL to use instead of the embedded one.
        doing: the check as a verb, for the progress.
        check: takes the bench, a variant, its interpreter, and whom to tell of each check.
        show: prints a result; it takes the folder of the servers' logs too.
        together: check several at a time; not where CPU time is measured.
        wait: for another process to end its measurement, instead of refusing.
        as_json: print all results as JSON, at the end.

    Raises:
        RunFailed: some variants failed.
        UsageError: a name that was asked for is none; the others are checked.
    """
    from harness.audit.verify import MOST_HELD
    from harness.inputs.settings import DatabaseSettings
    from harness.lab.environments import prepare
    from harness.runner.benches import count_at_once, on_benches

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
    able = [variant for variant in chosen if variant.implementation in pythons]
    logs = workspace.logs(laboratory.cache)
    results: list[Result] = []
    with (
        measuring_alone(wait=wait),
        laboratory.database(DatabaseSettings()) as database,
        ProgressListener(err) as progress,
    ):
        most = int(database.settings()["max_connections"])
        at_once = count_at_once(len(able), most, MOST_HELD) if together else 1
        progress.step(f"{doing} {_told(able, at_once)}")

        def one(bench: "Bench", variant: "Variant") -> Result:
            def tell(name: str) -> None:
                progress.passing(f"{len(results)} of {len(able)}, {variant.name}: {name}")

            tell(doing)
            return check(bench, variant, pythons[variant.implementation], tell)

        with closing(on_benches(laboratory, database, logs, able, at_once, one)) as coming:
            for result in coming:
                results.append(result)
                if not as_json:
                    with progress.paused():
                        show(result, logs)
    if as_json:
        print_json(results)
    failed += [result.variant for result in results if not result.passed]
    if failed:
        sentence = f"{len(failed)} of {len(chosen)} variants fail: {', '.join(failed)}."
        if not unusable.asked:
            raise RunFailed(sentence)
        warn("error", sentence, "bold red")
    unusable.settle()


def _told(variants: Sequence["Variant"], at_once: int) -> str:
    """What is examined, in the line that says so."""
    if len(variants) == 1:
        return variants[0].name
    few = f", {at_once} at a time" if at_once > 1 else ""
    return f"{len(variants)} variants{few}"

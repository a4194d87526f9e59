"""The command `run`: measure a study, and report it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.base.errors import UsageError
from harness.cli import completion
from harness.cli.console import (
    DatabaseUrl,
    Wait,
    laboratory_of,
    measuring_alone,
    open_workspace,
    using,
    warn_of_broken,
)
from harness.cli.execution import execute

if TYPE_CHECKING:
    pass

EXAMPLE = "bridgetoll run quick --budget 20"


def command(
    study: Annotated[
        str | None,
        typer.Argument(
            metavar="STUDY",
            help="A study's name, or the path of its TOML file.",
            autocompletion=completion.studies,
        ),
    ] = None,
    resume: Annotated[
        str | None,
        typer.Option(
            metavar="RUN", help="Continue this run instead.", autocompletion=completion.runs
        ),
    ] = None,
    blocks: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, max=10_000, help="Number of blocks, instead of the study's."
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="VARIANT",
            help="Measure this variant and the baseline alone. Can be repeated.",
            autocompletion=completion.variants,
        ),
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(
            metavar="MINUTES",
            min=0.01,
            max=1_440,
            help="Time limit in minutes. A block that would end later is left out.",
        ),
    ] = None,
    keep_requests: Annotated[
        bool, typer.Option("--keep-requests", help="Keep each request's start and latency.")
    ] = False,
    scale: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            min=0.01,
            max=1,
            help="Shorten Locust's ramp to this share of its time.",
        ),
    ] = None,
    wait: Wait = False,
    database_url: DatabaseUrl = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            envvar="BRIDGETOLL_CLUSTER",
            help="Measure on the machines of this Dask cluster.",
            show_envvar=True,
        ),
    ] = None,
) -> None:
    """Measure the variants of a study and report the result.

    It checks every variant first. Ctrl-C stops it and keeps what is measured.
    """
    from harness.inputs.study_loader import open_study
    from harness.records.store import find_run
    from harness.runner.overrides import Overrides
    from harness.runner.plan import make_plan
    from harness.runner.session import missing_phases
    from harness.runner.start import new_store
    from harness.runner.start import resume as resume_run
    from harness.runner.start import start as start_run

    if study is not None and resume is not None:
        raise UsageError("`run` takes a study or --resume, not both; leave one out.")
    if study is None and resume is None:
        raise UsageError(
            "`run` needs a study, e.g. `bridgetoll run quick`; `bridgetoll list studies` shows all."
        )
    workspace, catalog = open_workspace()
    changes = Overrides(blocks, tuple(only or ()), budget, keep_requests, scale)
    if resume is not None and changes.flags:
        raise UsageError(
            f"{' '.join(changes.flags)} cannot change a run that has begun; leave it out."
        )
    laboratory = laboratory_of(workspace, catalog, database_url, cluster)
    if resume is not None:
        store = find_run(workspace.results, resume)
        with measuring_alone(wait=wait, here=cluster is None), using(store, wait=wait):
            begun = store.read_run()
            warn_of_broken(catalog, begun.study.everyone)
            execute(
                laboratory,
                store,
                begun.study,
                begun.plan,
                lambda: resume_run(laboratory, store),
                missing_phases(begun, store),
            )
    elif study is not None:
        changed = changes.applied(open_study(workspace, catalog, study))
        warn_of_broken(catalog)
        plan = make_plan(changed)
        path = Path(study)  # of a path only the last part: the rest is of this machine
        typed = " ".join(["run", path.name, *changes.flags])
        with measuring_alone(wait=wait, here=cluster is None):
            store = new_store(laboratory, path.stem)
            with using(store):
                execute(
                    laboratory,
                    store,
                    changed,
                    plan,
                    lambda: start_run(
                        laboratory, store, path.stem, changed, plan, typed, changes.shortened
                    ),
                )

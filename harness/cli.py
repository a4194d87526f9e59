"""The command `bridgetoll`: parse, print, exit, and nothing else."""

import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from harness import show, show_doctor
from harness.audit.verify import Bench, verify
from harness.catalog import Catalog, load_catalog
from harness.changes import Changes
from harness.contract import Contract
from harness.doctor.examine import examine
from harness.errors import BridgetollError, RunFailed, Stopped, UsageError
from harness.experiment import conduct
from harness.experiment.conduct import Laboratory
from harness.experiment.plan import make_plan
from harness.experiment.store import Store, find_run, run_ids
from harness.lab.environments import prepare
from harness.lab.servers import await_ready, launch_server
from harness.model import Settings
from harness.report.write import write_report
from harness.study import (
    DatabaseSettings,
    ServerSettings,
    Study,
    find_study,
    load_study,
    study_names,
)
from harness.workspace import Workspace, cache_folder

app = typer.Typer(
    help="What does Django's thread bridge cost, and which Python web stack should you pick?",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
out = Console(highlight=False, soft_wrap=False)
err = Console(stderr=True, highlight=False)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--database-url",
        envvar="BRIDGETOLL_DATABASE_URL",
        help="Use this PostgreSQL instead of the embedded one.",
        show_envvar=True,
    ),
]


def main() -> None:
    """Entry of the command: one sentence per error, never a traceback for what a user can cause."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        app()
    except BridgetollError as error:
        err.print(Text.assemble(("error: ", "bold red"), str(error)))
        sys.exit(error.exit_status)


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List variants, studies and runs."""
    workspace, catalog = _open()
    studies, runs = study_names(workspace), list(run_ids(workspace.results))
    if as_json:
        variants = [_public(v) for v in catalog.variants.values()]
        _print_json({"variants": variants, "studies": studies, "runs": runs})
    else:
        out.print(show.catalog_table(catalog, studies, runs))


@app.command()
def plan(study: str, as_json: Json = False) -> None:
    """Show what a study would do, and how long it would take."""
    workspace, catalog = _open()
    read = load_study(find_study(workspace, study), catalog)
    made = make_plan(read)
    if as_json:
        _print_json({"study": read, "plan": made})
    else:
        out.print(show.plan_text(read, made))


@app.command("verify")
def verify_(
    variants: Annotated[
        list[str] | None, typer.Argument(help="Variants or folders; all if none.")
    ] = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Check that variants do the work of the contract, and all of it."""
    workspace, catalog = _open()
    chosen = catalog.select(variants or [])
    results = []
    laboratory = _laboratory(workspace, catalog, database_url)
    pythons = {
        name: prepare(laboratory.cache, catalog.implementations[name])
        for name in dict.fromkeys(v.implementation for v in chosen)
    }
    logs = laboratory.cache / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    with conduct.open_database(laboratory, DatabaseSettings(), None) as database:
        bench = Bench(laboratory.contract, database, catalog.servers, logs)
        for variant in chosen:
            laboratory.listener.step(f"verifying {variant.name}")
            results.append(verify(bench, variant, pythons[variant.implementation]))
            if not as_json:
                out.print(show.verification_lines(results[-1]))
    if as_json:
        _print_json(results)
    failed = [result.variant for result in results if not result.passed]
    if failed:
        raise RunFailed(f"{len(failed)} of {len(results)} variants fail: {', '.join(failed)}.")


@app.command()
def doctor(as_json: Json = False) -> None:
    """Examine this machine: what can be measured here, and what not."""
    listener = show.ProgressListener(err)
    with listener:
        diagnosis = examine(cache_folder(), listener.step)
    if as_json:
        _print_json(diagnosis)
    else:
        out.print(show_doctor.findings_table(diagnosis.findings))


@app.command()
def run(
    study: Annotated[
        str | None, typer.Argument(help="A study's name, or a path to its TOML.")
    ] = None,
    resume: Annotated[str | None, typer.Option(help="Continue this run.")] = None,
    blocks: Annotated[int | None, typer.Option(min=1, help="Another number of blocks.")] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Only this variant, beside the baseline; repeatable.")
    ] = None,
    budget: Annotated[
        float | None, typer.Option(min=0.01, help="Minutes; no block is begun that ends later.")
    ] = None,
    keep_requests: Annotated[
        bool, typer.Option("--keep-requests", help="Keep each request's start and latency.")
    ] = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Run a study: verify, measure, report."""
    workspace, catalog = _open()
    if (study is None) == (resume is None):
        raise UsageError("Name a study to run, or a run with --resume, and not both.")
    changes = Changes(blocks, tuple(only or ()), budget, keep_requests)
    if resume is not None and changes.flags:
        raise UsageError(
            f"{' '.join(changes.flags)} cannot change a run that has begun; leave it out."
        )
    laboratory = _laboratory(workspace, catalog, database_url)
    if resume is not None:
        store = find_run(workspace.results, resume)
        _execute(laboratory, store.read_run().study, store, "", "")
    elif study is not None:
        read = changes.applied(load_study(find_study(workspace, study), catalog))
        name = Path(study)  # of a path only the last part: the rest is of this machine
        command = " ".join(["run", name.name, *changes.flags])
        _execute(laboratory, read, None, name.stem, command)


@app.command()
def report(run: str) -> None:
    """Recompute a run's report from its trials."""
    workspace, _ = _open()
    _report(workspace, find_run(workspace.results, run))


@app.command()
def serve(
    variant: str,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="A free one if none.")] = None,
    rows: Annotated[int, typer.Option(min=0, help="Rows in the table.")] = 1_000,
    workers: Annotated[int, typer.Option(min=1)] = 1,
    threads: Annotated[int, typer.Option(min=1, help="Where the server has threads.")] = 16,
    database_url: DatabaseUrl = None,
) -> None:
    """Serve one variant on loopback, with its database, until Ctrl-C."""
    workspace, catalog = _open()
    chosen = catalog.variant(variant)
    laboratory = _laboratory(workspace, catalog, database_url)
    python = prepare(laboratory.cache, catalog.implementations[chosen.implementation])
    with conduct.open_database(laboratory, DatabaseSettings(), None) as database:
        database.reset(rows)
        log = laboratory.cache / "logs" / f"serve-{variant.replace('/', '.')}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.unlink(missing_ok=True)
        defaults = ServerSettings()
        server = launch_server(
            chosen, catalog.servers[chosen.server], python,
            Settings(
                database_url=database.login(variant), pool_size=defaults.pool_size,
                pool_timeout_s=defaults.pool_timeout_s, wait_ms=defaults.wait_ms,
                cpu_iterations=defaults.cpu_iterations,
            ),
            workers=workers, threads=threads, log=log, port=port,
        )  # fmt: skip
        with server:
            await_ready(server)
            out.print(f"{variant} answers on {server.url}; stop it with Ctrl-C")
            try:
                while server.running:
                    time.sleep(0.2)
            except KeyboardInterrupt:
                return
        raise RunFailed(f"The server of `{variant}` ended. It said:\n{server.last_words()}")


def _execute(
    laboratory: Laboratory, study: Study, store: Store | None, name: str, command: str
) -> None:
    """Run or resume; report whatever was measured, also when the run failed or was stopped."""
    listener = laboratory.listener
    assert isinstance(listener, show.ProgressListener)
    made = make_plan(study)
    listener.expect(made)
    out.print(show.plan_text(study, made))
    failure: BridgetollError | None = None
    try:
        with listener:
            if store is None:
                conduct.start(laboratory, name, study, command)
            else:
                conduct.resume(laboratory, store)
    except KeyboardInterrupt:
        raise Stopped(listener.run) from None
    except BridgetollError as error:
        failure = error
    if listener.run is not None and not isinstance(failure, UsageError):
        begun = store or find_run(laboratory.workspace.results, listener.run)
        _report(laboratory.workspace, begun)
    if failure is not None:
        raise failure


def _report(workspace: Workspace, store: Store) -> None:
    made = write_report(store)
    for damaged in made.damaged:
        err.print(Text.assemble(("left out: ", "bold yellow"), str(damaged)))
    out.print(show.summary(made.analysis))
    out.print(f"report: {workspace.shown(made.page)}", soft_wrap=True)


def _open() -> tuple[Workspace, Catalog]:
    workspace = Workspace()
    return workspace, load_catalog(workspace)


def _laboratory(workspace: Workspace, catalog: Catalog, database_url: str | None) -> Laboratory:
    return Laboratory(
        workspace=workspace,
        cache=cache_folder(),
        catalog=catalog,
        contract=Contract(workspace),
        database_url=database_url,
        listener=show.ProgressListener(err),
    )


def _public(record: msgspec.Struct) -> dict[str, Any]:
    """A variant as JSON, without the paths of this machine."""
    return {k: v for k, v in msgspec.structs.asdict(record).items() if k != "folder"}


def _print_json(value: object) -> None:
    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()

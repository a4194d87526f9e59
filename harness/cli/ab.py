"""The command `ab`: one variant against itself with a change."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from harness.base.errors import (
    EnvironmentFailed,
    Regressed,
    RunFailed,
    Undecided,
    Untestable,
    UsageError,
)
from harness.cli import completion
from harness.cli.console import (
    DatabaseUrl,
    Wait,
    laboratory_of,
    measuring_alone,
    note,
    open_workspace,
    using,
    warn_of_broken,
)
from harness.cli.execution import execute
from harness.cli.shares import share

if TYPE_CHECKING:
    from harness.inputs.ab import Changes
    from harness.inputs.study import Study
    from harness.records.store import Store
    from harness.runner.laboratory import Laboratory

EXAMPLE = "bridgetoll ab django/async-pool --with 'asgiref==3.11.1' --endpoint noop"
_NAME = "ab"
_AT = Path("the command line")


def command(
    variant: Annotated[
        str,
        typer.Argument(
            metavar="VARIANT", help="A: this variant as it is.", autocompletion=completion.variants
        ),
    ],
    with_: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="REQUIREMENT", help="B has this release of a package."),
    ] = None,
    python: Annotated[
        list[str] | None, typer.Option(metavar="3.12", help="B runs on this Python.")
    ] = None,
    server: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="B runs on this server.")
    ] = None,
    env: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="B has this variable set.")
    ] = None,
    threads: Annotated[
        list[int] | None, typer.Option(metavar="N", min=1, help="B has so many threads.")
    ] = None,
    pool_size: Annotated[
        list[int] | None, typer.Option(metavar="N", min=1, help="B has a pool of this size.")
    ] = None,
    workers: Annotated[
        list[int] | None, typer.Option(metavar="N", min=1, help="B has so many workers.")
    ] = None,
    endpoint: Annotated[
        str | None,
        typer.Option(metavar="NAME,…", help="What is requested. io_create,io_read if not given."),
    ] = None,
    connections: Annotated[
        int, typer.Option(metavar="N", min=1, max=60_000, help="Connections of the load.")
    ] = 32,
    minutes: Annotated[
        float, typer.Option(metavar="N", min=0.1, max=1_440, help="Time to measure, at most.")
    ] = 5.0,
    margin: Annotated[
        str, typer.Option(metavar="3%", help="Ratios so far from 1 count as the same.")
    ] = "3%",
    fail_on_regression: Annotated[
        str | None,
        typer.Option(metavar="3%", help="Exit with 1 if B is slower by more, 3 if unsure."),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the study as TOML and measure nothing."),
    ] = None,
    wait: Wait = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Measure a variant against itself with a change.

    Several values of one option make several Bs.
    """
    from harness.base.decode import convert
    from harness.inputs.ab import ENDPOINTS, Changes, ab_study, within
    from harness.inputs.setups import is_same
    from harness.inputs.study import Study
    from harness.inputs.study_loader import check_study
    from harness.runner.plan import block_s

    workspace, catalog = open_workspace()
    catalog.variant(variant)
    packages, titles = _built(with_ or [])
    changes = Changes(
        titles=titles, packages=packages, python=tuple(python or ()), server=tuple(server or ()),
        env=tuple(env or ()), threads=tuple(threads or ()), pool_size=tuple(pool_size or ()),
        workers=tuple(workers or ()),
    )  # fmt: skip
    allowed = (
        None if fail_on_regression is None else share(fail_on_regression, "--fail-on-regression")
    )
    setups = changes.setups(variant)
    names = tuple(part.strip() for part in endpoint.split(",")) if endpoint else ENDPOINTS
    study = ab_study(variant, setups, names, connections, share(margin, "--margin"), minutes)
    study = within(study, block_s(study))
    convert(msgspec.to_builtins(study), Study, _AT)  # as if it were read from a file
    check_study(_AT, study, catalog)
    origin = catalog.variant(variant)
    for name, setup in setups.items():
        if is_same(setup, origin, catalog.implementations[origin.implementation]):
            note(f"{name} has nothing that {variant} has not: this is an A/A, a check of the tool.")
    if save is not None:
        _save(study, save)
        return
    warn_of_broken(catalog)
    laboratory = laboratory_of(workspace, catalog, database_url)
    with measuring_alone(wait=wait):
        _measure(laboratory, study, _typed(study, changes), allowed)


def _built(requirements: list[str]) -> tuple[tuple[str, ...], dict[str, str]]:
    """The requirements, folders and wheels among them built and kept; and the titles of these.

    Raises:
        Untestable: a folder does not build.
    """
    from harness.base.workspace import cache_folder
    from harness.lab.wheels import build_wheel

    found: list[str] = []
    titles: dict[str, str] = {}
    for text in requirements:
        name, at, source = (part.strip() for part in text.partition("@"))
        if not at or "://" in source:
            found.append(text)
            continue
        note(f"building {name}")
        try:
            wheel = build_wheel(cache_folder(), name, Path(source).expanduser())
        except EnvironmentFailed as error:
            raise Untestable(str(error)) from None
        found.append(wheel.requirement)
        titles[wheel.requirement] = wheel.title
    return tuple(found), titles


def _typed(study: "Study", changes: "Changes") -> str:
    """The command for the report, made from the study: no path and no password of this machine."""
    parts = ["ab", study.baseline]
    for name, values in changes.given.items():
        option = "--with" if name == "packages" else f"--{name.replace('_', '-')}"
        parts += [part for value in values for part in (option, str(value))]
    first = study.conditions[0]
    parts += ["--endpoint", ",".join(condition.endpoint for condition in study.conditions)]
    parts += ["--connections", str(first.connections), "--margin", f"{100 * study.margin:g}%"]
    return shlex.join([*parts, "--minutes", f"{(study.stopping.budget_s or 0) / 60:g}"])


def _measure(laboratory: "Laboratory", study: "Study", typed: str, allowed: float | None) -> None:
    """Run the study, then judge it.

    Raises:
        Untestable: B cannot be built, or does other work than A.
    """
    from harness.runner.plan import make_plan
    from harness.runner.start import new_store, start

    plan = make_plan(study)
    store = new_store(laboratory, _NAME)
    with using(store):
        try:
            execute(
                laboratory, store, study, plan,
                lambda: start(laboratory, store, _NAME, study, plan, typed),
            )  # fmt: skip
        except EnvironmentFailed as error:
            raise Untestable(str(error)) from None
        except RunFailed:
            _check_bs(study, store)
            raise
        _judge(store, allowed)


def _check_bs(study: "Study", store: "Store") -> None:
    """Raise Untestable if a B was excluded, with what it does wrong."""
    if not (store.folder / "run.json").is_file():
        return
    excluded = store.read_run().excluded
    for name in study.setups:
        if name in excluded:
            raise Untestable(f"B, `{name}`, does not do A's work: {excluded[name]}.")


def _judge(store: "Store", allowed: float | None) -> None:
    """Tell whether B passes the gate.

    Raises:
        Regressed: it is slower by more than allowed.
        Undecided: the time did not suffice to tell.
    """
    if allowed is None:
        return
    from harness.analysis.ab import ab_gate, ab_pairs
    from harness.analysis.analyse import analyse
    from harness.analysis.gate import GateAnswer
    from harness.report.words.ab import gate_sentence

    run = store.read_run()
    trials, _ = store.trials(run)
    pairs = ab_pairs(analyse(run, trials))
    answer = ab_gate(pairs, allowed)
    sentence = gate_sentence(pairs, allowed, answer)
    match answer:
        case GateAnswer.PASSED:
            note(sentence)
        case GateAnswer.REGRESSED:
            raise Regressed(f"--fail-on-regression: {sentence}")
        case _:
            raise Undecided(f"--fail-on-regression: {sentence}")


def _save(study: "Study", path: Path) -> None:
    """Write the study as a TOML file, which `bridgetoll run` takes.

    Raises:
        UsageError: the file exists, or cannot be written.
    """
    import tomli_w

    from harness.inputs.ab import as_table

    if path.exists():
        raise UsageError(f"{path} exists already; name another file with --save, or remove it.")
    try:
        path.write_text(tomli_w.dumps(as_table(study)), encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written ({error.strerror}); name another file."
        ) from None
    note(f"{path} has the study; `bridgetoll run {path}` measures it.")

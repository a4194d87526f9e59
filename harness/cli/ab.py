"""The command `ab`: one variant against itself with a change."""

import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from harness.base.errors import (
    BridgetollError,
    EnvironmentFailed,
    Regressed,
    RunFailed,
    SystemRefused,
    Undecided,
    Untestable,
    UsageError,
)
from harness.cli.console import (
    DatabaseUrl,
    Json,
    Wait,
    err,
    laboratory_of,
    measuring_alone,
    note,
    open_workspace,
    out,
    print_json,
    using,
    warn_of_broken,
)
from harness.cli.execution import execute
from harness.cli.options import FailOnRegression, ThreadsOfB, VariantName, WorkersOfB
from harness.cli.shares import share

if TYPE_CHECKING:
    from harness.inputs.ab import Changes
    from harness.inputs.catalog import Catalog
    from harness.inputs.study import Study
    from harness.report.data.ab import AbResult
    from harness.report.write import Report
    from harness.runner.laboratory import Laboratory

EXAMPLE = "bridgetoll ab django/async-pool --with 'asgiref==3.11.1' --endpoint noop"
_NAME = "ab"
_AT = Path("the command line")
_NO_ANSWER = 4
"""The exit status of a run that failed for another reason than B. With 1, which says that B is
worse, `git bisect` would name a commit for it."""


def command(
    variant: VariantName,
    with_: Annotated[
        list[str] | None,
        typer.Option(
            "--with", metavar="REQUIREMENT", help="B has this release, checkout or wheel."
        ),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(metavar="REQUIREMENT", help="A has this release, instead of the locked one."),
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
    knob: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="B has this knob of its server set."),
    ] = None,
    threads: ThreadsOfB = None,
    pool_size: Annotated[
        list[int] | None, typer.Option(metavar="N", min=1, help="B has a pool of this size.")
    ] = None,
    workers: WorkersOfB = None,
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
    fail_on_regression: FailOnRegression = None,
    save: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the study as TOML and measure nothing."),
    ] = None,
    as_json: Json = False,
    wait: Wait = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Measure a variant (A) against itself with a change (B).

    Several values of one option make several Bs.
    """
    from harness.inputs.ab import ENDPOINTS, Changes, ab_study, within
    from harness.inputs.locks import several
    from harness.report.data.ab import ab_result
    from harness.runner.plan import block_s

    if save is not None and (as_json or fail_on_regression is not None):
        useless = "--json" if as_json else "--fail-on-regression"
        raise UsageError(f"--save measures nothing, so {useless} has no answer; leave one out.")
    workspace, catalog = open_workspace()
    catalog.variant(variant)
    allowed = (
        None if fail_on_regression is None else share(fail_on_regression, "--fail-on-regression")
    )
    typed = Changes(
        packages=tuple(several(text) for text in with_ or ()),
        baseline=several(baseline) if baseline else (),
        python=tuple(python or ()), server=tuple(server or ()), env=tuple(env or ()),
        knob=tuple(knob or ()),
        threads=tuple(threads or ()), pool_size=tuple(pool_size or ()),
        workers=tuple(workers or ()),
    )  # fmt: skip
    names = tuple(part.strip() for part in endpoint.split(",")) if endpoint else ENDPOINTS
    tolerated = share(margin, "--margin")

    def designed(changes: Changes) -> "Study":
        sides = changes.sides(variant)
        study = ab_study(variant, sides, names, connections, tolerated, minutes)
        study = within(study, block_s(study))
        _check(study, catalog)
        return study

    designed(_unbuilt(typed))  # what is wrong is told before anything is built
    with _answers_only():
        changes = _built(typed)
        study = designed(changes)
        if save is not None:
            _save(study, save)
            return
        warn_of_broken(catalog)
        laboratory = laboratory_of(workspace, catalog, database_url)
        with measuring_alone(wait=wait):
            written = _measure(laboratory, study, _typed(study, changes), on_error_stream=as_json)
        if written is None:
            return
        result = ab_result(written.run, written.analysis, allowed)
        if as_json:
            print_json(result)
        _end(result)


@contextmanager
def _answers_only() -> Iterator[None]:
    """Within the block, only B's own failings end with the statuses that a gate has for them.

    Raises:
        RunFailed: in place of any other failure that would end with 1, which means that B is worse.
    """
    try:
        yield
    except Regressed:
        raise
    except (BridgetollError, OSError) as error:
        told = SystemRefused(error) if isinstance(error, OSError) else error
        if told.exit_status != 1:
            raise
        raise RunFailed(str(told), _NO_ANSWER) from None


def _check(study: "Study", catalog: "Catalog") -> None:
    """Check the study as if it were read from a file, and tell what is wrong by option.

    Raises:
        UsageError: it cannot be measured as asked.
    """
    from harness.base.decode import convert
    from harness.inputs.study import Study
    from harness.inputs.study_loader import check_study

    try:
        convert(msgspec.to_builtins(study), Study, _AT)
        check_study(_AT, study, catalog)
    except UsageError as error:
        raise UsageError(_by_option(str(error), study.baseline)) from None


_KEY = re.compile(rf"{_AT}: `setups\.(?P<name>[^`]*?)\.(?P<key>[a-z_]+)(?:\.(?P<of>\w+))?`")


def _by_option(text: str, a: str) -> str:
    """A message with options in place of keys of a file that is not there."""

    def option(found: re.Match[str]) -> str:
        name = _option(found["key"], found["name"] == a)
        return f"{name} {found['of']}" if found["of"] else name

    return _KEY.sub(option, text).replace(f"{_AT}: ", "")


def _option(key: str, of_a: bool = False) -> str:
    """The option that sets a key of a setup."""
    if key == "packages":
        return "--baseline" if of_a else "--with"
    if key == "knobs":
        return "--knob"
    return f"--{key.replace('_', '-')}"


def _unbuilt(changes: "Changes") -> "Changes":
    """The changes as they will be once everything is built, with made-up digests."""
    import hashlib

    from harness.inputs.locks import BUILT, package_of, source_of

    def built(texts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(
            f"{package_of(text)} @ {BUILT}{hashlib.sha256(text.encode()).hexdigest()[:16]}"
            if source_of(text)
            else text
            for text in texts
        )

    return msgspec.structs.replace(
        changes,
        packages=tuple(built(texts) for texts in changes.packages),
        baseline=built(changes.baseline),
    )


def _built(changes: "Changes") -> "Changes":
    """The changes, with folders and wheels among them built and kept, and the titles of these.

    Raises:
        Untestable: one of B does not build.
        EnvironmentFailed: one of A does not.
    """
    from harness.base.workspace import cache_folder
    from harness.inputs.locks import package_of, source_of
    from harness.lab.wheels import build_wheel

    titles: dict[str, str] = {}

    def built(text: str) -> str:
        if (source := source_of(text)) is None:
            return text
        note(f"building {package_of(text)}")
        wheel = build_wheel(cache_folder(), package_of(text), Path(source).expanduser())
        if wheel.dirty:
            note(f"{wheel.title}: changes that no commit has are measured too.")
        titles[wheel.requirement] = wheel.title
        return wheel.requirement

    baseline = tuple(built(text) for text in changes.baseline)
    try:
        packages = tuple(tuple(built(text) for text in texts) for texts in changes.packages)
    except EnvironmentFailed as error:
        raise Untestable(str(error)) from None
    return msgspec.structs.replace(changes, packages=packages, baseline=baseline, titles=titles)


def _typed(study: "Study", changes: "Changes") -> str:
    """The command for the report, made from the study: no path and no password of this machine."""
    from harness.inputs.kinds import origin_of

    parts = ["ab", origin_of(study, study.baseline)]
    for name, values in changes.given.items():
        texts = [",".join(value) if isinstance(value, tuple) else str(value) for value in values]
        parts += [part for text in texts for part in (_option(name), text)]
    if changes.baseline:
        parts += ["--baseline", ",".join(changes.baseline)]
    first = study.conditions[0]
    parts += ["--endpoint", ",".join(condition.endpoint for condition in study.conditions)]
    parts += ["--connections", str(first.connections), "--margin", f"{100 * study.margin:g}%"]
    return shlex.join([*parts, "--minutes", f"{(study.stopping.budget_s or 0) / 60:g}"])


def _measure(
    laboratory: "Laboratory", study: "Study", typed: str, *, on_error_stream: bool
) -> "Report | None":
    """Make the environments, run the study, and report it.

    Args:
        laboratory, study: what is measured, and where.
        typed: the command, for the report.
        on_error_stream: print nothing on standard output.

    Raises:
        Untestable: no B can be built, or does A's work.
    """
    from harness.runner.examine import prepare_environments
    from harness.runner.plan import make_plan
    from harness.runner.start import new_store, start

    environments = prepare_environments(laboratory.with_setups(study), study)
    for b in _same(laboratory, study, environments.pythons):
        note(
            f"{b} has nothing that A has not, so this is an A/A: a check of the tool, which "
            "should find no difference."
        )
    plan = make_plan(study)
    store = new_store(laboratory, _NAME)
    with using(store):
        return execute(
            laboratory, store, study, plan,
            lambda: start(
                laboratory, store, _NAME, study, plan, typed, environments=environments
            ),
            console=err if on_error_stream else out,
        )  # fmt: skip


def _same(laboratory: "Laboratory", study: "Study", pythons: Mapping[str, Path]) -> list[str]:
    """The Bs that are as A is, in words."""
    from harness.inputs.kinds import origin_of, origins_of
    from harness.inputs.setups import Made, is_same
    from harness.lab.environments import installed

    catalog = laboratory.with_setups(study).catalog

    def made(name: str) -> Made:
        variant = catalog.variant(name)
        packages = installed(pythons[variant.implementation])
        knobs = catalog.servers[variant.server].setting(variant.knobs)
        return Made(study.setups.get(name), packages, knobs)

    a, origin = made(study.baseline), catalog.variant(origin_of(study, study.baseline))
    return [
        study.setups[name].title or name
        for name in origins_of(study)
        if is_same(a, made(name), origin, study.server)
    ]


def _end(result: "AbResult") -> None:
    """Tell whether every B could be measured, and passes the gate.

    Raises:
        Regressed: one is slower by more than allowed.
        Untestable: one was not measured.
        Undecided: the time did not suffice to tell.
    """
    from harness.analysis.gate import GateAnswer

    gate = result.gate
    told = "" if gate is None else f"--fail-on-regression: {gate.sentence}"
    if gate is not None and gate.answer is GateAnswer.REGRESSED:
        raise Regressed(told)
    for b in result.bs:
        if b.excluded is not None:
            raise Untestable(f"B, `{b.variant}`, does not do A's work: {b.excluded}.")
    if gate is not None and gate.answer is GateAnswer.UNDECIDED:
        raise Undecided(told)
    if gate is not None:
        note(gate.sentence)


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

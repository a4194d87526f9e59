"""The command `claims`: published claims beside measured runs."""

from typing import TYPE_CHECKING, Annotated

import typer

from harness.base.errors import MalformedFile, UsageError, nearest, plain
from harness.base.workspace import Workspace, cache_folder
from harness.cli import completion
from harness.cli.console import Json, note, out, print_json, read_what_can_be
from harness.cli.items import Refused, claims_of, is_found, named_runs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.analysis.judgements import Judgement
    from harness.inputs.claims import Claim
    from harness.records.store import Store
    from harness.report.run_cache import RunCache

EXAMPLE = "bridgetoll claims A2"


def command(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="CLAIM|RUN ...",
            help="A claim is shown in full. Runs limit who judges.",
            autocompletion=completion.claims_and_runs,
        ),
    ] = None,
    evidence: Annotated[
        bool, typer.Option("--evidence", help="Show all claims with every value.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Judge published claims by what was measured.

    Name a claim, such as A2, to see all of it. Name runs to judge by these alone.
    """
    from harness.analysis.judgements import merged
    from harness.cli.claim_tables import claims_in_full, claims_table

    workspace = Workspace()
    claims = claims_of(workspace)
    if not claims:
        raise UsageError("No claim can be read; mend shared/claims.toml.")
    unusable = Refused()
    shown, runs = _split(workspace, claims, names or [], unusable)
    verdicts = merged(_judged(workspace, claims, runs, unusable))
    chosen = [judgement for judgement in verdicts if judgement.claim.name in shown]
    if as_json:
        print_json(chosen or verdicts)
    elif chosen or evidence:
        out.print(claims_in_full(chosen or verdicts))
    else:
        out.print(claims_table(verdicts))
    unusable.settle()


def _split(
    workspace: Workspace, claims: "Sequence[Claim]", names: list[str], unusable: Refused
) -> tuple[set[str], list[str]]:
    """The names of claims, and those of runs.

    Raises:
        UsageError: there are other names than those of claims, and none is a run's.
    """
    from harness.records.store import find_run, run_ids

    by_name = {claim.name.casefold(): claim.name for claim in claims}
    shown = {by_name[name.casefold()] for name in names if name.casefold() in by_name}
    runs: list[str] = []
    unknown: dict[str, UsageError] = {}
    for name in names:
        if name.casefold() in by_name:
            continue
        try:
            find_run(workspace.results, name)
        except UsageError:
            if not is_found(name, names):  # else a shell's pattern: it is left out below
                near = nearest(name, [*by_name.values(), *run_ids(workspace.results)])
                unknown[name] = _unknown(name, near)
                continue
        runs.append(name)
    if unknown and not runs:
        raise next(iter(unknown.values()))
    for name, error in unknown.items():
        unusable.note(name, error, asked=True)
    return shown, runs


def _unknown(name: str, near: str | None) -> UsageError:
    first = f"the nearest is `{near}`, " if near else ""
    return UsageError(
        f"There is no claim or run `{plain(name)}`; {first}`bridgetoll claims` shows all claims, "
        "and `bridgetoll list runs` all runs."
    )


def _judged(
    workspace: Workspace, claims: "Sequence[Claim]", names: list[str], unusable: Refused
) -> "list[tuple[Judgement, ...]]":
    """The judgements of each run that can be read; of all runs if there are no names."""
    from harness.records.lock import RunInUse
    from harness.records.store import Store, run_ids

    found = list(run_ids(workspace.results))
    if not names and not found:
        raise UsageError("There is no run to judge by; make one with `bridgetoll run`.")
    stores = (
        named_runs(workspace, names, unusable)
        if names
        else {name: Store(workspace.results / name) for name in found}
    )
    kept = _kept(claims)
    judgements: list[tuple[Judgement, ...]] = []
    for name, store in stores.items():
        asked = bool(names) and not is_found(name, names)
        try:
            judgements.append(_judged_by(store, claims, kept))
        except (MalformedFile, RunInUse) as error:
            if asked and len(stores) == 1:
                raise
            unusable.note(name, error, asked=asked)
    if not judgements:
        raise UsageError("No kept run can be read; make one with `bridgetoll run`.")
    if kept is not None and kept.failed is not None:
        note(f"Nothing could be cached ({kept.failed.strerror}); the next call takes as long.")
    return judgements


def _kept(claims: "Sequence[Claim]") -> "RunCache[tuple[Judgement, ...]] | None":
    """Where judgements are kept; None if they cannot be."""
    from harness.report.judgements import judgement_cache

    try:
        return judgement_cache(cache_folder(), claims)
    except UsageError as error:
        note(str(error))
        return None


def _judged_by(
    store: "Store", claims: "Sequence[Claim]", kept: "RunCache[tuple[Judgement, ...]] | None"
) -> "tuple[Judgement, ...]":
    """The judgements of one run, computed anew unless they are kept."""
    from harness.records.lock import reading

    with reading(store.folder):
        key = None if kept is None else kept.key(store.folder)
        if kept is not None and (found := kept.read(store.folder, key)) is not None:
            return found
    run = store.read_run()
    trials, damaged = read_what_can_be(store, run)
    from harness.analysis.judging import judge_run  # takes seconds; not needed for what is kept

    judgements = judge_run(run, trials, claims)
    if kept is not None and not damaged and kept.key(store.folder) == key:
        kept.keep(store.folder, key, judgements)
    return judgements

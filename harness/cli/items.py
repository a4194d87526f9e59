"""Commands that take many items: one that cannot be used spoils only itself.

The same in every command:

- An item that was asked for by name is an error. The command names it at once, does the others, and
  exits with 2.
- An item that the command found by itself, or a shell by a pattern such as `results/*`, is named in
  a warning and skipped. The exit status does not change.
- Where nothing is left to do, that is an error with status 2.

A single path is asked for by name. Of several, those that exist may come from a pattern.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from harness.base.errors import BridgetollError, UsageError
from harness.base.workspace import Workspace
from harness.cli.console import warn

if TYPE_CHECKING:
    from harness.inputs.catalog import Catalog
    from harness.inputs.claims import Claim
    from harness.inputs.manifests import Variant
    from harness.records.store import Store


class Refused:
    """The items that a command cannot use; it prints each at once.

    label: of the warning for an item that was found, such as `left out`.
    """

    def __init__(self, label: str = "left out") -> None:
        self._label = label
        self.asked: list[str] = []

    def note(self, name: str, problem: object, *, asked: bool) -> None:
        """Print what is wrong with an item, and remember it if it was asked for by name."""
        if asked:
            self.asked.append(name)
            warn("error", str(problem), "bold red")
        else:
            warn(self._label, str(problem))

    def settle(self) -> None:
        """Fail if an item that was asked for could not be used; the others are done.

        Raises:
            UsageError: naming them.
        """
        if self.asked:
            raise UsageError(f"Without {', '.join(self.asked)}; the reason stands above.")


def named_runs(workspace: Workspace, names: list[str], refused: Refused) -> "dict[str, Store]":
    """The runs by the names under which they were asked for, each once.

    Raises:
        UnknownName: none of them is a run.
    """
    from harness.records.store import find_run

    stores: dict[str, Store] = {}
    failure: BridgetollError | None = None
    for name in dict.fromkeys(names):
        try:
            store = find_run(workspace.results, name)
        except UsageError as error:
            failure = failure or error
            if len(names) == 1:
                break
            if is_found(name, names):
                refused.note(name, f"{name}: it holds no `run.json`.", asked=False)
            else:
                refused.note(name, error, asked=True)
            continue
        if store.folder not in {other.folder for other in stores.values()}:
            stores[name] = store
    if not stores and failure is not None:
        raise failure
    return stores


def is_found(name: str, names: list[str]) -> bool:
    """Whether a shell may have found it by a pattern: it exists, and is not the only one."""
    return len(names) > 1 and os.path.lexists(Path(name))


def named_variants(catalog: "Catalog", names: list[str], refused: Refused) -> "list[Variant]":
    """The variants of names and folders, each once; all of the catalog if there are no names.

    Raises:
        BridgetollError: none of them can be read.
    """
    chosen: dict[str, Variant] = {}
    failures: dict[str, BridgetollError] = {}
    for name in dict.fromkeys(names):
        try:
            chosen |= {variant.name: variant for variant in catalog.select([name])}
        except BridgetollError as error:
            failures[name] = error
    if failures and not chosen:
        raise next(iter(failures.values()))
    for name, failure in failures.items():
        refused.note(name, failure, asked=True)
    return list(chosen.values()) if names else catalog.select([])


def claims_of(workspace: Workspace) -> "tuple[Claim, ...]":
    """The published claims; one that cannot be read is named and left out."""
    from harness.inputs.claims import readable_claims

    claims, broken = readable_claims(workspace)
    for error in broken:
        warn("left out", str(error))
    return claims

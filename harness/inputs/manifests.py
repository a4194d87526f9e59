"""Manifests: the `[tool.bridgetoll]` table in each `implementations/*/pyproject.toml`.

An *implementation* is a folder for one framework. A *variant* is something that can be run: an
implementation with values of its factors. A *condition* is everything outside the variant.
"""

import platform
import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Annotated

import msgspec
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from harness.base.decode import convert, in_item, toml_table
from harness.base.errors import MalformedFile, nearest, plain
from harness.inputs.contract import ENDPOINTS
from harness.inputs.factors import PER_THREAD, Vocabulary, pool_of
from harness.inputs.locks import lock_command, locked_versions, package_of
from harness.inputs.names import LONGEST_VARIANT
from harness.inputs.servers import Server, missing
from harness.inputs.settings import Line
from harness.inputs.variables import variable_problem

QUANTITIES = (
    "hops", "threads", "loops", "connects", "statements", "transactions", "round_trips",
)  # fmt: skip
"""What the audit counts per request and a manifest's `expect` can name; see `Expect`."""
EVERY = "every"
"""In an `expect` table: the value of the endpoints that are not named."""


Count = Annotated[int, msgspec.Meta(ge=0, le=10_000)]
Counts = Count | dict[str, Count]
"""Per request: the same for every endpoint, or by endpoint, with `every` for those not named and 0
without it."""


class Expect(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a variant says that one request does; the audit holds it to it.

    hops: pieces of work that the event loop hands to another thread.
    threads, loops: threads started, event loops made.
    connects: connections opened to the database.
    statements, transactions, round_trips: sent to the database; None for those of the contract.
    """

    hops: Counts = 0
    threads: Counts = 0
    loops: Counts = 0
    connects: Counts = 0
    statements: Counts | None = None
    transactions: Counts | None = None
    round_trips: Counts | None = None

    def of(self, quantity: str, endpoint: str) -> int | None:
        """The value for one endpoint; None where the contract is to be asked."""
        counts: Counts | None = getattr(self, quantity)
        if isinstance(counts, dict):
            return counts.get(endpoint, counts.get(EVERY, 0))
        return counts


class Variant(msgspec.Struct, frozen=True):
    """Something that can be run: a folder under `implementations/` and one of its variants.

    unforeseen: whether hops, threads and loops may be others than it expects, because a setup gave
        it other packages, another interpreter or environment. A server adds none to a request.
    knobs: of its server, that a setup has set.
    """

    name: str
    title: str
    framework: str
    implementation: str
    folder: Path
    server: str
    app: str
    factors: dict[str, str]
    env: dict[str, str]
    tags: tuple[str, ...]
    expect: Expect = Expect()
    unforeseen: bool = False
    knobs: dict[str, str] = {}


class Implementation(msgspec.Struct, frozen=True):
    """One framework: a folder with its manifest, its lock file and its variants.

    dependencies: as the manifest asks for them; the lock file says which versions these are.
    left_out: variants whose server cannot be used, each with the server's name.
    packages: requirements in place of what the lock file has; see `settings.Setup`.
    python: the version of its interpreter; that of the harness if None.
    added: requirements of a setup's server that the lock file does not meet.
    """

    name: str
    title: str
    folder: Path
    requires_python: str
    variants: tuple[Variant, ...]
    dependencies: tuple[str, ...] = ()
    left_out: dict[str, str] = {}
    packages: tuple[str, ...] = ()
    python: str | None = None
    added: tuple[str, ...] = ()

    @property
    def lock_file(self) -> Path:
        """The hashed requirements from which its environment is made."""
        return self.folder / "requirements.lock"


VARIANT_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
"""The part of a variant's name after the folder."""


class _VariantTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    title: Line
    server: str
    app: str
    factors: dict[str, str]
    env: dict[str, str] = {}
    tags: tuple[str, ...] = ()
    expect: Expect = Expect()


class _ToolTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    title: Line
    variants: dict[str, _VariantTable]


def load_implementation(
    path: Path, servers: dict[str, Server], words: Vocabulary, broken: Collection[str] = ()
) -> Implementation:
    """Read one manifest and check it.

    Args:
        path: of the `pyproject.toml`.
        servers: that a variant may name. words: factors and tags that it may have.
        broken: names of servers that cannot be used; variants that name one are left out.

    Raises:
        MalformedFile: naming the key; or the lock file, if it is missing.
    """
    document = toml_table(path)
    tool = convert(document.get("tool", {}), dict[str, object], path, "tool").get("bridgetoll")
    if tool is None:
        raise MalformedFile(
            path, "the table [tool.bridgetoll] is missing; add it, or move the folder."
        )
    table = convert(tool, _ToolTable, path, "tool.bridgetoll")
    project = convert(document.get("project", {}), dict[str, object], path, "project")
    requires = project.get("requires-python")
    if not isinstance(requires, str):
        raise MalformedFile(
            path, "`project.requires-python` is missing; say which Python it needs."
        )
    _check_python(path, requires)
    folder = path.parent
    if not (folder / "requirements.lock").is_file():
        raise MalformedFile(
            folder / "requirements.lock",
            f"no such file; make it with `{lock_command(folder.name)}`.",
        )
    left_out = {name: v.server for name, v in table.variants.items() if v.server in broken}
    variants = tuple(
        _variant(path, table, name, servers, words)
        for name in table.variants
        if name not in left_out
    )
    dependencies = _dependencies(path, project)
    _check_lock(path, variants, servers, dependencies)
    return Implementation(
        name=folder.name,
        title=table.title,
        folder=folder,
        requires_python=requires,
        variants=variants,
        left_out={f"{folder.name}/{name}": server for name, server in left_out.items()},
        dependencies=dependencies,
    )


def _dependencies(path: Path, project: dict[str, object]) -> tuple[str, ...]:
    found = convert(project.get("dependencies", []), tuple[str, ...], path, "project.dependencies")
    for text in found:
        try:
            Requirement(text)
        except InvalidRequirement:
            raise MalformedFile(
                path, f"`project.dependencies`: {text!r} is no requirement; write e.g. 'x~=1.0'."
            ) from None
    return found


def _variant(
    path: Path, table: _ToolTable, name: str, servers: dict[str, Server], words: Vocabulary
) -> Variant:
    entry = table.variants[name]
    at = f"tool.bridgetoll.variants.{plain(name)}"
    if not VARIANT_NAME.fullmatch(name):
        raise MalformedFile(
            path, f"`{at}`: a name has lower-case letters, digits and hyphens only."
        )
    whole = f"{path.parent.name}/{name}"
    if len(whole) > LONGEST_VARIANT:
        raise MalformedFile(
            path,
            f"the variant's name `{plain(whole)}` has {len(whole)} characters, and at most "
            f"{LONGEST_VARIANT} are allowed; shorten it.",
        )
    if entry.server not in servers:
        known = ", ".join(sorted(servers))
        raise MalformedFile(
            path,
            f"`{at}.server`: no server `{plain(entry.server)}` in shared/servers.toml; it has "
            f"{known}.",
        )
    _check_expect(path, at, entry.expect)
    _check_words(path, at, entry, servers[entry.server], words)
    _check_constants(path, at, entry, servers[entry.server], words)
    return Variant(
        name=whole,
        title=entry.title,
        framework=table.title,
        implementation=path.parent.name,
        folder=path.parent,
        server=entry.server,
        app=entry.app,
        factors=entry.factors,
        env=entry.env,
        tags=entry.tags,
        expect=entry.expect,
    )


def _check_expect(path: Path, at: str, expect: Expect) -> None:
    for quantity in QUANTITIES:
        counts = getattr(expect, quantity)
        unknown = sorted(set(counts) - {*ENDPOINTS, EVERY}) if isinstance(counts, dict) else []
        if unknown:
            near = nearest(unknown[0], (EVERY, *ENDPOINTS))
            the = f"did you mean `{near}`? The" if near else "the"
            raise MalformedFile(
                path,
                f"`{at}.expect.{quantity}`: unknown endpoint `{plain(unknown[0])}`; {the} allowed "
                f"keys are: {EVERY}, {', '.join(ENDPOINTS)}.",
            )


def _check_words(
    path: Path, at: str, entry: _VariantTable, server: Server, words: Vocabulary
) -> None:
    """Refuse factors, values and tags that are not in the vocabulary."""
    if knob := next((name for name in entry.factors if name in server.knobs), None):
        raise MalformedFile(
            path,
            f"`{at}.factors.{knob}`: it is a knob of the server `{entry.server}`, which a study's "
            "setups set; remove it.",
        )
    if problem := words.factor_problem(entry.factors):
        name, why = problem
        raise MalformedFile(path, f"`{at}.factors.{plain(name)}`: {why}.")
    for index, tag in enumerate(entry.tags):
        if (wrong := words.tag_problem(tag)) is not None:
            raise MalformedFile(path, f"{in_item(f'{at}.tags', index)}{wrong}.")


def _check_constants(
    path: Path, at: str, entry: _VariantTable, server: Server, words: Vocabulary
) -> None:
    """Refuse what would make a variant differ from others in more than it declares."""
    if not entry.app or entry.app.startswith("-") or "\0" in entry.app:
        raise MalformedFile(
            path,
            f"`{at}.app`: {entry.app!r} names no application; write e.g. 'app.main:app'. Options "
            "of a server stand in its `argv` in shared/servers.toml.",
        )
    if entry.app.startswith("/") or ".." in entry.app.split("/"):
        raise MalformedFile(
            path,
            f"`{at}.app` is `{plain(entry.app)}`, which leaves the implementation's folder; move "
            "the application into it.",
        )
    extra_hops = (words.usual | entry.factors)["extra_hops"]
    if problem := variable_problem(entry.env, extra_hops):
        name, why = problem
        raise MalformedFile(path, f"`{at}.env.{name}` {why}.")
    if pool_of(entry.factors) == PER_THREAD and not server.takes("threads"):
        raise MalformedFile(
            path,
            f"`{at}.factors.pool` is '{PER_THREAD}', and the command line of `{entry.server}` "
            "lacks {threads}, so a study could not say how many connections that is; add "
            "{threads} to it in shared/servers.toml, or name another server.",
        )


def _check_lock(
    path: Path, variants: Iterable[Variant], servers: dict[str, Server], asked: Iterable[str]
) -> None:
    """Refuse a server that the implementation's environment does not have.

    asked: `project.dependencies`.
    """
    locked = locked_versions(path.parent / "requirements.lock")
    wanted = {package_of(text) for text in asked}
    for variant in variants:
        for text in missing(servers[variant.server].fitted({}).requires, locked):
            package = package_of(text)
            has = f"has {package} {locked[package]}" if package in locked else f"lacks `{package}`"
            stale = package in wanted and package not in locked
            put = "" if stale else "put it into `project.dependencies`, then "
            raise MalformedFile(
                path,
                f"`tool.bridgetoll.variants.{variant.name.partition('/')[2]}.server` is "
                f"`{variant.server}`, which needs `{text}`, and requirements.lock {has}; {put}"
                f"make the lock anew with `{lock_command(path.parent.name)}`.",
            )


def _check_python(path: Path, requires: str) -> None:
    """Refuse an implementation that this interpreter cannot run; all share one interpreter."""
    here = platform.python_version()
    try:
        fits = SpecifierSet(requires).contains(here)
    except InvalidSpecifier:
        raise MalformedFile(
            path,
            f"`project.requires-python`: {requires!r} is no version range; write e.g. '>=3.12'.",
        ) from None
    if not fits:
        raise MalformedFile(
            path,
            f"`project.requires-python` is {requires!r}, and every implementation runs on "
            f"Python {here} here; run bridgetoll with a Python that fits, or widen the range.",
        )

"""What can be run: the implementations found on disk, and the servers they name."""

import platform
import re
from collections.abc import Mapping
from pathlib import Path
from string import Formatter

import msgspec
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from harness.base.decode import convert, toml_table
from harness.base.errors import MalformedFile, UnknownName, UsageError
from harness.base.workspace import Workspace
from harness.inputs.manifests import (
    ENDPOINTS,
    EVERY,
    QUANTITIES,
    Expect,
    Implementation,
    Server,
    Tag,
    Variant,
)
from harness.inputs.settings import Setup

PLACES = ("app", "host", "port", "python", "threads", "workers")
"""What a server's command line may ask for, in braces."""
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


class _VariantTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    title: str
    server: str
    app: str
    factors: dict[str, str]
    env: dict[str, str] = {}
    tags: tuple[Tag, ...] = ()
    expect: Expect = Expect()


class _ToolTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    title: str
    variants: dict[str, _VariantTable]


class Catalog(msgspec.Struct, frozen=True):
    """All implementations and servers of a workspace, checked against each other."""

    implementations: dict[str, Implementation]
    servers: dict[str, Server]

    @property
    def variants(self) -> dict[str, Variant]:
        """Every variant by its name, `folder/variant`."""
        return {v.name: v for i in self.implementations.values() for v in i.variants}

    def variant(self, name: str, where: str | None = None) -> Variant:
        """The variant of that name.

        Raises:
            UnknownName: with the names that exist.
        """
        try:
            return self.variants[name]
        except KeyError:
            raise UnknownName("variant", name, list(self.variants), where) from None

    def with_setups(self, setups: Mapping[str, Setup], where: str | None = None) -> "Catalog":
        """This catalog, and the variants that a study makes of others by settings of its own.

        Raises:
            UnknownName: a setup of a variant that there is not.
            UsageError: a setup is called as a variant is, or has the name of another folder.
        """
        made = dict(self.implementations)
        for name, setup in setups.items():
            origin = self.variant(setup.variant, where)
            folder = origin.implementation
            home_name, _, word = name.partition("/")
            if name in self.variants or home_name != folder or not _NAME.fullmatch(word):
                raise UsageError(
                    f"{where or 'study'}: `setups.{name}` must be called `{folder}/` and a word "
                    "that no variant of it has, of lower-case letters, digits and single hyphens, "
                    f"because it is a setup of {setup.variant}."
                )
            home = made[folder]
            variants = (*home.variants, _set_up(name, origin, setup))
            made[folder] = msgspec.structs.replace(home, variants=variants)
        return msgspec.structs.replace(self, implementations=made)

    def select(self, names: list[str]) -> list[Variant]:
        """The variants named, a bare folder name standing for all of its variants; all if none."""
        chosen: dict[str, Variant] = {}
        for name in names or list(self.implementations):
            if name in self.implementations:
                chosen |= {v.name: v for v in self.implementations[name].variants}
            else:
                chosen[name] = self.variant(name)
        return list(chosen.values())


def _set_up(name: str, origin: Variant, setup: Setup) -> Variant:
    """The variant under another name; how many connections it holds at most is a factor of it."""
    by_pool = {"per-thread": setup.threads, "per-request": setup.max_connections}
    most = by_pool.get(origin.factors.get("pool", "pooled"), setup.pool_size)
    own = {} if most is None else {"database_connections": str(most)}
    told = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in setup.settings.items())
    return msgspec.structs.replace(
        origin,
        name=name,
        title=setup.title or f"{origin.title}; {told or 'as it is'}",
        factors=origin.factors | own,
    )


def load_catalog(workspace: Workspace) -> Catalog:
    """Read `shared/servers.toml` and every `implementations/*/pyproject.toml`.

    Raises:
        MalformedFile: a manifest that cannot be read, or that names a server that is not there.
    """
    servers_file = workspace.shared / "servers.toml"
    servers = convert(toml_table(servers_file), dict[str, Server], servers_file)
    _check_servers(servers_file, servers)
    manifests = sorted(workspace.implementations.glob("*/pyproject.toml"))
    found = [_implementation(path, servers) for path in manifests]
    return Catalog(implementations={i.name: i for i in found}, servers=servers)


def _check_servers(path: Path, servers: dict[str, Server]) -> None:
    """A command line that cannot be filled in is better found now than when it is started."""
    for name, server in servers.items():
        if not server.argv:
            raise MalformedFile(path, f"`{name}.argv` is empty; name the server's program.")
        try:
            asked = {
                f for part in server.argv for _, f, _, _ in Formatter().parse(part) if f is not None
            }
        except ValueError as error:
            raise MalformedFile(
                path, f"`{name}.argv`: {error}; write literal braces twice."
            ) from None
        if unknown := sorted(asked - set(PLACES)):
            raise MalformedFile(
                path,
                f"`{name}.argv`: unknown placeholder {{{unknown[0]}}}; the allowed ones are: "
                f"{', '.join(PLACES)}.",
            )


def check_endpoint(name: str, where: str) -> str:
    """`name`, if the contract has such an endpoint."""
    if name not in ENDPOINTS:
        raise UnknownName("endpoint", name, list(ENDPOINTS), where)
    return name


def _implementation(path: Path, servers: dict[str, Server]) -> Implementation:
    document = toml_table(path)
    tool = convert(document.get("tool", {}), dict[str, object], path, "tool").get("bridgetoll")
    if tool is None:
        raise MalformedFile(path, "has no table [tool.bridgetoll]; add one, or move the folder.")
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
            "no such file; make it with `uv pip compile --universal --generate-hashes "
            "pyproject.toml -o requirements.lock`.",
        )
    variants = tuple(_variant(path, table, name, servers) for name in table.variants)
    return Implementation(
        name=folder.name,
        title=table.title,
        folder=folder,
        requires_python=requires,
        variants=variants,
        dependencies=_dependencies(path, project),
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


def _variant(path: Path, table: _ToolTable, name: str, servers: dict[str, Server]) -> Variant:
    entry = table.variants[name]
    at = f"tool.bridgetoll.variants.{name}"
    if not _NAME.fullmatch(name):
        raise MalformedFile(
            path, f"`{at}`: a name has lower-case letters, digits and hyphens only."
        )
    if entry.server not in servers:
        known = ", ".join(sorted(servers))
        raise MalformedFile(
            path,
            f"`{at}.server`: no server `{entry.server}` in shared/servers.toml; it has {known}.",
        )
    _check_expect(path, at, entry.expect)
    return Variant(
        name=f"{path.parent.name}/{name}",
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
            raise MalformedFile(
                path,
                f"`{at}.expect.{quantity}`: unknown endpoint `{unknown[0]}`; the allowed keys are: "
                f"{EVERY}, {', '.join(ENDPOINTS)}.",
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

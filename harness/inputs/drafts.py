"""New implementations, before they are on disk: what `bridgetoll new` writes."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import tomli_w
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from harness.base.decode import toml_table
from harness.base.errors import UnknownName, UsageError, plain
from harness.inputs.catalog import Catalog
from harness.inputs.imports import all_names, imports_of
from harness.inputs.locks import locked_versions
from harness.inputs.manifests import Implementation, Variant
from harness.inputs.names import LONGEST_VARIANT, name_problem
from harness.inputs.servers import Protocol, Server

SKELETONS = Path(__file__).resolve().parents[2] / "implementations" / ".empty"
"""A folder per protocol, with all that a new implementation needs but the framework."""
_MANIFEST, _LOCK, _README = Path("pyproject.toml"), Path("requirements.lock"), Path("README.md")


class Draft(msgspec.Struct, frozen=True):
    """What a new folder holds.

    variant: the name of its only variant, `folder/word`.
    source: of what it is made, for a reader.
    todo: what of it the new framework replaces, for a reader.
    files: contents by path within the folder. The lock file has the versions to begin with, where
        there is one; it must be made anew.
    """

    variant: str
    source: str
    todo: str
    files: dict[Path, bytes]

    @property
    def name(self) -> str:
        """Of the folder."""
        return self.variant.partition("/")[0]

    def write(self, folder: Path) -> None:
        """Write all files into a folder that is there."""
        for path, body in self.files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(body)

    def pin(self, folder: Path) -> None:
        """Let the manifest ask for the release of each package that it names without a version.

        folder: with the written manifest and its lock file.
        """
        manifest, versions = folder / _MANIFEST, locked_versions(folder / _LOCK)
        text = manifest.read_text(encoding="utf-8")
        for asked in toml_table(manifest)["project"]["dependencies"]:
            version = versions.get(_package(asked))
            if version is not None and not Requirement(asked).specifier:
                release = Version(version)
                pinned = f"{asked}~={release.major}.{release.minor}"
                text = text.replace(f"    {_inline(asked)},\n", f"    {_inline(pinned)},\n")
        manifest.write_text(text, encoding="utf-8")


def check_new_name(name: str, home: Path) -> None:
    """Refuse a name that no implementation can have, or that one has.

    Args:
        name: of the new folder. home: the folder of all implementations.

    Raises:
        UsageError: with a name that can be used.
    """
    if problem := name_problem(name):
        raise UsageError(f"The new folder's name {problem}.")
    place = home / name
    if place.exists() or place.is_symlink():
        raise UsageError(
            f"implementations/{name} exists; choose another name, or remove the folder first."
        )


def check_packages(texts: Iterable[str]) -> list[str]:
    """Packages for a manifest, e.g. `pyramid` or `pyramid~=2.1`, spelled as they were typed.

    Raises:
        UsageError: one is no package of an index.
    """
    packages = [text.strip() for text in texts]
    for text in packages:
        try:
            wanted = Requirement(text)
        except InvalidRequirement:
            wanted = None
        if wanted is None or wanted.url is not None or wanted.marker is not None:
            raise UsageError(
                f"--with: {plain(text)!r} names no package; write e.g. `--with 'pyramid~=2.1'`."
            )
    return packages


def draft_like(
    name: str, variant: Variant, catalog: Catalog, packages: Iterable[str] = ()
) -> Draft:
    """A folder with what one variant imports, its manifest and the packages that it uses.

    Args:
        name: of the new folder. variant: to be copied. catalog: in which it is. packages: more of
            them; see `check_packages`.

    Raises:
        UsageError: its application is not where the manifest says, or the name gets too long.
    """
    home, server = catalog.implementations[variant.implementation], catalog.servers[variant.server]
    imported = imports_of(home.folder, variant.app, server.argv, set(variant.env.values()))
    dependencies = _kept_dependencies(home, variant, imported.names, catalog.servers)
    document = toml_table(home.folder / _MANIFEST)
    word = variant.name.partition("/")[2]
    files = {path: (home.folder / path).read_bytes() for path in imported.files}
    files[_LOCK] = home.lock_file.read_bytes()
    todo = f"Its code is still {variant.framework}'s: put your framework in its place."
    dependencies = _joined(dependencies, packages)
    return _draft(name, word, variant.name, todo, document, dependencies, files)


def draft_empty(
    name: str, server_name: str, catalog: Catalog, packages: Iterable[str] = ()
) -> Draft:
    """A folder with settings, SQL, a pool and endpoints that answer 501, without a framework.

    Args:
        name: of the new folder. server_name: its server. catalog: with the servers. packages: more
            of them; see `check_packages`.

    Raises:
        UnknownName: there is no such server.
        UsageError: the server runs one framework's applications only, or the name gets too long.
    """
    server = _general_server(server_name, catalog)
    skeleton = SKELETONS / server.protocol
    document = toml_table(skeleton / _MANIFEST)
    ((word, variant),) = document["tool"]["bridgetoll"]["variants"].items()
    variant["server"] = server_name
    own = document["project"]["dependencies"]
    files = {
        path.relative_to(skeleton): path.read_bytes() for path in sorted(skeleton.rglob("*.py"))
    }
    files |= _files_of_server(server, catalog.implementations.values())
    dependencies = _joined(_joined(_dependencies_of(server, catalog), own), packages)
    source = f"the empty {server.protocol.upper()} application"
    todo = "app/main.py has six stubs: put your framework in their place."
    return _draft(name, word, source, todo, document, sorted(dependencies), files)


def _general_server(name: str, catalog: Catalog) -> Server:
    """A server that runs applications of any framework."""
    if name in catalog.broken_servers:
        raise catalog.broken_servers[name]
    general = [n for n, server in catalog.servers.items() if server.protocol is not Protocol.OWN]
    if name in general:
        return catalog.servers[name]
    if name not in catalog.servers:
        raise UnknownName("server", name, general)
    users = [variant.name for variant in catalog.variants.values() if variant.server == name]
    copy = f"copy a variant with `--like {users[0]}`, or " if users else ""
    raise UsageError(
        f"The server `{name}` runs one framework's applications only; {copy}choose one of: "
        f"{', '.join(sorted(general))}."
    )


def _files_of_server(
    server: Server, implementations: Iterable[Implementation]
) -> dict[Path, bytes]:
    """Files that a server's command line names, such as a configuration: as another folder has
    them."""
    found: dict[Path, bytes] = {}
    for part in server.argv:
        for home in implementations:
            if part.endswith(".py") and (home.folder / part).is_file():
                found[Path(part)] = (home.folder / part).read_bytes()
                break
    return found


def _kept_dependencies(
    home: Implementation, variant: Variant, names: frozenset[str], servers: Mapping[str, Server]
) -> list[str]:
    """The dependencies of a variant: all but those that other variants alone use.

    A dependency that no code names, such as a parser that a server finds by itself, is kept unless
    it is another server's.
    """
    own = _packages(servers[variant.server])
    others = {package for v in home.variants for package in _packages(servers[v.server])}
    elsewhere = all_names(home.folder) | others

    def is_kept(text: str) -> bool:
        package = _package(text)
        return package in names or package in own or package not in elsewhere

    return [text for text in home.dependencies if is_kept(text)]


def _dependencies_of(server: Server, catalog: Catalog) -> list[str]:
    """The packages of a server, spelled as another implementation asks for them if one does."""
    spelled = {
        _package(text): text for home in catalog.implementations.values()
        for text in home.dependencies
    }  # fmt: skip
    return [spelled.get(_package(text), text) for text in server.fitted({}).requires]


def _joined(some: Iterable[str], more: Iterable[str]) -> list[str]:
    """Both lists; of a package that stands in both, what the second one asks for."""
    asked = {_package(text): text for text in some}
    return list((asked | {_package(text): text for text in more}).values())


def _packages(server: Server) -> set[str]:
    return {_package(text) for text in server.fitted({}).requires}


def _package(requirement: str) -> str:
    return canonicalize_name(Requirement(requirement).name)


def _draft(
    name: str,
    word: str,
    source: str,
    todo: str,
    document: dict[str, Any],
    dependencies: Iterable[str],
    files: dict[Path, bytes],
) -> Draft:
    variant = f"{name}/{word}"
    if len(variant) > LONGEST_VARIANT:
        raise UsageError(
            f"The variant's name `{variant}` has {len(variant)} characters, and at most "
            f"{LONGEST_VARIANT} are allowed; choose a shorter name."
        )
    title = name.replace("-", " ").replace("_", " ").capitalize()
    manifest = _manifest(name, title, word, document, dependencies)
    texts = {_MANIFEST: manifest, _README: _readme(title, variant)}
    return Draft(
        variant, source, todo, files | {path: text.encode() for path, text in texts.items()}
    )


def _manifest(
    name: str, title: str, word: str, document: dict[str, Any], dependencies: Iterable[str]
) -> str:
    """A manifest with one variant of another's, in the order in which people write one."""
    project, tools = document["project"], dict(document["tool"])
    variant = tools.pop("bridgetoll")["variants"][word]
    head = {
        "name": f"bridgetoll-{name}",
        "version": "0",
        "description": f"The bridgetoll contract in {title}.",
        "requires-python": project["requires-python"],
    }
    lines = [
        "[project]", *_pairs(head),
        "dependencies = [", *(f"    {_inline(text)}," for text in dependencies), "]",
        "", *([tomli_w.dumps({"tool": tools})] if tools else []),
        "[tool.bridgetoll]", *_pairs({"title": title}),
        "", f"[tool.bridgetoll.variants.{word}]", *_pairs(variant),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _pairs(table: Mapping[str, Any]) -> list[str]:
    return [f"{key} = {_inline(value)}" for key, value in table.items()]


def _inline(value: Any) -> str:
    """A value of TOML on one line."""
    match value:
        case dict():
            return f"{{ {', '.join(_pairs(value))} }}" if value else "{}"
        case list():
            return f"[{', '.join(map(_inline, value))}]"
        case _:
            return tomli_w.dumps({"x": value}).partition("=")[2].strip()


def _readme(title: str, variant: str) -> str:
    return f"""\
# {title}

*Which framework and release this is, and how its users deploy it.*

## Choices

- **Server.** *Why this one.*
- **Data.** *How a request gets a connection, and when it gives it back.*
- **The form.** *Who parses it, and what of the contract that parser would not refuse.*
- **The body's limit.** *Who counts, with and without a Content-Length.*
- **Errors.** *Where they become JSON, and which the server answers by itself.*
- **JSON.** *Who encodes.*

## Database, when warm

*Statements and round trips of each endpoint, as `bridgetoll audit {variant}` counts them.*
"""

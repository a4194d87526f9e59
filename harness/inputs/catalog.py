"""What can be run: the implementations found on disk, and the servers they name."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from harness.base.errors import BridgetollError, UnknownName, UsageError, plain
from harness.base.workspace import Workspace
from harness.inputs.factors import PER_REQUEST, PER_THREAD, pool_of
from harness.inputs.manifests import (
    VARIANT_NAME,
    Implementation,
    Variant,
    load_implementation,
)
from harness.inputs.names import LONGEST_VARIANT, name_problem
from harness.inputs.servers import Server, load_servers
from harness.inputs.settings import Setup


class Catalog(msgspec.Struct, frozen=True):
    """All implementations and servers of a workspace, checked against each other.

    broken: by folder, why an implementation cannot be read. Its variants are left out.
    broken_servers: by name, why a server cannot be used. Variants that name it are left out.
    """

    implementations: dict[str, Implementation]
    servers: dict[str, Server]
    broken: dict[str, BridgetollError] = {}
    broken_servers: dict[str, BridgetollError] = {}

    @property
    def variants(self) -> dict[str, Variant]:
        """Every variant by its name, `folder/variant`."""
        return {v.name: v for i in self.implementations.values() for v in i.variants}

    def variant(self, name: str, where: str | None = None) -> Variant:
        """The variant of that name.

        Raises:
            UnknownName: with the names that exist.
            BridgetollError: the variant's folder cannot be read, or its server not be used.
        """
        folder = name.partition("/")[0]
        if folder in self.broken:
            raise self.broken[folder]
        if (server := self.broken_server(name)) is not None:
            raise self.broken_servers[server]
        try:
            return self.variants[name]
        except KeyError:
            raise UnknownName("variant", name, list(self.variants), where) from None

    def broken_server(self, name: str) -> str | None:
        """The server that a variant names, if it cannot be used."""
        home = self.implementations.get(name.partition("/")[0])
        return None if home is None else home.left_out.get(name)

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
            if len(name) > LONGEST_VARIANT:
                raise UsageError(
                    f"{where or 'study'}: the name of `setups.{plain(name)}` has {len(name)} "
                    f"characters, and at most {LONGEST_VARIANT} are allowed; shorten it."
                )
            if name in self.variants or home_name != folder or not VARIANT_NAME.fullmatch(word):
                raise UsageError(
                    f"{where or 'study'}: `setups.{plain(name)}` must be called `{folder}/` and a "
                    "word that no variant of it has, of lower-case letters, digits and single "
                    f"hyphens, because it is a setup of {setup.variant}."
                )
            home = made[folder]
            variants = (*home.variants, _set_up(name, origin, setup))
            made[folder] = msgspec.structs.replace(home, variants=variants)
        return msgspec.structs.replace(self, implementations=made)

    def select(self, names: list[str]) -> list[Variant]:
        """The variants named; a folder stands for all of its variants, no name for everything.

        Raises:
            UnknownName: with the names that exist.
            BridgetollError: a folder that is named cannot be read.
        """
        chosen: dict[str, Variant] = {}
        for name in names or list(self.implementations):
            if name in self.implementations:
                chosen |= {v.name: v for v in self.implementations[name].variants}
            else:
                chosen[name] = self.variant(name)
        return list(chosen.values())


def _set_up(name: str, origin: Variant, setup: Setup) -> Variant:
    """The variant under another name; how many connections it holds at most is a factor of it."""
    by_pool = {PER_THREAD: setup.threads, PER_REQUEST: setup.max_connections}
    most = by_pool.get(pool_of(origin.factors), setup.pool_size)
    own = {} if most is None else {"database_connections": str(most)}
    told = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in setup.settings.items())
    return msgspec.structs.replace(
        origin,
        name=name,
        title=setup.title or f"{origin.title}; {told or 'as it is'}",
        factors=origin.factors | own,
    )


def load_catalog(workspace: Workspace) -> Catalog:
    """Read `shared/servers.toml` and the `pyproject.toml` of each folder in `implementations`.

    Hidden folders are ignored, a README, and folders that hold nothing but caches. An
    implementation or server that cannot be read breaks itself alone: see `Catalog.broken`.

    Raises:
        MalformedFile: `shared/servers.toml` is no TOML.
    """
    servers, bad_servers = load_servers(workspace.shared / "servers.toml")
    implementations: dict[str, Implementation] = {}
    broken: dict[str, BridgetollError] = {}
    for folder in sorted(_visible(workspace.implementations)):
        path = folder / "pyproject.toml"
        try:
            if problem := name_problem(folder.name):
                broken[folder.name] = UsageError(f"{folder}: the folder's name {problem}.")
            elif not folder.is_dir():
                broken[folder.name] = UsageError(f"{folder} is no folder; move it.")
            elif path.is_file():
                implementations[folder.name] = load_implementation(path, servers, bad_servers)
            elif any(_visible(folder)):
                broken[folder.name] = UsageError(
                    f"{folder} has no pyproject.toml; add one, or move the folder."
                )
        except BridgetollError as error:
            broken[folder.name] = error
        except OSError as error:
            broken[folder.name] = UsageError(
                f"{folder} cannot be read ({error.strerror}); mend it, or move it."
            )
    return Catalog(implementations, servers, broken, bad_servers)


def _visible(folder: Path) -> list[Path]:
    """What the folder holds, but hidden files and caches."""
    if not folder.is_dir():
        return []
    return [
        path
        for path in folder.iterdir()
        if path.name[0] != "." and path.name != "__pycache__" and path.stem != "README"
    ]

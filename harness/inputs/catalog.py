"""What can be run: the implementations found on disk, and the servers they name."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from harness.base.errors import BridgetollError, UnknownName, UsageError
from harness.base.workspace import Workspace
from harness.inputs.factors import FILE, load_vocabulary
from harness.inputs.manifests import (
    Implementation,
    Variant,
    load_implementation,
)
from harness.inputs.names import name_problem
from harness.inputs.servers import Server, load_servers
from harness.inputs.settings import Setup
from harness.inputs.setups import check_name, set_up, usual_factors


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

    def with_setups(
        self, setups: Mapping[str, Setup], where: str | None = None, workers: int = 1
    ) -> "Catalog":
        """This catalog, and the variants that a study makes of others.

        A setup with packages or an interpreter of its own has an implementation of its own, called
        `folder+word`. Factors that some setup sets, all variants get.

        Args:
            setups: by name. where: the study's file.
            workers: that the study gives to every other variant.

        Raises:
            UnknownName: a setup of a variant, or on a server, that there is not.
            UsageError: a setup cannot be made as it stands.
        """
        if not setups:
            return self
        made = dict(self.implementations)
        place = where or "study"
        for name, setup in setups.items():
            origin = self.variant(setup.variant, where)
            home = made[origin.implementation]
            check_name(name, setup, home, place)
            variant, own = set_up(name, setup, origin, home, self.servers, place)
            if own is not None:
                made[own.name] = own
            made[home.name] = msgspec.structs.replace(home, variants=(*home.variants, variant))
        for name, home in made.items():
            varied = tuple(
                msgspec.structs.replace(
                    v, factors=usual_factors(v, home, self.servers, setups, workers)
                )
                for v in home.variants
            )
            made[name] = msgspec.structs.replace(home, variants=varied)
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
            elif "/" in name or name in self.broken:
                chosen[name] = self.variant(name)
            else:
                raise UnknownName("implementation", name, list(self.implementations))
        return list(chosen.values())

    def only_variant(self, name: str) -> Variant:
        """The variant of that name, or the one of an implementation that has no other.

        Raises:
            UsageError: there is none, or the implementation has several, which are named.
        """
        variants = self.select([name])
        if len(variants) == 1:
            return variants[0]
        if not variants:
            for left_out in self.implementations[name].left_out:
                self.variant(left_out)  # raises what is wrong with its server
            raise UsageError(f"`{name}` has no variant; add one to its pyproject.toml.")
        names = ", ".join(variant.name for variant in variants)
        raise UsageError(f"`{name}` has {len(variants)} variants; choose one of: {names}.")


def load_catalog(workspace: Workspace) -> Catalog:
    """Read servers and vocabulary, and the `pyproject.toml` of each folder in `implementations`.

    Hidden folders are ignored, a README, and folders that hold nothing but caches. An
    implementation or server that cannot be read breaks itself alone: see `Catalog.broken`.

    Raises:
        MalformedFile: `shared/servers.toml` is no TOML, or `shared/factors.toml` is wrong.
    """
    words = load_vocabulary(workspace.shared / FILE)
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
                implementations[folder.name] = load_implementation(
                    path, servers, words, bad_servers
                )
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

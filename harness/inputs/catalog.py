"""What can be run: the implementations found on disk, and the servers they name."""

from collections.abc import Mapping

import msgspec

from harness.base.errors import UnknownName, UsageError
from harness.base.workspace import Workspace
from harness.inputs.manifests import (
    VARIANT_NAME,
    Implementation,
    Variant,
    load_implementation,
)
from harness.inputs.servers import Server, load_servers
from harness.inputs.settings import Setup


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
            if name in self.variants or home_name != folder or not VARIANT_NAME.fullmatch(word):
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
    servers = load_servers(workspace.shared / "servers.toml")
    manifests = sorted(workspace.implementations.glob("*/pyproject.toml"))
    implementations = [load_implementation(path, servers) for path in manifests]
    return Catalog({i.name: i for i in implementations}, servers)

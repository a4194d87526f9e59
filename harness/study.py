"""A study: which variants, under which conditions, how often. Read from `shared/studies/*.toml`."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from harness.catalog import Catalog, check_endpoint
from harness.decode import convert, toml_table
from harness.errors import MalformedFile, UnknownName
from harness.workspace import Workspace

Count = Annotated[int, msgspec.Meta(ge=1)]
Positive = Annotated[float, msgspec.Meta(gt=0, le=86_400)]
"""Seconds, a day at most; TOML can say `inf`."""
SPARE_CONNECTIONS = 10
"""For the harness itself, and for superusers."""


class ServerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What every server of the study is given; see the confounder settings in the README."""

    workers: Count = 1
    threads: Count = 16
    pool_size: Count = 16
    pool_timeout_s: Positive = 30.0
    cpu_iterations: Count = 10_000_000
    wait_ms: Annotated[int, msgspec.Meta(ge=0)] = 100


class DatabaseSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The study's PostgreSQL.

    `durability = "off"` sets fsync, synchronous_commit and full_page_writes off, so that the disk
    of the machine is not what `io_create` measures.
    """

    max_connections: Annotated[int, msgspec.Meta(ge=10, le=10_000)] = 400
    durability: Literal["on", "off"] = "off"


class LoadSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the native generator loads the variants.

    slice_s: seconds during which a slice sends; it then ends with its last response.
    rounds: slices per variant in one trial.
    warmup_s: seconds of the same load, per variant, before the first round.
    timeout_s: a request without a complete answer after this long is an error.
    """

    engine: Literal["native"] = "native"
    slice_s: Annotated[float, msgspec.Meta(ge=0.01, le=60)] = 0.15
    rounds: Count = 20
    warmup_s: Positive = 0.3
    timeout_s: Positive = 30.0


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything outside the variant: what is asked, by how many, of how large a table."""

    endpoint: str
    connections: Annotated[int, msgspec.Meta(ge=1, le=60_000)] = 32
    rows: Annotated[int, msgspec.Meta(ge=0, le=100_000_000)] = 1_000

    @property
    def name(self) -> str:
        """The identity used in file names and reports."""
        return f"{self.endpoint}-c{self.connections}-r{self.rows}"


class Study(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question with its design.

    baseline: the variant that ratios are taken to; a hidden duplicate of it (A/A) runs along.
    """

    title: str
    question: str
    variants: tuple[str, ...]
    baseline: str
    blocks: Count
    seed: int
    conditions: tuple[Condition, ...]
    server: ServerSettings = ServerSettings()
    database: DatabaseSettings = DatabaseSettings()
    load: LoadSettings = LoadSettings()


def study_names(workspace: Workspace) -> list[str]:
    """The studies that can be run by name."""
    return sorted(path.stem for path in (workspace.shared / "studies").glob("*.toml"))


def find_study(workspace: Workspace, name: str) -> Path:
    """The file of a study named by its stem or by a path that ends in `.toml`.

    Raises:
        UnknownName: with the studies that exist.
    """
    if name.endswith(".toml"):
        return Path(name)
    path = workspace.shared / "studies" / f"{name}.toml"
    if name not in study_names(workspace):
        raise UnknownName("study", name, study_names(workspace))
    return path


def load_study(path: Path, catalog: Catalog) -> Study:
    """Read a study and check every name in it.

    Raises:
        MalformedFile, UnknownName: naming file, key and remedy.
    """
    study = convert(toml_table(path), Study, path)
    for name in (*study.variants, study.baseline):
        catalog.variant(name, str(path))
    for condition in study.conditions:
        check_endpoint(condition.endpoint, str(path))
    _check_design(path, study)
    _check_connections(path, study, catalog)
    return study


def _check_design(path: Path, study: Study) -> None:
    for key, values in (("variants", study.variants), ("conditions", study.conditions)):
        if not values:
            raise MalformedFile(path, f"`{key}` is empty; name at least one.")
        if len(set(values)) < len(values):
            raise MalformedFile(path, f"`{key}` names one twice; remove the repetition.")
    if study.baseline not in study.variants:
        raise MalformedFile(
            path, f"`baseline`: `{study.baseline}` is not among `variants`; add it there."
        )


def _check_connections(path: Path, study: Study, catalog: Catalog) -> None:
    """All servers of a block hold their connections at once.

    A variant without a pool holds none between its slices, and opens one per request within them.
    That may exceed what the database allows: then it is what such a variant does, and is measured.
    """
    held = {"per-request": 0, "per-thread": study.server.threads}
    names = (*study.variants, study.baseline)
    pools = [catalog.variant(name).factors.get("pool", "pooled") for name in names]
    total = study.server.workers * sum(held.get(p, study.server.pool_size) for p in pools)
    needed = total + SPARE_CONNECTIONS
    if study.database.max_connections < needed:
        raise MalformedFile(
            path,
            f"`database.max_connections` is {study.database.max_connections}, and the servers of "
            f"a block hold {total} together; set it to at least {needed}.",
        )

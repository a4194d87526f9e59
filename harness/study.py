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
    generators: processes of the generator, where one core does not suffice.
    probe: whether the application's core is watched by a speed probe; see `lab.speed`.
    samples_per_s: how often PostgreSQL is asked what it waits for; 0 for never.
    keep_requests: whether each request's start and latency are kept beside the trials.
    """

    engine: Literal["native"] = "native"
    slice_s: Annotated[float, msgspec.Meta(ge=0.01, le=60)] = 0.1
    rounds: Count = 20
    warmup_s: Positive = 0.3
    timeout_s: Positive = 30.0
    generators: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1
    probe: bool = True
    samples_per_s: Annotated[float, msgspec.Meta(ge=0, le=100)] = 10.0
    keep_requests: bool = False


class Objective(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a rate must meet to be sustained.

    percentile, latency_ms: that percentile of the latency from the due time is at most this.
    errors: failed requests, at most this share of all.
    achieved: responses per second, at least this share of the arrivals.
    """

    latency_ms: Positive = 100.0
    percentile: Annotated[float, msgspec.Meta(ge=1, le=99.99)] = 99.0
    errors: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.001
    achieved: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.99


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything outside the variant: what is asked, how, and of how large a table.

    Without more, N connections load each variant in a closed loop, in short slices. A window is an
    unbroken measurement in their place. An open loop needs one, and either of:

    connections: of the closed loop; in an open loop, the most requests that are under way.
    rows: of the table.
    window_s, windows: length of a window, and how many make a trial.
    rate: arrivals per second, the same for every variant.
    share: arrivals per second, as a share of what the variant did in a closed loop just before.
    objective: search for the highest rate that meets it; window_s is the length of each try.
    arrivals: when they come.
    """

    endpoint: str
    connections: Annotated[int, msgspec.Meta(ge=1, le=60_000)] = 32
    rows: Annotated[int, msgspec.Meta(ge=0, le=100_000_000)] = 1_000
    window_s: Annotated[float, msgspec.Meta(ge=0.5, le=86_400)] | None = None
    windows: Count = 1
    rate: Annotated[float, msgspec.Meta(gt=0, le=1_000_000)] | None = None
    share: Annotated[float, msgspec.Meta(gt=0, le=2)] | None = None
    objective: Objective | None = None
    arrivals: Literal["poisson", "constant"] = "poisson"

    @property
    def open_loop(self) -> bool:
        """Whether requests come when they are due rather than when the last was answered."""
        return self.rate is not None or self.share is not None or self.objective is not None

    @property
    def name(self) -> str:
        """The identity used in file names and reports; no name and `-` begin another's."""
        parts = [f"{self.endpoint}-c{self.connections}-r{self.rows}"]
        if self.rate is not None:
            parts.append(f"open{self.rate:g}")
        if self.share is not None:
            parts.append(f"open{100 * self.share:g}pct")
        if self.objective is not None:
            parts.append(f"p{self.objective.percentile:g}-{self.objective.latency_ms:g}ms")
        if self.open_loop and self.arrivals != "poisson":
            parts.append(self.arrivals)
        if self.window_s is not None:
            parts.append(f"w{self.window_s:g}x{self.windows}")
        return "+".join(parts)


class Stopping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a run may end before its last block: on precision, never on significance.

    half_width: of the 95 % interval of every ratio of server CPU per request to the baseline.
    looks: after how many blocks that is looked at; few, because each look costs a little coverage.
    budget_s: no block is begun that would, by those before it, end later than this.
    """

    half_width: Annotated[float, msgspec.Meta(gt=0, lt=1)] | None = None
    looks: tuple[Annotated[int, msgspec.Meta(ge=3)], ...] = ()
    budget_s: Positive | None = None


class Study(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question with its design.

    baseline: the variant that ratios are taken to; a hidden duplicate of it (A/A) runs along.
    blocks: at most.
    reruns: how many phases of a run may be measured again because most of their trials were noisy;
        the first attempts stay on disk and in the count.
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
    stopping: Stopping = Stopping()
    reruns: Annotated[int, msgspec.Meta(ge=0)] = 0


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
    for index, condition in enumerate(study.conditions):
        _check_condition(path, f"conditions[{index}]", condition, study.load)
    _check_stopping(path, study)
    _check_connections(path, study, catalog)
    return study


def _check_design(path: Path, study: Study) -> None:
    for key, values in (("variants", study.variants), ("conditions", study.conditions)):
        if not values:
            raise MalformedFile(path, f"`{key}` is empty; name at least one.")
        if len(set(values)) < len(values):
            raise MalformedFile(path, f"`{key}` names one twice; remove the repetition.")
    names = [condition.name for condition in study.conditions]
    same = [name for name in names if names.count(name) > 1]
    if same:
        raise MalformedFile(
            path,
            f"`conditions`: two are called {same[0]} and would share their files; remove one, or "
            "let them differ within the first six digits of what that name shows.",
        )
    if study.baseline not in study.variants:
        raise MalformedFile(
            path, f"`baseline`: `{study.baseline}` is not among `variants`; add it there."
        )


def _check_condition(path: Path, at: str, condition: Condition, load: LoadSettings) -> None:
    loops = [key for key in ("rate", "share", "objective") if getattr(condition, key) is not None]
    if len(loops) > 1:
        raise MalformedFile(
            path, f"`{at}` has both `{loops[0]}` and `{loops[1]}`; keep one of them."
        )
    if loops and condition.window_s is None:
        raise MalformedFile(path, f"`{at}.window_s` is missing; `{loops[0]}` needs it, e.g. 10.")
    for key, default in (("windows", 1), ("arrivals", "poisson")):
        useless = condition.window_s is None if key == "windows" else not loops
        if useless and getattr(condition, key) != default:
            needs = "window_s" if key == "windows" else "rate` or `share"
            raise MalformedFile(path, f"`{at}.{key}` means nothing without `{needs}`; remove it.")
    objective = condition.objective
    if objective is not None and objective.latency_ms >= load.timeout_s * 1e3:
        raise MalformedFile(
            path,
            f"`{at}.objective.latency_ms` would always be met, because a request times out after "
            f"{load.timeout_s * 1e3:g} ms; set it below that, or raise `load.timeout_s`.",
        )


def _check_stopping(path: Path, study: Study) -> None:
    stopping = study.stopping
    if bool(stopping.looks) != (stopping.half_width is not None):
        missing = "half_width" if stopping.looks else "looks"
        raise MalformedFile(
            path, f"`stopping.{missing}` is missing; looks and half_width go together."
        )
    wrong = [look for look in stopping.looks if look >= study.blocks]
    if wrong:
        raise MalformedFile(
            path,
            f"`stopping.looks`: the run ends after {study.blocks} blocks anyway, so a look after "
            f"{wrong[0]} does nothing; keep those below `blocks`.",
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

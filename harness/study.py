"""A study: which variants, under which conditions, how often. Read from `shared/studies/*.toml`."""

from typing import Annotated, Literal

import msgspec

Count = Annotated[int, msgspec.Meta(ge=1)]
Positive = Annotated[float, msgspec.Meta(gt=0, le=86_400)]
"""Seconds, a day at most; TOML can say `inf`."""


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
    group: only the variants of this group of the study, and the baseline; all of `variants` if
        None.
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
    group: str | None = None

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


class Pair(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Two variants, as the ratio of the first to the second."""

    of: str
    to: str


class Contrast(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A named effect: the ratio of two variants, or the ratio of two such ratios.

    of, to: the two differ in one factor, or in several that `bundle` owns up to.
    against: a second pair that differs in the same factors; the contrast is then the difference of
        the two differences, on the logarithmic scale.
    """

    name: str
    title: str
    of: str
    to: str
    against: Pair | None = None
    bundle: bool = False

    @property
    def variants(self) -> frozenset[str]:
        """All that it needs."""
        second = () if self.against is None else (self.against.of, self.against.to)
        return frozenset((self.of, self.to, *second))

    @property
    def weights(self) -> dict[str, float]:
        """Of the logarithms of the variants, which add up to the effect."""
        parts = [(self.of, 1.0), (self.to, -1.0)]
        if self.against is not None:
            parts += [(self.against.of, -1.0), (self.against.to, 1.0)]
        found: dict[str, float] = {}
        for name, weight in parts:  # the two pairs may share a variant
            found[name] = found.get(name, 0.0) + weight
        return found


class Waterfall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A way from one variant to another in steps, each of which changes one factor.

    steps: variants, from the leanest on; what each adds is the difference of CPU per request.
    bundles: those steps, by the variant they lead to, that change several factors at once.
    """

    title: str
    steps: tuple[str, ...]
    bundles: tuple[str, ...] = ()


class Square(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Two factors with two values each: does the effect of one depend on the other?

    rows, columns: the factors. corners: variants, row by row.
    """

    title: str
    rows: str
    columns: str
    corners: tuple[tuple[str, str], tuple[str, str]]


class Study(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question with its design.

    variants: measured under every condition that names no group.
    groups: other sets of variants, by name; some may stand in none but these.
    contrasts, waterfalls, squares: what the report derives beyond ratios to the baseline.
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
    groups: dict[str, tuple[str, ...]] = {}
    contrasts: tuple[Contrast, ...] = ()
    waterfalls: tuple[Waterfall, ...] = ()
    squares: tuple[Square, ...] = ()

    @property
    def everyone(self) -> tuple[str, ...]:
        """Every variant that is started, the baseline among them."""
        grouped = (name for names in self.groups.values() for name in names)
        return tuple(dict.fromkeys((*self.variants, *grouped)))

    def measured(self, condition: Condition) -> tuple[str, ...]:
        """The variants under that condition, in the study's order."""
        if condition.group is None:
            return self.variants
        chosen = {self.baseline, *self.groups[condition.group]}
        return tuple(name for name in self.everyone if name in chosen)

"""A study: which variants, under which conditions, how often. Read from `shared/studies/*.toml`."""

import math
from typing import Annotated, Literal

import msgspec

from harness.inputs.settings import (
    Count,
    DatabaseSettings,
    Line,
    LoadSettings,
    NetworkSettings,
    Positive,
    ServerSettings,
    Setup,
    Workers,
)

MOST_ITEMS = 300
"""Of one kind in a study, such as conditions: a report with more is read by nobody."""
_Names = Annotated[tuple[str, ...], msgspec.Meta(max_length=MOST_ITEMS)]
Milliseconds = Annotated[float, msgspec.Meta(ge=0, le=10_000)]
"""Of a round trip; ten seconds at most, which no network has."""


class Latency(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Added round-trip times, by leg.

    database_ms: between application and database, in milliseconds.
    client_ms: between load and application, in milliseconds.
    """

    database_ms: Milliseconds = 0.0
    client_ms: Milliseconds = 0.0

    @property
    def legs(self) -> dict[Literal["database", "client"], float]:
        """By leg, in milliseconds."""
        return {"database": self.database_ms, "client": self.client_ms}


class Objective(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a rate must meet to be sustained.

    latency_ms: the most that the percentile of the latency from the due time may be.
    percentile: of the latency, that must meet it.
    errors: failed requests, at most this share of all.
    achieved: responses per second, at least this share of the arrivals.
    """

    latency_ms: Positive = 100.0
    percentile: Annotated[float, msgspec.Meta(ge=1, le=99.99)] = 99.0
    errors: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.001
    achieved: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.99


class Beside(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A second load on the same server, in a closed loop, while the first is measured.

    endpoint: that it asks for.
    connections: that it keeps busy.
    """

    endpoint: str
    connections: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 1


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything outside the variant: what is asked, how, and of how large a table.

    Without more, N connections load each variant in a closed loop, in short slices. A window is an
    unbroken measurement in their place. An open loop needs one, and either of:

    endpoint: that is asked for.
    connections: of the closed loop; in an open loop, the most requests that are under way.
    rows: of the table.
    window_s: length of a window; without it the trial has slices.
    windows: how many windows make a trial.
    rate: arrivals per second, the same for every variant.
    share: arrivals per second, as a share of what the variant did in a closed loop just before.
    objective: search for the highest rate that meets it; window_s is the length of each try.
    arrivals: when they come.
    latency: round trips that are longer than those of this machine; needs windows.
    beside: other requests meanwhile; needs windows.
    workers: processes of every server, which is started for that; without it those
        of `[server]`.
    group: only the variants of this group of the study, and the baseline; without it
        all of `variants`.
    """

    endpoint: str
    connections: Annotated[int, msgspec.Meta(ge=1, le=60_000)] = 32
    rows: Annotated[int, msgspec.Meta(ge=0, le=10_000_000)] = 1_000
    window_s: Annotated[float, msgspec.Meta(ge=0.5, le=3_600)] | None = None
    windows: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 1
    rate: Annotated[float, msgspec.Meta(ge=0.01, le=1_000_000)] | None = None
    share: Annotated[float, msgspec.Meta(ge=0.01, le=2)] | None = None
    objective: Objective | None = None
    arrivals: Literal["poisson", "constant"] = "poisson"
    group: str | None = None
    latency: Latency | None = None
    beside: Beside | None = None
    workers: Workers | None = None

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
        if self.latency is not None:
            parts.append(f"db{self.latency.database_ms:g}-client{self.latency.client_ms:g}ms")
        if self.beside is not None:
            parts.append(f"beside-{self.beside.endpoint}-c{self.beside.connections}")
        if self.workers is not None:
            parts.append(f"workers{self.workers}")
        if self.window_s is not None:
            parts.append(f"w{self.window_s:g}x{self.windows}")
        return "+".join(parts)


LEAST_LOOK = 4
"""Blocks before the first look at verdicts: with fewer, an error is hardly known."""
_LOOKS = (0.5, 0.75)
"""Of the blocks, where a study asks for verdicts and says no more."""


class Stopping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a run may end before its last block.

    How verdicts allow for looks: `analysis.stats.sequential`.

    verdicts: once every pair of interest differs, or is the same within the study's margin.
        Verdicts then allow for all looks.
    half_width: of the 95 % interval of every ratio of server CPU per request to the baseline. With
        `verdicts` too, both must hold.
    looks: after how many blocks that is looked at; few, because each look costs a little coverage,
        or power. With `verdicts` they may be left out: half and three quarters of the blocks.
    budget_s: no block is begun that would, by those before it, end later than this.
    """

    verdicts: bool = False
    half_width: Annotated[float, msgspec.Meta(gt=0, lt=1)] | None = None
    looks: tuple[Annotated[int, msgspec.Meta(ge=3, le=10_000)], ...] = ()
    budget_s: Positive | None = None


class Pair(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Two variants, as the ratio of the first to the second.

    of, to: the two.
    """

    of: str
    to: str


class Contrast(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A named effect: the ratio of two variants, or the ratio of two such ratios.

    name: of the contrast, for claims and tables.
    title: the question that it answers.
    of, to: two variants that differ in one factor, or in several if it is a bundle.
    against: a second pair that differs in the same factors; the contrast is then the difference of
        the two differences, on the logarithmic scale.
    bundle: whether the two may differ in several factors at once.
    """

    name: Line
    title: Line
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

    title: of the chart.
    steps: variants, from the leanest on; what each adds is the difference of CPU per request.
    bundles: those steps, by the variant they lead to, that change several factors at once.
    """

    title: Line
    steps: _Names
    bundles: _Names = ()


class Square(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Two factors with two values each: does the effect of one depend on the other?

    title: of the table.
    rows, columns: the two factors.
    corners: variants, row by row.
    """

    title: Line
    rows: str
    columns: str
    corners: tuple[tuple[str, str], tuple[str, str]]


class Study(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question with its design.

    title: of the report.
    question: that the study answers, as the report shows it.
    variants: measured under every condition that names no group.
    conditions: under which the variants are measured, one after the other.
    server: what every server is given.
    database: the PostgreSQL behind them.
    load: how they are loaded.
    network: what makes legs long.
    stopping: when the run may end before its last block.
    groups: other sets of variants, by name; some may stand in none but these.
    setups: variants of the study's own, by name: others with settings of their own.
    fresh: servers are started for a block, or for every condition in it, as memory wants it, whose
        peak would otherwise be that of the largest condition before.
    published: the name of a table under `shared/published/` to stand beside what is measured.
    contrasts: ratios of two variants, or of two such ratios, that the report derives by name.
    waterfalls: ways from one variant to another, in steps that change one factor each.
    squares: pairs of factors whose effects may depend on each other.
    baseline: the variant that ratios are taken to; a hidden duplicate of it (A/A) runs along.
    margin: ratios up to 1 + margin, and down to 1 / (1 + margin), are the same for practice.
    blocks: at most. A block starts all servers anew.
    seed: of the random order of blocks, conditions and turns.
    reruns: how many phases of a run may be measured again because most of their trials were noisy;
        the first attempts stay on disk and in the count. Phases that an accident spoilt are
        measured again without it.
    """

    title: Line
    question: Line
    variants: _Names
    baseline: str
    blocks: Count
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]
    conditions: Annotated[tuple[Condition, ...], msgspec.Meta(max_length=MOST_ITEMS)]
    server: ServerSettings = ServerSettings()
    database: DatabaseSettings = DatabaseSettings()
    load: LoadSettings = LoadSettings()
    network: NetworkSettings = NetworkSettings()
    stopping: Stopping = Stopping()
    margin: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.03
    reruns: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 0
    groups: Annotated[dict[str, _Names], msgspec.Meta(max_length=MOST_ITEMS)] = {}
    contrasts: Annotated[tuple[Contrast, ...], msgspec.Meta(max_length=MOST_ITEMS)] = ()
    waterfalls: Annotated[tuple[Waterfall, ...], msgspec.Meta(max_length=MOST_ITEMS)] = ()
    squares: Annotated[tuple[Square, ...], msgspec.Meta(max_length=MOST_ITEMS)] = ()
    setups: Annotated[dict[str, Setup], msgspec.Meta(max_length=MOST_ITEMS)] = {}
    fresh: Literal["block", "condition"] = "block"
    published: str | None = None

    @property
    def pairs(self) -> tuple[Contrast, ...]:
        """The declared contrasts that are ratios of two variants."""
        return tuple(contrast for contrast in self.contrasts if contrast.against is None)

    @property
    def looks(self) -> tuple[int, ...]:
        """After how many blocks the run may end early; by default half and three quarters."""
        if self.stopping.looks or not self.stopping.verdicts:
            return tuple(sorted(set(self.stopping.looks)))
        usual = (max(LEAST_LOOK, math.ceil(share * self.blocks)) for share in _LOOKS)
        return tuple(sorted({look for look in usual if look < self.blocks}))

    def server_of(self, variant: str, condition: Condition | None = None) -> ServerSettings:
        """What that variant's server is given under a condition; under most of them if None."""
        setup = self.setups.get(variant)
        given = self.server if setup is None else setup.server_settings(self.server)
        if condition is None or condition.workers is None:
            return given
        return msgspec.structs.replace(given, workers=condition.workers)

    @property
    def crews(self) -> tuple[int | None, ...]:
        """Numbers of workers with which a block starts its servers, one after the other.

        None stands for what each variant is given anyway.
        """
        return tuple(dict.fromkeys(condition.workers for condition in self.conditions))

    @property
    def most_workers(self) -> int:
        """Processes of the largest server of the study."""
        own = (self.server_of(name, c).workers for name in self.everyone for c in self.conditions)
        return max(own, default=self.server.workers)

    def database_of(self, variant: str) -> DatabaseSettings:
        """The PostgreSQL that stands behind it."""
        setup = self.setups.get(variant)
        return self.database if setup is None else setup.database_settings(self.database)

    @property
    def delayed(self) -> bool:
        """Whether some condition adds latency; then all go that way, those without delay too."""
        return any(condition.latency is not None for condition in self.conditions)

    @property
    def ramped(self) -> bool:
        """Whether Locust's users load, each setup alone, up a ramp."""
        return self.load.engine == "locust"

    @property
    def everyone(self) -> tuple[str, ...]:
        """Every variant that is started, the baseline among them."""
        grouped = (name for names in self.groups.values() for name in names)
        return tuple(dict.fromkeys((*self.variants, *grouped)))

    def rounds(self, condition: Condition) -> int:
        """Slices per variant in a trial under that condition, where it is measured in slices."""
        return self.load.rounds_of.get(condition.endpoint, self.load.rounds)

    def measured(self, condition: Condition) -> tuple[str, ...]:
        """The variants under that condition, in the study's order."""
        if condition.group is None:
            return self.variants
        chosen = {self.baseline, *self.groups[condition.group]}
        return tuple(name for name in self.everyone if name in chosen)

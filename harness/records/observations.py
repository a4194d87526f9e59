"""What a trial holds beside its slices: what was seen of waits, statements, legs and ramps."""

import msgspec


class BesideRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the second load did in a window: correct responses, errors by kind, latencies."""

    correct: int
    errors: dict[str, int]
    latency_p50_ns: int | None
    latency_p99_ns: int | None


class Waits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the variant's connections to PostgreSQL were seen doing while it had its turn.

    busy: per sample, connections that ran a statement or held a transaction open.
    states: over all samples, connections by state and what they waited for.
    """

    busy: tuple[int, ...]
    states: dict[str, int]


class Statements(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """PostgreSQL's own account of a trial: statements counted, and the requests that caused them.

    expected: statements per request that the contract names.
    """

    calls: int
    requests: int
    expected: int


class RoundTrips(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Idle round trips through a leg, in milliseconds: medians before a phase and after it.

    database: of `SELECT 1`. client: of `/health`, less what it takes on the direct way.
    """

    database_before: float
    database_after: float
    client_before: float
    client_after: float


class RampRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What Locust's ramp yielded beyond a window.

    users: the most that were there at once.
    failed_per_second: failed requests in each whole second.
    under_way_at_stop: requests that the end cut off; neither succeeded nor failed.
    warned: Locust itself complained that its processor was too busy.
    max_connections: what PostgreSQL allowed, those kept for superusers included.
    most_connections: of the setup, in any sample; None where PostgreSQL was not asked.
    settled_s: after how long all users were there; None where they never were, and in runs from
        before it was noted.
    """

    users: int
    failed_per_second: tuple[int, ...]
    under_way_at_stop: int
    warned: bool
    max_connections: int
    most_connections: int | None = None
    settled_s: float | None = None


class Try(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rate of a search: what was offered, what came of it, and whether it met the objective."""

    rate_per_s: float
    achieved_per_s: float
    latency_ns: int | None
    errors: float
    met: bool
    confirming: bool

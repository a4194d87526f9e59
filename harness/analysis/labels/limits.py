"""What limited a trial's throughput: server, database, generator, pool, or nothing at all."""

import statistics
from collections.abc import Sequence

import msgspec

from harness.analysis.labels.labels import Finding, Label
from harness.analysis.labels.shares import Shares
from harness.records.histogram import percentile_ns
from harness.records.run import Cores, Run
from harness.records.trial import Trial

GENERATOR_SHARE = 0.80
"""Of a core: above this a single-threaded generator begins to wait for itself."""
SERVER_SHARE = 0.90
"""Of the cores that the workers can use, one each under the GIL."""
DATABASE_SHARE = 0.85
"""Of the database's cores."""
IDLE_BELOW = 0.70
"""With everything below this, time passes in waiting."""
CEILING_SHARE = 0.50
"""Of the generator's ceiling: above this its own share of each latency is no longer small."""
LAG_SHARE = 0.10
"""Of the median latency: how late the generator may send, at the 99th percentile."""
FULL_SHARE = 0.90
"""Of its connections' time: a pool that is as busy as this is what requests queue for."""
WAITING_SHARE = 0.50
"""Of busy connections: above this they mostly wait for something within PostgreSQL."""

CROWD = 10.0
"""Threads of a ramp's server that are ready and wait for a processor, on average: while it is free
for a part of the time, as the mean over a ramp may have it, they do not for another."""


class Circumstances(msgspec.Struct, frozen=True):
    """What a trial's labels depend on beside the trial.

    pool_size: connections that a server keeps to PostgreSQL, in a pool or one per thread; None
        where its variant keeps none.
    ceiling_per_s: of the generator; None where it was not measured.
    idle_cores: what the block's other servers use on the application's cores, while they have no
        load: heartbeats, mostly. It is nobody's fault, and nothing that the server could use.
    """

    cores: Cores
    workers: int
    generators: int = 1
    pool_size: int | None = None
    ceiling_per_s: float | None = None
    idle_cores: float = 0.0

    @staticmethod
    def of(run: Run, variant: str, idle_cores: float = 0.0) -> "Circumstances":
        """Those of a variant's trials in a run."""
        server = run.study.server_of(variant)
        pool = run.variants[variant].factors.get("pool")
        kept = {"pooled": server.pool_size, "per-thread": server.threads}.get(pool or "")
        return Circumstances(
            cores=run.cores,
            workers=server.workers,
            generators=run.study.load.generators,
            pool_size=None if kept is None else kept * server.workers,
            ceiling_per_s=run.generator_ceiling_per_s,
            idle_cores=idle_cores,
        )


def idle_cores(run: Run, trials: Sequence[Trial]) -> float:
    """What all servers of a block but one use while they have no load, by what trials saw."""
    known = [t.idle_cpu_share for t in trials if t.idle_cpu_share is not None]
    return sum(known) / len(known) * (len(run.plan.entries) - 1) if known else 0.0


def bounds(trial: Trial, used: Shares, around: Circumstances) -> list[Finding]:
    """What limited the throughput; nothing can be said where the database cannot be watched."""
    found = _generator_bounds(trial, used, around)
    cores = around.cores
    usable = min(around.workers, len(cores.application) - around.idle_cores)
    if used.server >= SERVER_SHARE * usable:
        # What the others use while idle is a mean over them all, and may be less at the moment.
        share = min(1.0, used.server / usable) if usable > 0 else 1.0
        found.append(Finding(Label.SERVER_BOUND, f"{share:.0%} of its CPU used"))
    elif trial.ramp is not None and (crowd := ready_threads(trial) or 0.0) >= CROWD:
        detail = (
            f"{crowd:.0f} of its threads at a time were ready and waited for the processor, of "
            f"which it used {used.server / usable:.0%} (means over the ramp)"
        )
        found.append(Finding(Label.SERVER_BOUND, detail))
    elif used.database is not None:
        found += (
            _database_waits(trial)
            or _pool_bounds(trial, used, used.database, around)
            or _other_bounds(used, used.database, cores, usable)
        )
        if trial.condition.open_loop:  # it leaves everybody time on purpose
            found = [f for f in found if f.label is not Label.LATENCY_BOUND]
    return found


def ready_threads(trial: Trial) -> float | None:
    """How many of the server's threads were ready and waited for a processor, on average."""
    window_ns = sum(s.window_ns for s in trial.slices)
    waited = [s.run_delay_ns for s in trial.slices if s.run_delay_ns is not None]
    if not window_ns or len(waited) < len(trial.slices):
        return None
    return sum(waited) / window_ns


def _generator_bounds(trial: Trial, used: Shares, around: Circumstances) -> list[Finding]:
    found: list[Finding] = []
    share = used.generator / around.generators
    if share > GENERATOR_SHARE:
        found.append(Finding(Label.GENERATOR_BOUND, f"the generator used {share:.0%} of a core"))
    elapsed = sum(s.elapsed_ns for s in trial.slices) / 1e9
    rate = sum(s.correct for s in trial.slices) / elapsed
    ceiling = around.ceiling_per_s
    if ceiling is not None and rate > CEILING_SHARE * ceiling * around.generators:
        detail = f"{rate:,.0f} requests/s, and the generator reaches {ceiling:,.0f}/s at most"
        found.append(Finding(Label.GENERATOR_BOUND, detail))
    lags = [s.window.lag_p99_ns for s in trial.slices if s.window and s.window.lag_p99_ns]
    lag = statistics.median(lags) if lags else None
    median = percentile_ns(trial.latency_hdr, 50)
    if lag is not None and median is not None and lag > LAG_SHARE * median:
        detail = (
            f"requests were sent up to {lag / 1e3:,.0f} µs late (99th percentile), and the median "
            f"latency is {median / 1e3:,.0f} µs"
        )
        found.append(Finding(Label.GENERATOR_BOUND, detail))
    return found


def _database_waits(trial: Trial) -> list[Finding]:
    """Whether one thing that PostgreSQL itself waits for (a lock, the disk) dominates."""
    if trial.waits is None or not sum(trial.waits.busy):
        return []
    waiting = {
        state: count
        for state, count in trial.waits.states.items()
        if state.startswith("active ") and " Client:" not in state and " Timeout:" not in state
    }
    if not waiting:
        return []
    state, count = max(waiting.items(), key=lambda item: item[1])
    share = count / sum(trial.waits.busy)
    if share <= WAITING_SHARE:
        return []
    what = state.partition(" ")[2]
    return [Finding(Label.DATABASE_BOUND, f"{share:.0%} of busy connections waited for {what}")]


def _pool_bounds(
    trial: Trial, used: Shares, database: float, around: Circumstances
) -> list[Finding]:
    """All connections busy while neither side computes: they wait, and requests wait for them."""
    if trial.waits is None or not trial.waits.busy or around.pool_size is None:
        return []
    seen = sum(trial.waits.busy) / len(trial.waits.busy)
    busy = (seen + _on_the_way(trial)) / around.pool_size
    busiest = max(used.server, database / len(around.cores.database))
    if busy < FULL_SHARE or busiest >= IDLE_BELOW:
        return []
    many = around.pool_size
    lent = f"{many} connections were" if many > 1 else "only connection was"
    detail = f"its {lent} lent for {min(busy, 1):.0%} of the time"
    return [Finding(Label.POOL_BOUND, detail)]


def _on_the_way(trial: Trial) -> float:
    """Connections that are lent while PostgreSQL sees them idle: their bytes are under way.

    By Little's law: statements per second, each of which is one round trip, times its length.
    """
    latency, statements = trial.condition.latency, trial.statements
    elapsed_s = sum(s.elapsed_ns for s in trial.slices) / 1e9
    if latency is None or statements is None or not elapsed_s:
        return 0.0
    answered = sum(s.correct for s in trial.slices)
    return answered / elapsed_s * statements.expected * latency.database_ms / 1e3


def _other_bounds(used: Shares, database: float, cores: Cores, usable: float) -> list[Finding]:
    """Where the server was not the limit: the database, a core that roles share, or nothing."""
    share = database / len(cores.database)
    if share >= DATABASE_SHARE:
        return [Finding(Label.DATABASE_BOUND, f"PostgreSQL used {share:.0%} of its CPU")]
    others = database + used.generator + used.relay
    if set(cores.application) & {*cores.database, *cores.load}:
        others += used.server  # one processor for everything
    relay = f", relay {used.relay:.0%}" if used.relay else ""
    if cores.co_located and others >= DATABASE_SHARE * len(cores.database):
        detail = (
            f"roles that share a core filled it (PostgreSQL {database:.0%}, generator "
            f"{used.generator:.0%}{relay}), while the server used {used.server:.0%}"
        )
        return [Finding(Label.LOAD_CORE_BOUND, detail)]
    if max(used.server / usable, share, others / len(cores.database)) < IDLE_BELOW:
        detail = f"nothing was busy: the server used {used.server / usable:.0%} of its CPU"
        return [Finding(Label.LATENCY_BOUND, detail)]
    return []

"""Identities that every measurement must satisfy; one that does not has measured something else."""

from harness.records.trial import Trial

LITTLE_TOLERANCE = 0.03
"""Requests in flight against throughput times latency, beyond what crosses the window's edges."""
STATEMENTS_TOLERANCE = 0.001
"""Statements that PostgreSQL counted against those that the contract names."""
ACCOUNT_TOLERANCE = 0.10
"""CPU time of the roles against that of their processors, which the kernel counts in ticks."""


def contradictions(trial: Trial) -> list[str]:
    """What does not add up in a trial, one sentence each; nothing if all does."""
    if not trial.complete or any(piece.errors for piece in trial.slices):
        return []  # an error answers early, or late, or without its statements
    if trial.ramp is not None:
        return []  # users come, so that their number has no single value
    found = [_little(trial), _statements(trial), _account(trial)]
    return [what for what in found if what is not None]


def _little(trial: Trial) -> str | None:
    """Little's law (Little 1961): N = X R, in every window of a closed loop without think time."""
    if trial.condition.open_loop:
        return None
    for piece in trial.slices:
        if piece.window is None or piece.window.latency_mean_ns is None:
            continue
        latency_ns = piece.window.latency_mean_ns
        in_flight = piece.correct / piece.elapsed_ns * latency_ns
        connections = trial.condition.connections
        at_edges = latency_ns / piece.elapsed_ns
        if abs(in_flight - connections) / connections > LITTLE_TOLERANCE + at_edges:
            return (
                f"throughput times latency is {in_flight:.1f} requests in flight, and there were "
                f"{connections} connections"
            )
    return None


def _statements(trial: Trial) -> str | None:
    counted = trial.statements
    if counted is None:
        return None
    expected = counted.requests * counted.expected
    if abs(counted.calls - expected) <= STATEMENTS_TOLERANCE * max(expected, 1000):
        return None
    return (
        f"PostgreSQL counted {counted.calls:,} statements for {counted.requests:,} requests of "
        f"{counted.expected} each"
    )


def _account(trial: Trial) -> str | None:
    """Nobody uses more CPU time than the processors were busy."""
    roles = busy = 0
    for piece in trial.slices:
        roles += piece.server_cpu_ns + piece.generator_cpu_ns + piece.harness_cpu_ns
        roles += piece.relay_cpu_ns
        roles += piece.database_cpu_ns or 0
        busy += piece.machine_busy_ns
    ticks = 20_000_000 * len(trial.slices) ** 0.5  # each piece's edges fall anywhere within ticks
    if roles <= busy * (1 + ACCOUNT_TOLERANCE) + ticks:
        return None
    return (
        f"roles used {roles / 1e9:.2f} s of CPU time, and their processors were busy for "
        f"{busy / 1e9:.2f} s"
    )

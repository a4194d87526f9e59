"""Who used how much CPU during a trial."""

import msgspec

from harness.records.trial import Trial


class Shares(msgspec.Struct, frozen=True):
    """Who used how much CPU during a trial's slices, in cores; None where it cannot be known."""

    server: float
    database: float | None
    generator: float
    foreign: float | None
    steal: float
    relay: float = 0.0


def shares(trial: Trial, processors: int) -> Shares | None:
    """Average the CPU of all roles over the trial's slices; None without any.

    The roles' own shares are of the time under load; what comes from the kernel's ticks is of the
    somewhat longer time between the readings, in which the harness works too.
    """
    # A ramp's clocks are read some time before its first user and after its last.
    elapsed = sum(s.elapsed_ns if trial.ramp is None else s.window_ns for s in trial.slices)
    window = sum(s.window_ns for s in trial.slices)
    if elapsed <= 0 or window <= 0:
        return None
    server = sum(s.server_cpu_ns for s in trial.slices)
    generator = sum(s.generator_cpu_ns for s in trial.slices)
    harness = sum(s.harness_cpu_ns for s in trial.slices)
    relay = sum(s.relay_cpu_ns for s in trial.slices)
    busy = sum(s.machine_busy_ns for s in trial.slices)
    known = [s.database_cpu_ns for s in trial.slices if s.database_cpu_ns is not None]
    database = sum(known) if len(known) == len(trial.slices) else None
    ours = None if database is None else server + generator + harness + relay + database
    return Shares(
        server=server / elapsed,
        database=None if database is None else database / elapsed,
        generator=generator / elapsed,
        foreign=None if ours is None else max(0.0, (busy - ours) / window),
        steal=sum(s.steal_ns for s in trial.slices) / window / processors,
        relay=relay / elapsed,
    )

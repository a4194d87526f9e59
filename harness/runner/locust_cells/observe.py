"""Observes the roles while Locust's users come, and makes the trial of it."""

import bisect
import time
from datetime import datetime

import msgspec
import numpy as np

from harness.lab.clocks import Usage
from harness.lab.postgres.database import Database
from harness.lab.postgres.waits import Samples
from harness.lab.servers import RunningServer
from harness.load.locust.notes import RampResult
from harness.records.histogram import sample_percentile
from harness.records.plan import Entry, Phase
from harness.records.run import SCHEMA
from harness.records.trial import Event, RampRecord, RoundTrips, SliceRecord, Trial, WindowRecord
from harness.runner.gauges import Reading
from harness.runner.lookout import gaps, stalled
from harness.runner.trial_builder import Latencies, waits_record
from harness.runner.watch import Watch


class Climb(msgspec.Struct, frozen=True):
    """A ramp that has been climbed.

    result: what Locust saw. usages: memory and threads at each look.
    used, counted: CPU time by role, and PostgreSQL's counters, between the looks that were nearest
        to start and end.
    waits: what the setup's connections did; None where PostgreSQL was not asked.
    events: what befell the ramp, stalls apart.
    """

    result: RampResult
    usages: tuple[Usage, ...]
    used: Reading
    counted: dict[str, int]
    waits: Samples | None
    events: tuple[Event, ...] = ()


class Observer:
    """Reads the clocks of every role about once a second, near the start and the end too."""

    def __init__(self, watch: Watch, server: RunningServer, database: Database) -> None:
        self._watch = watch
        self._server = server
        self._database = database
        self._times: list[int] = []
        self._usages: list[Usage] = []
        self._readings: list[Reading] = []
        self._counters: list[dict[str, int]] = []

    def look(self) -> None:
        """Read every clock now."""
        self._counters.append(self._database.counters())
        self._times.append(time.monotonic_ns())
        self._readings.append(self._watch.read(self._server))
        if (usage := self._server.usage()) is not None:
            self._usages.append(usage)

    def climb(
        self, result: RampResult, waits: Samples | None, events: tuple[Event, ...] = ()
    ) -> Climb:
        """All that was observed of a ramp.

        Looks come a second apart, and later on a full machine, so each end may be off by about
        that. CPU time is divided by the time between the two looks. They are found by this
        machine's clock: that of the readings may be another's.
        """
        times = self._times
        first, last = _nearest(times, result.began_ns), _nearest(times, result.ended_ns)
        opened, closed = self._counters[first], self._counters[last]
        return Climb(
            result=result,
            usages=tuple(self._usages),
            used=self._readings[last] - self._readings[first],
            counted={key: value - opened[key] for key, value in closed.items()},
            waits=waits,
            events=events,
        )


def _nearest(times: list[int], at: int) -> int:
    index = bisect.bisect_left(times, at)
    near = [i for i in (index - 1, index) if 0 <= i < len(times)]
    return min(near, key=lambda i: abs(times[i] - at))


def trial_of(
    climb: Climb | None,
    run: str,
    phase: Phase,
    entry: Entry,
    attempt: int,
    started_at: datetime,
    problem: str | None,
    measured: RoundTrips | None,
    max_connections: int,
    befell: tuple[Event, ...] = (),
) -> Trial:
    """The trial that is kept of one cell, complete or not.

    befell: events that ended it before it had a result.
    """
    usages = () if climb is None else climb.usages
    latencies = Latencies(phase.condition.connections, window=True)
    if climb is not None:
        latencies.record(_latencies_ns(climb.result))
    waits = None if climb is None else climb.waits
    return Trial(
        schema=SCHEMA,
        run=run,
        block=phase.block,
        attempt=attempt,
        condition=phase.condition,
        entry=entry.name,
        variant=entry.variant,
        started_at=started_at.isoformat(timespec="seconds"),
        slices=() if climb is None else (_slice(climb),),
        latency_hdr=latencies.encoded(),
        error_samples=(),
        rss_peak_kib=max((u.rss_peak_kib for u in usages), default=None),
        threads=max((u.threads for u in usages), default=None),
        processes=max((u.processes for u in usages), default=None),
        idle_cpu_share=None,
        problem=problem,
        waits=None if waits is None else waits_record(waits),
        round_trips=measured,
        ramp=None if climb is None else _ramp(climb.result, max_connections, waits),
        events=befell if climb is None else _events(climb),
    )


def _events(climb: Climb) -> tuple[Event, ...]:
    """All that befell it, its longest stall included; a ramp is one turn."""
    result = climb.result
    ends = np.array([result.began_ns + at_s * 1e9 for at_s, _ in result.answers], np.int64)
    latencies = _latencies_ns(result)
    longest_s = max(gaps(result.began_ns, ends, ends - latencies), default=0.0)
    typical_s = float(np.median(latencies)) / 1e9 if latencies.size else 0.0
    stall = stalled(longest_s, typical_s)
    found = climb.events if stall is None else (*climb.events, stall)
    return tuple(msgspec.structs.replace(event, round=0, position=0) for event in found)


def _latencies_ns(result: RampResult) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array([latency_s * 1e9 for _, latency_s in result.answers], dtype=np.int64)


def _slice(climb: Climb) -> SliceRecord:
    result, used = climb.result, climb.used
    latencies = _latencies_ns(result)
    seconds = len(result.failed)
    of_answers = np.array([int(at_s) for at_s, _ in result.answers], dtype=np.int64)
    sent = np.array([int(max(at_s - s, 0)) for at_s, s in result.answers], dtype=np.int64)
    return SliceRecord(
        round=0,
        position=0,
        start_ns=result.began_ns,
        elapsed_ns=result.ended_ns - result.began_ns,
        window_ns=used.at_ns,
        correct=len(result.answers),
        errors=result.errors,
        reconnects=0,
        server_cpu_ns=used.server_ns,
        database_cpu_ns=used.database_ns,
        generator_cpu_ns=result.cpu_ns,
        harness_cpu_ns=used.harness_ns,
        machine_busy_ns=used.machine_busy_ns,
        steal_ns=used.steal_ns,
        latency_p50_ns=sample_percentile(latencies, 50),
        latency_p99_ns=sample_percentile(latencies, 99),
        run_delay_ns=used.run_delay_ns,
        relay_cpu_ns=used.relay_ns,
        window=WindowRecord(
            before=0,
            in_flight=result.under_way,
            offered=None,
            dropped=0,
            latency_mean_ns=round(float(latencies.mean())) if latencies.size else None,
            lag_p50_ns=None,
            lag_p99_ns=None,
            per_second=tuple(int((of_answers == second).sum()) for second in range(seconds)),
            p50_per_second_ns=tuple(
                sample_percentile(latencies[sent == second], 50) for second in range(seconds)
            ),
            database=climb.counted,
        ),
    )


def _ramp(result: RampResult, max_connections: int, waits: Samples | None) -> RampRecord:
    return RampRecord(
        users=result.users,
        failed_per_second=result.failed,
        under_way_at_stop=result.under_way,
        warned=result.warned,
        settled_s=result.settled_s,
        came_per_second=result.came,
        max_connections=max_connections,
        most_connections=None if waits is None else max(waits.open, default=None),
    )

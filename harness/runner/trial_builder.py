"""What a trial gathers while it runs, and the trial that becomes of it."""

import io
import time
from datetime import UTC, datetime

import msgspec
import numpy as np
from hdrh.histogram import HdrHistogram
from numpy.typing import NDArray

from harness.audit.http_checks import Subject
from harness.audit.http_client import Probe
from harness.inputs.contract import Contract
from harness.inputs.settings import ApplicationSettings
from harness.lab.network import Address
from harness.lab.postgres.database import Database
from harness.lab.postgres.waits import Samples
from harness.lab.servers import LiveServer
from harness.lab.usage import Usage
from harness.load.protocol import Exchange, Tally
from harness.records.histogram import DIGITS, HIGHEST_NS, LOWEST_NS
from harness.records.plan import Entry, Phase
from harness.records.run import SCHEMA
from harness.records.trial import (
    RoundTrips,
    SliceRecord,
    Statements,
    Trial,
    Try,
    Waits,
)

_SAMPLES = 5


class Server:
    """An entry's server during a block.

    address: where the load reaches it; its own, or that of a leg with added latency.
    problem: why it takes no further part, or None.
    """

    def __init__(
        self,
        entry: Entry,
        running: LiveServer,
        settings: ApplicationSettings,
        address: Address,
        *,
        keep_alive: bool,
    ) -> None:
        self.address = address
        self.entry = entry
        self.running = running
        self.settings = settings
        self.keep_alive = keep_alive
        self.problem: str | None = None

    def subject(self, contract: Contract, database: Database) -> Subject:
        """To be asked for itself, without a leg in between."""
        return Subject(
            variant=self.entry.name,
            probe=Probe(self.running.url),
            contract=contract,
            database=database,
            settings=self.settings,
        )


class Turn(msgspec.Struct, frozen=True):
    """Which round, and the place in its order."""

    round: int
    position: int


class Gathering:
    """One server's trial in the making."""

    def __init__(self, server: Server, phase: Phase, *, keep_requests: bool = False) -> None:
        self.kept = Requests() if keep_requests else None
        self.server = server
        self.exchange: Exchange | None = None
        self.beside: Exchange | None = None
        self.slices: list[SliceRecord] = []
        self.tries: list[Try] = []
        self.sustained_per_s: list[float | None] = []
        self.capacity_per_s: float | None = None
        self.statements: Statements | None = None
        self.waits: Samples | None = None
        self.requests = 0
        self.round_trips: RoundTrips | None = None
        self.latencies = Latencies(
            phase.condition.connections, window=bool(phase.condition.window_s)
        )
        self._phase = phase
        self._lags = Latencies(0, window=True)
        self._samples: list[str] = []
        self._started_at = datetime.now(UTC)
        self._clock_start_ns = 0
        self._own_ns = 0
        self._loaded_ns = 0
        self._begun = 0.0

    def begin(self) -> None:
        """Warm-up is over: from here on CPU time outside of the server's turns is idle work."""
        self._clock_start_ns = self.server.running.clock.read_ns()
        self._begun = time.monotonic()

    def turn(self, turn: Turn, tally: Tally, used_ns: int, loaded_ns: int) -> None:
        """Take note of a turn: requests, errors seen, and the server's CPU time in it."""
        if self.kept is not None:
            self.kept.add(turn.round, tally)
        self.requests += tally.sent
        self._samples += tally.samples[: _SAMPLES - len(self._samples)]
        self._own_ns += used_ns
        self._loaded_ns += loaded_ns
        self._lags.add_raw(tally.lags)

    def trial(self, run: str, attempt: int) -> Trial:
        """What is kept."""
        server = self.server
        usage = Usage.of(server.running.clock.pids) if server.problem is None else None
        return Trial(
            schema=SCHEMA,
            run=run,
            block=self._phase.block,
            attempt=attempt,
            condition=self._phase.condition,
            entry=server.entry.name,
            variant=server.entry.variant,
            started_at=self._started_at.isoformat(timespec="seconds"),
            slices=tuple(self.slices),
            latency_hdr=self.latencies.encoded(),
            error_samples=tuple(self._samples),
            rss_peak_kib=usage.rss_peak_kib if usage else None,
            threads=usage.threads if usage else None,
            processes=usage.processes if usage else None,
            idle_cpu_share=self._idle_share() if usage else None,
            problem=server.problem,
            lag_hdr=self._lags.encoded(),
            waits=None if self.waits is None else _waits(self.waits),
            statements=self.statements,
            capacity_per_s=self.capacity_per_s,
            search=tuple(self.tries),
            sustained_per_s=self._sustained(),
            round_trips=self.round_trips,
        )

    def _sustained(self) -> float | None:
        """The mean of its searches, where every one of them found a rate."""
        found = [rate for rate in self.sustained_per_s if rate is not None]
        if not found or len(found) < len(self.sustained_per_s):
            return None
        return sum(found) / len(found)

    def _idle_share(self) -> float | None:
        waited = time.monotonic() - self._begun - self._loaded_ns / 1e9
        used_ns = self.server.running.clock.read_ns() - self._clock_start_ns - self._own_ns
        return used_ns / 1e9 / waited if waited > 0 else None


def _waits(samples: Samples) -> Waits:
    return Waits(busy=tuple(samples.busy), states=dict(sorted(samples.states.items())))


class SliceLatency(msgspec.Struct, frozen=True):
    """Percentiles of one slice or window, or None where too few responses are left."""

    p50_ns: int | None
    p99_ns: int | None


class Latencies:
    """Gathers the latencies of one trial.

    Args:
        connections: N. In a slice all N send at once at its start, and the last N answers come
            while nothing new is sent; both are left out, for they queued behind an edge of ours.
        window: a window has no such edges, and nothing is left out.
    """

    def __init__(self, connections: int, *, window: bool = False) -> None:
        self._edge = 0 if window else connections
        self._histogram = HdrHistogram(LOWEST_NS, HIGHEST_NS, DIGITS)

    def add(self, tally: Tally) -> SliceLatency:
        """Take a slice's or a window's latencies; return their percentiles."""
        every = np.frombuffer(tally.latencies, dtype=np.int64)
        kept = (
            every[self._edge : every.size - self._edge]
            if every.size > 2 * self._edge
            else every[:0]
        )
        self._take(kept)
        if kept.size == 0:
            return SliceLatency(None, None)
        p50, p99 = np.percentile(kept, [50, 99], method="inverted_cdf")
        return SliceLatency(int(p50), int(p99))

    def add_raw(self, values: bytes) -> None:
        """Take durations as they come from the generator."""
        self._take(np.frombuffer(values, dtype=np.int64))

    def encoded(self) -> str | None:
        """The histogram in its standard base64 encoding; None if nothing was recorded."""
        if self._histogram.get_total_count() == 0:
            return None
        encoded: bytes = self._histogram.encode()
        return encoded.decode("ascii")

    def _take(self, kept: NDArray[np.int64]) -> None:
        # Rounded to the histogram's own precision first, so that each distinct value is recorded
        # once with its count: recording one by one would take longer than the slice.
        steps = np.maximum(10 ** (np.floor(np.log10(np.maximum(kept, 1_000))) - 4), 1)
        values, counts = np.unique(np.rint(kept / steps) * steps, return_counts=True)
        for value, count in zip(values.astype(np.int64), counts, strict=True):
            self._histogram.record_value(int(value), int(count))


class Requests:
    """Gathers them turn by turn."""

    def __init__(self) -> None:
        self._rounds: list[NDArray[np.int32]] = []
        self._starts: list[NDArray[np.int64]] = []
        self._latencies: list[NDArray[np.int64]] = []

    def add(self, round_: int, tally: Tally) -> None:
        """Take a slice's or a window's, in order of completion."""
        starts = np.frombuffer(tally.starts, dtype=np.int64)
        self._rounds.append(np.full(starts.size, round_, dtype=np.int32))
        self._starts.append(starts)
        self._latencies.append(np.frombuffer(tally.latencies, dtype=np.int64))

    def compressed(self) -> bytes:
        """A NumPy archive with three arrays of equal length.

        round: which round (int32). start_ns: when sent, or due, on the monotonic clock (int64).
        latency_ns: from then to the complete answer (int64).
        """
        archive = io.BytesIO()
        np.savez_compressed(
            archive,
            round=np.concatenate([np.zeros(0, np.int32), *self._rounds]),
            start_ns=np.concatenate([np.zeros(0, np.int64), *self._starts]),
            latency_ns=np.concatenate([np.zeros(0, np.int64), *self._latencies]),
        )
        return archive.getvalue()

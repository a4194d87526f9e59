"""Every correct request of a trial, where a study asks for them: raw, for other tools."""

import io

import numpy as np
from numpy.typing import NDArray

from harness.load.protocol import Tally


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

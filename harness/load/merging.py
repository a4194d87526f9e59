"""One tally from those of several generators that loaded one server together."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from harness.load.protocol import Tally


def merged(tallies: Sequence[Tally]) -> Tally:
    """Sum of the counts; first start to last end; requests in order of completion again."""
    if len(tallies) == 1:
        return tallies[0]
    latencies = _concatenated([t.latencies for t in tallies])
    starts = _concatenated([t.starts for t in tallies])
    order = np.argsort(starts + latencies, kind="stable")
    errors: Counter[str] = Counter()
    for tally in tallies:
        errors.update(tally.errors)
    return Tally(
        correct=sum(t.correct for t in tallies),
        errors=dict(errors),
        samples=[sample for t in tallies for sample in t.samples],
        reconnects=sum(t.reconnects for t in tallies),
        start_ns=min(t.start_ns for t in tallies),
        end_ns=max(t.end_ns for t in tallies),
        latencies=latencies[order].tobytes(),
        starts=starts[order].tobytes(),
        lags=b"".join(t.lags for t in tallies),
        ends_before=b"".join(t.ends_before for t in tallies),
        before=sum(t.before for t in tallies),
        in_flight=sum(t.in_flight for t in tallies),
        dropped=sum(t.dropped for t in tallies),
        sent=sum(t.sent for t in tallies),
    )


def _concatenated(parts: Sequence[bytes]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.frombuffer(b"".join(parts), dtype=np.int64)

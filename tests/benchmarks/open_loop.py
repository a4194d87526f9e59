"""The open loop: the native generator against h2load's `--rps`, and how late it sends.

Usage: `uv run python -m tests.benchmarks.open_loop [ROUNDS]`. In each round the closed loop finds
the capacity of a server that burns a millisecond per request; then arrivals come at half of it, at
gaps of whole milliseconds because h2load's stagger knows no others, in turns whose order is drawn
anew: ours constant, h2load's constant, ours Poisson.

The figures must differ in two ways. Ours count from the time at which a request was due, so they
contain the schedule lag and whatever a late request waited; h2load's count from the actual send
(see `h2load.py`), so its own lateness is charged to nobody. Hence the second ratio, for which each
request's lag has been taken off ours: that one must be near one. And h2load sends when libev wakes
it, which waits in whole milliseconds, rounded up: its gaps are off by up to a millisecond, as the
last lines show, and now and then requests meet that would not have met. That can lengthen its
tail. A client of h2load whose connection is busy sends late; with us that arrival takes another
connection.

The latencies' percentiles are a run's own, as in `latency.py`. Lag is the time from when a request
is due to the step before its send; the floor is what a timerfd's wake-up takes on the machine.
"""

import statistics
from collections import defaultdict
from collections.abc import Iterator
from functools import partial

import msgspec
import numpy as np
from numpy.typing import NDArray

from harness.load.protocol import Tally
from tests.benchmarks import h2load, native
from tests.benchmarks.burner import burner
from tests.benchmarks.comparison import (
    LOAD_CPU,
    SERVER_CPU,
    drawn,
    percentiles_us,
    ratio,
    rounds,
    spread,
)
from tests.benchmarks.peers import bridgetoll

CONNECTIONS, SECONDS, CAPACITY_SECONDS = 32, 4.0, 1.0
LOAD = 0.5
"""Of the capacity."""

type _Pair = tuple[float, float]


def main() -> None:
    """Measure and print."""
    seen: dict[str, list[_Pair]] = defaultdict(list)
    dropped = 0
    numbers = rounds(5)
    print(f"{CONNECTIONS} connections, {SECONDS:g} s each, a core for the server, one for the load")
    with burner(SERVER_CPU) as port:
        for number in numbers:
            capacity = bridgetoll(port, LOAD_CPU, CONNECTIONS, CAPACITY_SECONDS)
            gap_ms = max(1, round(1e3 / (LOAD * capacity)))
            share = 1e3 / gap_ms / capacity
            print(f"round {number}: every {gap_ms} ms, {share:.0%} of {capacity:,.0f}/s")
            tallies = _turns(port, gap_ms)
            dropped += sum(tally.dropped for tally in tallies.values())
            for name, pair in _figures(tallies, gap_ms):
                seen[name].append(pair)
    for index, percentile in enumerate(("p50", "p99")):
        at = {name: [pair[index] for pair in pairs] for name, pairs in seen.items()}
        theirs = at.pop("h2load")
        for name in ("from due", "from send"):
            ours = at.pop(name)
            print(
                f"{percentile} {name}: {statistics.median(ours):,.0f} µs, h2load from send "
                f"{statistics.median(theirs):,.0f} µs; bridgetoll / h2load: {ratio(ours, theirs)}"
            )
        for name, values in at.items():
            print(f"{percentile} {name}: {spread(values, ',.0f')} µs")
    print(f"{dropped} arrivals dropped because all connections were busy")


def _turns(port: int, gap_ms: int) -> dict[str, Tally]:
    ours = partial(native.open_loop, port, LOAD_CPU, CONNECTIONS, SECONDS, 1e3 / gap_ms)
    turns = {
        "constant": partial(ours, "constant"),
        "poisson": partial(ours, "poisson"),
        "h2load": partial(h2load.open_loop, port, LOAD_CPU, CONNECTIONS, SECONDS, gap_ms),
    }
    return {name: turns[name]() for name in drawn(turns)}


def _figures(tallies: dict[str, Tally], gap_ms: int) -> Iterator[tuple[str, _Pair]]:
    """Names and what is printed under them: p50 and p99 in microseconds."""
    constant, theirs = tallies["constant"], tallies["h2load"]
    sent = _from_send(constant)
    yield "h2load", percentiles_us(theirs, CONNECTIONS)
    yield "from due", percentiles_us(constant, CONNECTIONS)
    yield "from send", percentiles_us(sent, CONNECTIONS)
    yield "schedule lag, constant", _percentiles(_numbers(constant.lags))
    yield "schedule lag, Poisson", _percentiles(_numbers(tallies["poisson"].lags))
    yield "gap off by, bridgetoll", _percentiles(_gaps_off(sent, gap_ms))
    yield "gap off by, h2load", _percentiles(_gaps_off(theirs, gap_ms))


def _from_send(tally: Tally) -> Tally:
    """With each latency counted from the actual send; lags stand in the order of due times."""
    starts, latencies = _numbers(tally.starts).copy(), _numbers(tally.latencies).copy()
    in_due_order = np.argsort(starts)
    lags = _numbers(tally.lags)
    latencies[in_due_order] -= lags
    starts[in_due_order] += lags
    return msgspec.structs.replace(
        tally, starts=starts.tobytes(), latencies=latencies.tobytes(), lags=b""
    )


def _gaps_off(tally: Tally, gap_ms: int) -> NDArray[np.int64]:
    gaps = np.diff(np.sort(_numbers(tally.starts))[CONNECTIONS:-CONNECTIONS])
    return np.abs(gaps - gap_ms * 1_000_000)


def _numbers(data: bytes) -> NDArray[np.int64]:
    return np.frombuffer(data, dtype=np.int64)


def _percentiles(values: NDArray[np.int64]) -> _Pair:
    p50, p99 = np.percentile(values, [50, 99], method="inverted_cdf") / 1e3
    return float(p50), float(p99)


if __name__ == "__main__":
    main()

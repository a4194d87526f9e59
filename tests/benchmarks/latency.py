"""Latency in a closed loop: the native generator against h2load's log of every request.

Usage: `uv run python -m tests.benchmarks.latency [ROUNDS]`. Both load the same nginx, which is
about as fast as they are, and a server that burns a millisecond per request, which is the
bottleneck whatever they do. Conditions and tools take turns in an order that is drawn anew each
round.

Both clocks stop when a response has been parsed to its end, before its body is checked. Ours
starts just before the request is written to the socket; h2load's when the request is put into a
buffer, one turn of its loop earlier (see `h2load.py`). Both lead a request's life as soon as the
one before has ended, so both must come near Little's law: connections divided by throughput. With
nginx that makes the ratio of medians about the inverse of the ratio of throughputs, and h2load's
throughput suffers from its log; only with the slow server must the ratios be near one.

Percentiles are a run's own (`harness/experiment/latency.py`), of both tools alike: the first and
the last N responses are left out. Ours begin with N at once, and drain; h2load's begin as its
warm-up ends, with N under way, and those under way at its end are lost.
"""

import itertools
import statistics
from collections import defaultdict

from tests.benchmarks import h2load, native
from tests.benchmarks.burner import burner
from tests.benchmarks.comparison import (
    LOAD_CPU,
    SERVER_CPU,
    drawn,
    percentiles_us,
    ratio,
    rounds,
)
from tests.benchmarks.nginx import nginx

CONNECTIONS, SECONDS = (8, 32), 3.0
TOOLS = {"bridgetoll": native.closed_loop, "h2load": h2load.closed_loop}


def main() -> None:
    """Measure and print."""
    seen: dict[tuple[str, int, str], list[tuple[float, float]]] = defaultdict(list)
    numbers = rounds(5)
    with nginx(SERVER_CPU) as fast, burner(SERVER_CPU) as slow:
        conditions = list(itertools.product({"nginx": fast, "slow": slow}.items(), CONNECTIONS))
        print(f"{SECONDS:g} s each, a core for the server, one for the load")
        for number in numbers:
            for (server, port), connections in drawn(conditions):
                for tool in drawn(TOOLS):
                    tally = TOOLS[tool](port, LOAD_CPU, connections, SECONDS)
                    found = percentiles_us(tally, connections)
                    seen[server, connections, tool].append(found)
            print(f"round {number} of {len(numbers)}")
    for (server, _), connections in conditions:
        for index, percentile in enumerate(("p50", "p99")):
            ours, theirs = ([pair[index] for pair in seen[server, connections, t]] for t in TOOLS)
            print(
                f"{server}, {connections} connections, {percentile}: "
                f"{statistics.median(ours):,.0f} µs, h2load {statistics.median(theirs):,.0f} µs; "
                f"bridgetoll / h2load: {ratio(ours, theirs)}"
            )


if __name__ == "__main__":
    main()

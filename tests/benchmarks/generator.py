"""The native generator against wrk and Locust's FastHttpUser: one core, one nginx, one run.

Usage: `uv run python -m tests.benchmarks.generator [ROUNDS]`. The peers take turns, in an order
that is drawn anew each round, so that what the machine does befalls all alike; ratios are taken
within rounds.
"""

import random
import statistics
import sys

from tests.benchmarks.nginx import nginx
from tests.benchmarks.peers import Peer, bridgetoll, fast_http_user, wrk

CONNECTIONS, SECONDS = 32, 3.0
SERVER_CPU, LOAD_CPU = 0, 1
PEERS: dict[str, Peer] = {
    "bridgetoll": bridgetoll,
    "wrk": wrk,
    "FastHttpUser": fast_http_user,
}


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    rates: dict[str, list[float]] = {name: [] for name in PEERS}
    print(f"{CONNECTIONS} connections, {SECONDS:g} s each, a core for the server, one for the load")
    with nginx(SERVER_CPU) as port:
        for number in range(1, rounds + 1):
            for name in random.sample(list(PEERS), len(PEERS)):
                rates[name].append(PEERS[name](port, LOAD_CPU, CONNECTIONS, SECONDS))
            print(f"round {number}: " + ", ".join(f"{n} {r[-1]:,.0f}/s" for n, r in rates.items()))
    for name in PEERS:
        if name != "bridgetoll":
            pairs = zip(rates["bridgetoll"], rates[name], strict=True)
            ratios = [ours / theirs for ours, theirs in pairs]
            print(
                f"bridgetoll / {name}: {statistics.median(ratios):.2f} "
                f"[{min(ratios):.2f}, {max(ratios):.2f}] (median, least and greatest of {rounds})"
            )


if __name__ == "__main__":
    main()

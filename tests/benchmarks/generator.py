"""The native generator against wrk, h2load and Locust's FastHttpUser: one core, one nginx, one run.

Usage: `uv run python -m tests.benchmarks.generator [ROUNDS]`. The peers take turns, in an order
that is drawn anew each round, so that what the machine does befalls all alike; ratios are taken
within rounds.
"""

from tests.benchmarks.comparison import LOAD_CPU, SERVER_CPU, drawn, ratio, rounds
from tests.benchmarks.nginx import nginx
from tests.benchmarks.peers import PEERS

CONNECTIONS, SECONDS = 32, 3.0


def main() -> None:
    """Measure and print."""
    rates: dict[str, list[float]] = {name: [] for name in PEERS}
    numbers = rounds(5)
    print(f"{CONNECTIONS} connections, {SECONDS:g} s each, a core for the server, one for the load")
    with nginx(SERVER_CPU) as port:
        for number in numbers:
            for name in drawn(PEERS):
                rates[name].append(PEERS[name](port, LOAD_CPU, CONNECTIONS, SECONDS))
            print(f"round {number}: " + ", ".join(f"{n} {r[-1]:,.0f}/s" for n, r in rates.items()))
    for name in PEERS:
        if name != "bridgetoll":
            print(f"bridgetoll / {name}: {ratio(rates['bridgetoll'], rates[name])}")


if __name__ == "__main__":
    main()

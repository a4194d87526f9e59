"""Load generators as functions: port, core, connections and seconds in, requests per second out."""

import json
import re
import sys
from collections.abc import Callable

from harness.lab.network import HOST
from tests.benchmarks import h2load, native
from tests.benchmarks.command import output, program

Peer = Callable[[int, int, int, float], float]


def bridgetoll(port: int, cpu: int, connections: int, seconds: float) -> float:
    """The native generator, every response checked."""
    tally = native.closed_loop(port, cpu, connections, seconds)
    return tally.correct / (tally.end_ns - tally.start_ns) * 1e9


def wrk(port: int, cpu: int, connections: int, seconds: float) -> float:
    """wrk, one thread, without a script: it parses responses and checks nothing."""
    text = output(
        cpu, program("wrk", "wrk"),
        "-t1", f"-c{connections}", f"-d{seconds:.0f}s", f"http://{HOST}:{port}/noop",
    )  # fmt: skip
    found = re.search(r"Requests/sec:\s+([\d.]+)", text)
    assert found is not None, text
    return float(found[1])


def fast_http_user(port: int, cpu: int, connections: int, seconds: float) -> float:
    """Locust's FastHttpUser, one process, its users without wait time."""
    text = output(
        cpu, sys.executable, "-m", "tests.benchmarks.locust_peer",
        f"http://{HOST}:{port}", str(connections), str(seconds),
    )  # fmt: skip
    return float(json.loads(text.splitlines()[-1]))


PEERS: dict[str, Peer] = {
    "bridgetoll": bridgetoll,
    "wrk": wrk,
    "h2load": h2load.rate,
    "FastHttpUser": fast_http_user,
}

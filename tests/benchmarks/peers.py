"""Load generators as functions: port, core, connections and seconds in, requests per second out."""

import json
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable

from harness.lab.clocks import process_cpu_ns
from harness.lab.network import HOST
from harness.load.generator import Generator
from harness.load.http1 import request_bytes
from harness.load.messages import Exchange

Peer = Callable[[int, int, int, float], float]


def bridgetoll(port: int, cpu: int, connections: int, seconds: float) -> float:
    """The native generator, every response checked, as a run uses it."""
    exchange = Exchange([request_bytes("GET", "/noop", f"{HOST}:{port}")], body=b"{}")
    with Generator([cpu]) as generator:
        generator.open("nginx", HOST, port, connections=connections)
        generator.slice("nginx", exchange, 0.5)
        tally = generator.slice("nginx", exchange, seconds)
        assert process_cpu_ns(generator.pids[0]) is not None
    if tally.errors:
        sys.exit(f"the generator met errors: {tally.errors}")
    return tally.correct / (tally.end_ns - tally.start_ns) * 1e9


def wrk(port: int, cpu: int, connections: int, seconds: float) -> float:
    """wrk, one thread, without a script: it parses responses and checks nothing."""
    program = shutil.which("wrk")
    if program is None:
        sys.exit("wrk is missing; install it, for example with `apt-get install wrk`.")
    text = _output(
        cpu, program, "-t1", f"-c{connections}", f"-d{seconds:.0f}s", f"http://{HOST}:{port}/noop"
    )
    found = re.search(r"Requests/sec:\s+([\d.]+)", text)
    assert found is not None, text
    return float(found[1])


def fast_http_user(port: int, cpu: int, connections: int, seconds: float) -> float:
    """Locust's FastHttpUser, one process, its users without wait time."""
    text = _output(
        cpu, sys.executable, "-m", "tests.benchmarks.locust_peer",
        f"http://{HOST}:{port}", str(connections), str(seconds),
    )  # fmt: skip
    return float(json.loads(text.splitlines()[-1]))


def answers(port: int) -> bool:
    """Whether somebody listens."""
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def _output(cpu: int, *command: str) -> str:
    done = subprocess.run(
        ["taskset", "-c", str(cpu), *command], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        sys.exit(f"{command[0]} failed: {done.stderr[-500:]}")
    return done.stdout

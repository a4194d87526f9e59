"""What does the relay cost, and how punctual is it? pgbench through it, against the direct way.

Usage: `uv run python -m tests.benchmarks.relay [ROUNDS]`. pgbench (PostgreSQL's own benchmark) asks
`SELECT 1` over 16 connections, directly and by a leg without delay, in turn; then round trips are
timed through a leg of 100 ms, alone and while 500 connections are busy. PostgreSQL has the one
processor and the relay the other; pgbench shares first the one, then the other.
"""

import re
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import psycopg

from harness.base.workspace import cache_folder
from harness.inputs.settings import DatabaseSettings
from harness.inputs.study import Latency
from harness.lab.clocks import process_cpu_ns
from harness.lab.latency.injector import RelayInjector
from harness.lab.postgres.cluster import EmbeddedPostgres
from harness.runner.legs import Legs
from tests.benchmarks.comparison import LOAD_CPU, SERVER_CPU, drawn, ratio, rounds, spread

CONNECTIONS, MANY, SECONDS = 16, 500, 3
DELAY_MS, PINGS, RATE = 100, 30, 3_000
_SCRIPT = "SELECT 1;\n"


def main() -> None:
    """Measure and print."""
    numbers = rounds(7)
    settings = DatabaseSettings(max_connections=MANY + 50)
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedPostgres(cache_folder(), settings, [SERVER_CPU]) as cluster,
        RelayInjector([LOAD_CPU], Path(folder) / "relay.log") as injector,
    ):
        legs = Legs(injector)
        script = Path(folder) / "select.sql"
        script.write_text(_SCRIPT)
        near = legs.database_url(cluster.url)
        ways = {"direct": cluster.url, "relay": near}
        program = cluster.programs / "pgbench"
        for cpu, told in ((SERVER_CPU, "its own processor"), (LOAD_CPU, "pgbench's processor")):
            bench = _Bench(program, script, cpu)
            found: dict[str, list[float]] = {name: [] for name in ways}
            for _ in numbers:
                for name in drawn(ways):
                    found[name].append(bench.tps(ways[name], CONNECTIONS))
            print(
                f"SELECT 1, {CONNECTIONS} connections, the relay on {told}: relay "
                f"{spread(found['relay'], ',.0f')}/s, direct {spread(found['direct'], ',.0f')}/s; "
                f"ratio {ratio(found['relay'], found['direct'])}"
            )
        legs.lengthen(Latency(database_ms=DELAY_MS))
        print(f"round trip of {DELAY_MS} ms, alone: {spread(_pings(near), '.2f')} ms")
        _busy(bench, near, injector)


class _Bench:
    """pgbench, on one processor."""

    def __init__(self, program: Path, script: Path, cpu: int) -> None:
        self._program = program
        self._cpu = cpu
        self._script = script

    def tps(self, url: str, connections: int) -> float:
        """Transactions per second over some seconds."""
        return self._number(r"tps = ([\d.]+)", self.run(url, connections, SECONDS))

    def run(self, url: str, connections: int, seconds: int, *more: str) -> str:
        """What it says; anything that failed ends the benchmark."""
        command = [
            "taskset", "-c", str(self._cpu), str(self._program), "-n", "-c", str(connections),
            "-j", str(max(1, connections // 5)),  # or they would connect one after the other
            "-T", str(seconds), "-f", str(self._script), *more, url,
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert "aborted" not in done.stderr, done.stderr
        return done.stdout

    @staticmethod
    def _number(pattern: str, text: str) -> float:
        found = re.search(pattern, text)
        assert found is not None, text
        return float(found[1])


def _pings(url: str) -> Sequence[float]:
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
        connection.execute("SELECT 1")
        found = []
        for _ in range(PINGS):
            began = time.perf_counter()
            connection.execute("SELECT 1").fetchone()
            found.append((time.perf_counter() - began) * 1e3)
    return found


def _busy(bench: _Bench, url: str, injector: RelayInjector) -> None:
    """One connection's round trips beside 500 others, at random times: without a rate they would
    ask in step, and wait for PostgreSQL's processor and not for the relay."""
    said: list[str] = []
    (pid,) = injector.pids
    load = threading.Thread(target=lambda: said.append(bench.run(url, MANY, 12, "-R", str(RATE))))
    load.start()
    time.sleep(6)  # until all of them are connected
    began, used = time.monotonic(), process_cpu_ns(pid) or 0
    carried = injector.connections()
    found = _pings(url)
    share = ((process_cpu_ns(pid) or 0) - used) / 1e9 / (time.monotonic() - began)
    load.join()
    failed = re.search(r"number of failed transactions: (\d+)", said[0])
    print(
        f"round trip of {DELAY_MS} ms beside {carried} connections and {RATE:,} requests/s: "
        f"{spread(found, '.2f')} ms, "
        f"median {statistics.median(found) - DELAY_MS:.2f} ms late; relay {share:.0%} of a "
        f"processor; {failed[1] if failed else 'unknown'} failed"
    )


if __name__ == "__main__":
    main()

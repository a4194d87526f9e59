"""h2load speaking HTTP/1.1, one thread: a generator in C that can log every single request.

What its log means, by its manual and its source (1.52): a line per response, in order of
completion: the wall clock when the request was put into its connection's buffer, in microseconds;
the status; whole microseconds from then, by the monotonic clock, until the response was parsed to
its end. The buffer is written when the loop finds the socket writable, one turn later, so what
h2load does for other connections meanwhile counts as latency. Each line is a write(2) of its own.
Bodies are not checked. Requests under way when the time is up are given up and not logged.
"""

import re
import sys
import tempfile
from pathlib import Path

import numpy as np

from harness.lab.network import HOST
from harness.load.protocol import Tally
from tests.benchmarks.command import output, program
from tests.benchmarks.native import WARMUP_S

_LEAST_PERIOD_S = 0.01
"""Of the timer behind `--rps`; a client due more often sends several at once."""


def rate(port: int, cpu: int, connections: int, seconds: float) -> float:
    """Responses per second in a closed loop, without a log."""
    text = _run(port, cpu, connections, *_timed(seconds))
    found = re.search(r"finished in .*, ([\d.]+) req/s", text)
    assert found is not None, text
    return float(found[1])


def closed_loop(port: int, cpu: int, connections: int, seconds: float) -> Tally:
    """Its log as a tally."""
    return _logged(port, cpu, connections, *_timed(seconds))


def open_loop(port: int, cpu: int, connections: int, seconds: float, gap_ms: int) -> Tally:
    """Its log as a tally, with a request due every `gap_ms`.

    `--rps` gives each client a timer that starts as it connects. Clients that connect together
    would therefore all send together, period after period; so they connect `gap_ms` apart (`-r 1
    --rate-period`, whole milliseconds) and each sends once in `connections * gap_ms`.
    """
    period_s = connections * gap_ms / 1e3
    assert period_s >= _LEAST_PERIOD_S, "its clients would send in bursts; take more of them"
    count = connections * max(1, round(seconds / period_s))
    tally = _logged(
        port, cpu, connections,
        f"-n{count}", "-r1", f"--rate-period={gap_ms}ms", f"--rps={1 / period_s!r}",
    )  # fmt: skip
    if tally.correct != count:
        sys.exit(f"h2load got {tally.correct} responses to {count} requests")
    return tally


def _timed(seconds: float) -> list[str]:
    return [f"--duration={seconds * 1e3:.0f}ms", f"--warm-up-time={WARMUP_S * 1e3:.0f}ms"]


def _logged(port: int, cpu: int, connections: int, *options: str) -> Tally:
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        _run(port, cpu, connections, *options, f"--log-file={log}")
        starts_us, statuses, took_us = np.loadtxt(log, dtype=np.int64, ndmin=2).T
    if (statuses != 200).any():
        sys.exit(f"h2load met errors: statuses {np.unique(statuses).tolist()}")
    return Tally(
        correct=statuses.size,
        errors={},
        samples=[],
        reconnects=0,
        start_ns=int(starts_us.min()) * 1000,
        end_ns=int((starts_us + took_us).max()) * 1000,
        latencies=(took_us * 1000).tobytes(),
        starts=(starts_us * 1000).tobytes(),
    )


def _run(port: int, cpu: int, connections: int, *options: str) -> str:
    text = output(
        cpu, program("h2load", "nghttp2-client"), "--h1", "-t1", f"-c{connections}", *options,
        f"http://{HOST}:{port}/noop",
    )  # fmt: skip
    if not re.search(r"\b0 failed, 0 errored, 0 timeout", text):
        sys.exit(f"h2load met errors: {text[-500:]}")
    return text

"""The native generator, every response checked, as a run uses it."""

import sys
from typing import Literal

from harness.lab.network import HOST
from harness.load.bare_server import BODY
from harness.load.generator import ProcessGenerator
from harness.load.protocol import Arrivals, Exchange, Tally
from harness.load.worker.http1 import request_bytes

WARMUP_S = 0.5
_TARGET = "server"


def closed_loop(port: int, cpu: int, connections: int, seconds: float) -> Tally:
    """A slice, after one to warm up."""
    with ProcessGenerator([cpu]) as generator:
        generator.open(_TARGET, HOST, port, connections=connections)
        generator.slice(_TARGET, _exchange(port), WARMUP_S)
        return _without_errors(generator.slice(_TARGET, _exchange(port), seconds))


def open_loop(
    port: int,
    cpu: int,
    connections: int,
    seconds: float,
    rate_per_s: float,
    kind: Literal["constant", "poisson"] = "constant",
) -> Tally:
    """A window."""
    with ProcessGenerator([cpu]) as generator:
        generator.open(_TARGET, HOST, port, connections=connections)
        tally = generator.window(
            _TARGET, _exchange(port),
            warmup_s=WARMUP_S, seconds=seconds, arrivals=Arrivals(kind, rate_per_s, (1,)),
        )  # fmt: skip
        return _without_errors(tally)


def _exchange(port: int) -> Exchange:
    return Exchange([request_bytes("GET", "/noop", f"{HOST}:{port}")], body=BODY)


def _without_errors(tally: Tally) -> Tally:
    if tally.errors:
        sys.exit(f"the generator met errors: {tally.errors}, e.g. {tally.samples[0]}")
    return tally

"""The endpoints that need no database."""

import time
from typing import Any

from flask import Blueprint, current_app

from .json import big_integer

blueprint = Blueprint("plain", __name__)


@blueprint.get("/health")
def health() -> dict[str, Any]:
    """Say that the worker is ready: it has loaded the application, and so opened the pool."""
    return {"status": "ok"}


@blueprint.get("/noop")
def noop() -> dict[str, Any]:
    return {}


@blueprint.get("/cpu")
def cpu() -> dict[str, Any]:
    ct = 0
    for i in range(current_app.config["CPU_ITERATIONS"]):
        ct += i * i
    return {"ct": big_integer(ct)}


@blueprint.get("/io_wait")
def io_wait() -> dict[str, Any]:
    """Wait as for an upstream service, and hold one of the server's threads meanwhile."""
    wait_ms = current_app.config["WAIT_MS"]
    time.sleep(wait_ms / 1000)
    return {"waited_ms": wait_ms}

"""aiohttp's gunicorn worker listens with the backlog that gunicorn is given, as all others do.

Without this it listens with aiohttp's default of 128: the worker passes gunicorn's value to nobody.
"""

from functools import partial
from typing import Any

from aiohttp import web


def post_worker_init(worker: Any) -> None:
    """Called by gunicorn in each worker, before it listens."""
    web.SockSite = partial(web.SockSite, backlog=worker.cfg.backlog)  # type: ignore[assignment, misc]

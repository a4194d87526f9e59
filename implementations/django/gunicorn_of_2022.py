"""gunicorn's sync worker closes a connection as it did in 2022, for the published experiment.

Since 27 it half-closes, and waits in its only thread until the client has closed too: a round trip
to the client for every request, which that experiment did not have.
"""

from typing import Any

from gunicorn import util


def post_worker_init(_worker: Any) -> None:
    """Called by gunicorn in each worker, before its first request."""
    util.close_graceful = lambda connection, *_, **__: util.close(connection)

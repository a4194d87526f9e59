"""Opening the psycopg pool before the first request, which Django leaves to that request."""

from django.conf import settings
from django.db import connection
from psycopg_pool import PoolTimeout

from config.environment import refuse_to_start


def open_pool() -> None:
    """Fill the pool if this arm has one.

    Run in the worker, after the fork: a pool's threads and sockets do not survive one. Django
    keeps one pool per database and process, so filling it from this thread fills it for all.
    """
    pool = getattr(connection, "pool", None)  # before 5.1, Django had none
    if pool is None:
        return
    try:
        pool.open(wait=True)
    except PoolTimeout:
        refuse_to_start(f"{settings.POOL_SIZE} database connections could not be opened in time.")

"""Every asyncpg pool connects to this benchmark's database, and has as many connections as ours.

The suite's applications name a host and a pool of hundreds of connections in their code.
"""

import os
from typing import Any

import asyncpg  # type: ignore[import-not-found]

_create_pool = asyncpg.create_pool


def create_pool(**_: Any) -> asyncpg.Pool:
    """In place of asyncpg's own."""
    size = int(os.environ["POOL_SIZE"])
    return _create_pool(os.environ["DATABASE_URL"], min_size=size, max_size=size)


asyncpg.create_pool = create_pool

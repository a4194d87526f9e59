"""Does asyncpg leave a table locked when a task is cancelled between Parse and Bind?

Usage: `uv run --with asyncpg==0.32.0 python -m tests.benchmarks.cancelled_parse`. asyncpg prepares
a statement by Parse, Describe and Flush, without Sync, so PostgreSQL keeps the implicit transaction
open, with the locks that Parse took. Bind, Execute and Sync follow when the task goes on. A task
that is cancelled when the answer is there, but before it goes on, sends neither. The pool's own
reset would end the transaction, as any later query does. docs/findings.md quotes the output.
"""

import asyncio
import sys
from typing import Any

import asyncpg  # type: ignore[import-not-found, import-untyped, unused-ignore]

from harness.base.workspace import cache_folder
from harness.inputs.settings import DatabaseSettings
from harness.lab.postgres.cluster import EmbeddedPostgres

_TIMES = 200
_LOCKS = "SELECT count(*) FROM pg_locks WHERE pid = $1 AND relation = 'here'::regclass"


async def _cancelled_after_parse(connection: Any, number: int) -> None:
    """Cancel an insert once the first answer has come, before the task knows of it."""
    insert = asyncio.create_task(connection.execute("INSERT INTO here VALUES ($1)", number))
    while not insert.done():
        await asyncio.sleep(0)
        waiter = getattr(insert, "_fut_waiter", None)
        if waiter is not None and waiter.done():
            insert.cancel()
            break
    await asyncio.wait([insert])
    assert insert.cancelled()


async def locked(url: str) -> tuple[int, int]:
    """How many of the connections hold a lock afterwards, and how many once they are reset."""
    admin = await asyncpg.connect(url)
    await admin.execute("CREATE TABLE here (id int)")
    holding = still = 0
    for number in range(_TIMES):
        connection = await asyncpg.connect(url)
        await _cancelled_after_parse(connection, number)
        await asyncio.sleep(0.01)
        holding += await admin.fetchval(_LOCKS, connection.get_server_pid()) > 0
        assert not connection.is_in_transaction()
        await connection.reset()
        still += await admin.fetchval(_LOCKS, connection.get_server_pid()) > 0
        await connection.close()
    await admin.close()
    return holding, still


def main() -> None:
    """Print how many of the cancelled inserts left a lock."""
    with EmbeddedPostgres(cache_folder(), DatabaseSettings()) as cluster:
        holding, still = asyncio.run(locked(cluster.url))
    sys.stdout.write(
        f"asyncpg {asyncpg.__version__}: {holding} of {_TIMES} connections hold a lock on the "
        "table after a cancelled insert, and none says that it is in a transaction. After a reset "
        f"{still} hold one.\n"
    )


if __name__ == "__main__":
    main()

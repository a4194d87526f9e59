"""How long it takes to bring the table to its rows, against PostgreSQL's own CREATE TABLE AS.

Usage: `uv run python -m tests.benchmarks.reset`. The peer makes the same rows in the same server
without index, statistics and checkpoint: what cannot be done faster.
"""

import statistics
import time
from collections.abc import Callable
from functools import partial

from harness.base.workspace import Workspace, cache_folder
from harness.inputs.contract import Contract
from harness.inputs.settings import DatabaseSettings
from harness.lab.postgres.cluster import EmbeddedPostgres
from harness.lab.postgres.database import Database

SIZES = {1_000: 9, 1_000_000: 3}
"""Rows, and how often."""


def main() -> None:
    """Measure and print."""
    contract = Contract(Workspace())
    with (
        EmbeddedPostgres(cache_folder(), DatabaseSettings()) as cluster,
        Database(cluster.url, contract, cluster) as database,
    ):
        for rows, times in SIZES.items():
            ours, theirs = [], []
            for _ in range(times):
                ours.append(_timed(partial(database.reset, rows)))
                theirs.append(_timed(partial(_bare, database, rows)))
            print(
                f"{rows:,} rows: reset {statistics.median(ours):.3f} s "
                f"[{min(ours):.3f}, {max(ours):.3f}], {times} times; "
                f"{statistics.median(ours) / statistics.median(theirs):.1f} times as long as "
                "CREATE TABLE AS of the same rows"
            )


def _bare(database: Database, rows: int) -> None:
    database.admin.execute("DROP TABLE IF EXISTS bare")
    database.admin.execute(
        "CREATE TABLE bare AS SELECT md5(i::text)::uuid AS id, left(md5(i::text), 10) AS title, "
        "left(repeat(md5(i::text), 4), 100) AS content, now() AS created_at, now() AS updated_at "
        f"FROM generate_series(1, {rows}) AS i"
    )


def _timed(action: Callable[[], None]) -> float:
    started = time.monotonic()
    action()
    return time.monotonic() - started


if __name__ == "__main__":
    main()

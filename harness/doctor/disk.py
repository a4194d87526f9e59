"""The disk under PostgreSQL: what durability costs here."""

import time
from pathlib import Path
from typing import Literal

import msgspec
import psutil
import psycopg

from harness.base.errors import DatabaseFailed
from harness.doctor.advice import Advice, Topic
from harness.inputs.settings import DatabaseSettings
from harness.lab.machine import pinned
from harness.lab.postgres.cluster import EmbeddedPostgres
from harness.lab.postgres.connection import DatabaseConnection, connect
from harness.records.run import Cores

_SECONDS = 1.0
_WARMUP = 50
"""Uncounted commits, which prepare the statement and allocate the first pages."""
_IN_MEMORY = frozenset({"tmpfs", "ramfs"})
_TABLE = "CREATE TABLE commits (id bigint GENERATED ALWAYS AS IDENTITY, content text)"
_INSERT = "INSERT INTO commits (content) VALUES ('one row for each commit')"


class Disk(msgspec.Struct, frozen=True):
    """Commits of one INSERT each per second, over one connection to the embedded PostgreSQL.

    filesystem: its type under the clusters; None: not visible here.
    durable_per_s, fast_per_s: with a study's `durability` on, and off.
    """

    filesystem: str | None
    durable_per_s: float
    fast_per_s: float


def measure_disk(cache: Path, cores: Cores, seconds: float = _SECONDS) -> Disk:
    """Start a cluster with durability and one without, and commit to each for some seconds.

    Args:
        cache: where clusters are made; see `workspace.cache_folder`.
        cores: PostgreSQL runs on the database's, its client on the generator's.
        seconds: of commits, to each; one at least is completed.

    Raises:
        DatabaseFailed: PostgreSQL does not start, or fails.
    """
    return Disk(
        filesystem=_filesystem(cache),
        durable_per_s=_commits_per_s(cache, cores, "on", seconds),
        fast_per_s=_commits_per_s(cache, cores, "off", seconds),
    )


def _commits_per_s(
    cache: Path, cores: Cores, durability: Literal["on", "off"], seconds: float
) -> float:
    settings = DatabaseSettings(max_connections=10, durability=durability)
    with (
        EmbeddedPostgres(cache, settings, cores.database) as cluster,
        connect(cluster.url) as connection,
        pinned(set(cores.load)),
    ):
        try:
            return _rate(connection, seconds)
        except psycopg.Error as error:
            raise DatabaseFailed(
                f"The embedded PostgreSQL failed at INSERTs: {' '.join(str(error).split())}; free "
                "some disk space, or name another folder in BRIDGETOLL_CACHE."
            ) from error


def _rate(connection: DatabaseConnection, seconds: float) -> float:
    connection.execute(_TABLE)
    for _ in range(_WARMUP):
        connection.execute(_INSERT, prepare=True)
    done, begun = 0, time.monotonic()
    while True:
        connection.execute(_INSERT, prepare=True)
        done += 1
        if (elapsed := time.monotonic() - begun) >= seconds:
            return done / elapsed


def _filesystem(folder: Path) -> str | None:
    """The type of the mounted file system that is nearest above a folder."""
    mounts = {Path(p.mountpoint): p.fstype for p in psutil.disk_partitions(all=True)}
    return next((mounts[p] for p in (folder, *folder.parents) if p in mounts), None)


def judge(disk: Disk) -> list[Advice]:
    """State what durability costs a study here."""
    where = disk.filesystem or "a file system that is not visible here"
    advice = [
        Advice(
            Topic.DISK,
            f"One connection commits {disk.durable_per_s:,.0f} INSERTs/s with durability on, "
            f"{disk.fast_per_s:,.0f} with it off (on {where}). With it on, `io_create` measures "
            "this disk too; studies have it off unless they say otherwise.",
        )
    ]
    if disk.filesystem in _IN_MEMORY:
        advice.append(
            Advice(
                Topic.DISK,
                "This file system is in memory: durability costs nothing here, and means nothing.",
                "name a folder on a disk in BRIDGETOLL_CACHE",
            )
        )
    return advice

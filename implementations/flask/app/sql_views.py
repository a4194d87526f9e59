"""The endpoints that need the database, by SQL on psycopg's pool."""

import atexit
import math
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import psycopg
from flask import Blueprint, Flask, current_app, request
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool

from . import errors
from .forms import read_ids, read_new_post
from .settings import Settings

Pool = ConnectionPool[psycopg.Connection[DictRow]]

COLUMNS = "id, title, content, created_at, updated_at"
INSERT = f"INSERT INTO post ({COLUMNS}) VALUES (%s, %s, %s, %s, %s)"
FIRST_PAGE = f"SELECT {COLUMNS} FROM post ORDER BY id LIMIT 25"
COUNT = "SELECT count(*) AS ct FROM post"
BY_ID = f"SELECT {COLUMNS} FROM post WHERE id = %s"

blueprint = Blueprint("sql", __name__)


def init_app(app: Flask, settings: Settings) -> None:
    """Open the pool, and add the endpoints."""
    app.extensions["pool"] = _open_pool(settings)
    app.register_error_handler(psycopg.Error, errors.answer_database_failure)  # PoolTimeout is one
    app.register_blueprint(blueprint)


def pool() -> Pool:
    return current_app.extensions["pool"]


@blueprint.post("/io_create")
def io_create() -> dict[str, Any]:
    new, now = read_new_post(request), datetime.now(UTC)
    post = {"id": uuid4(), **new, "created_at": now, "updated_at": now}
    with pool().connection() as connection:
        connection.execute(INSERT, list(post.values()))
    return post


@blueprint.get("/io_read")
def io_read() -> dict[str, Any]:
    with pool().connection() as connection:
        posts = connection.execute(FIRST_PAGE).fetchall()
        count = connection.execute(COUNT).fetchone()["ct"]
    return {"ct": count, "posts": posts}


@blueprint.get("/io_fanout")
def io_fanout() -> dict[str, Any]:
    """Read one after the other: a thread has one connection."""
    ids = read_ids(request)
    with pool().connection() as connection:
        return {"posts": [connection.execute(BY_ID, [post_id]).fetchone() for post_id in ids]}


def _open_pool(settings: Settings) -> Pool:
    """Open all connections now, and close them when the worker ends."""
    pool = ConnectionPool(
        settings.database_url,
        min_size=settings.pool_size,
        max_size=settings.pool_size,
        timeout=settings.pool_timeout,
        # psycopg would replace a connection after an hour, and double the delay between attempts
        # to replace a lost one for five minutes.
        max_lifetime=math.inf,
        reconnect_timeout=5,
        kwargs={
            "autocommit": True,
            # Prepare a statement when it is first seen, not after five executions.
            "prepare_threshold": 0,
            "connect_timeout": math.ceil(settings.pool_timeout),
            "row_factory": dict_row,
        },
        open=True,
    )
    pool.wait()
    atexit.register(pool.close)
    return pool

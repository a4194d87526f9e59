"""The engine, and one session per request."""

import math
from contextlib import ExitStack

from flask import Flask, current_app, g
from sqlalchemy import Engine, create_engine, make_url
from sqlalchemy.orm import Session, sessionmaker

from .settings import Settings


def init_app(app: Flask, settings: Settings) -> None:
    """Open the pool, and have every request's session closed at its end."""
    engine = _create_engine(settings)
    _fill_pool(engine, settings.pool_size)
    app.extensions["sessions"] = sessionmaker(engine, expire_on_commit=False)
    app.teardown_appcontext(_close_session)


def current_session() -> Session:
    """Return the session of this request; it takes a connection when it sends its first query."""
    if "session" not in g:
        g.session = current_app.extensions["sessions"]()
    return g.session


def _close_session(_error: BaseException | None) -> None:
    session: Session | None = g.pop("session", None)
    if session is not None:
        session.close()


def _create_engine(settings: Settings) -> Engine:
    return create_engine(
        make_url(settings.database_url).set(drivername="postgresql+psycopg"),
        isolation_level="AUTOCOMMIT",
        pool_size=settings.pool_size,
        max_overflow=0,
        pool_timeout=settings.pool_timeout,
        # With AUTOCOMMIT there is never a transaction that a returned connection must roll back.
        pool_reset_on_return=None,
        connect_args={
            # Prepare a statement when it is first seen, not after five executions.
            "prepare_threshold": 0,
            "connect_timeout": math.ceil(settings.pool_timeout),
        },
    )


def _fill_pool(engine: Engine, size: int) -> None:
    """Open all connections now: the pool would otherwise open each on its first use."""
    with ExitStack() as stack:
        for _ in range(size):
            stack.enter_context(engine.connect())

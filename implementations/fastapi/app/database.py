"""SQLAlchemy's engine, its pool, and a session per request."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Annotated

from fastapi import Depends
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from app.errors import DatabaseUnavailableError
from app.settings import settings

# What the server reports or the driver raises in the middle of a statement is a DBAPIError. A
# connection that cannot be opened is not: asyncpg's OSError (TimeoutError is one) comes as it is.
FAILURES = (DBAPIError, PoolTimeoutError, OSError)

engine = create_async_engine(
    "postgresql+asyncpg://",
    # Every request makes one INSERT, or reads: nothing needs more than PostgreSQL's own commit
    # per statement. No BEGIN, COMMIT or ROLLBACK is sent, so nothing is left to reset either.
    isolation_level="AUTOCOMMIT",
    pool_reset_on_return=None,
    pool_size=settings.pool_size,
    max_overflow=0,
    pool_timeout=settings.pool_timeout,
    # asyncpg reads the URL itself, because it knows libpq's options. SQLAlchemy would pass
    # them as keyword arguments, which asyncpg does not have.
    connect_args={"dsn": settings.database_url, "timeout": settings.pool_timeout},
)
# The objects of a session are encoded after its commit, and must not be selected again for that.
new_session = async_sessionmaker(engine, expire_on_commit=False)


@asynccontextmanager
async def open_pool() -> AsyncIterator[None]:
    """Open every connection of the pool, which SQLAlchemy would otherwise do on demand."""
    try:
        async with AsyncExitStack() as stack:
            for _ in range(settings.pool_size):
                await stack.enter_async_context(engine.connect())
        yield
    finally:
        await engine.dispose()


async def get_session() -> AsyncIterator[AsyncSession]:
    """A session for one request; it takes a connection from the pool at its first statement."""
    try:
        async with new_session() as session:
            yield session
    except FAILURES as error:
        raise DatabaseUnavailableError(repr(error)) from error


# scope="function": the connection goes back to the pool before the response is sent, not after.
Session = Annotated[AsyncSession, Depends(get_session, scope="function")]
# For an endpoint that needs several at once: a session serves one task at a time.
open_session = asynccontextmanager(get_session)

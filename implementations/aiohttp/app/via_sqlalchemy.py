"""Posts by SQLAlchemy: the async ORM, with asyncpg underneath."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import DateTime, Text, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from .posts import PAGE_SIZE, DatabaseUnavailable, Post
from .settings import Settings


class Base(DeclarativeBase):
    type_annotation_map: ClassVar = {str: Text, datetime: DateTime(timezone=True)}


class PostEntity(Base):
    """A row, as the ORM sees it."""

    __tablename__ = "post"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    title: Mapped[str]
    content: Mapped[str]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    def as_post(self) -> Post:
        return Post(
            id=self.id,
            title=self.title,
            content=self.content,
            created_at=self.created_at,
            updated_at=self.updated_at,
        )


FIRST_PAGE = select(PostEntity).order_by(PostEntity.id).limit(PAGE_SIZE)
COUNT = select(func.count()).select_from(PostEntity)

# A connection that is refused or times out is the operating system's exception, not the driver's.
FAILURES = (DBAPIError, PoolTimeoutError, OSError)


class SqlalchemyPosts:
    """The table, behind a session per unit of work."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession]) -> None:
        self._sessions = sessions

    async def add(self, post: Post) -> None:
        try:
            async with self._sessions() as session:
                session.add(PostEntity(**post))
                await session.commit()
        except FAILURES as error:
            raise DatabaseUnavailable from error

    async def first_page(self) -> tuple[int, list[Post]]:
        try:
            async with self._sessions() as session:
                entities = (await session.scalars(FIRST_PAGE)).all()
                count = (await session.scalars(COUNT)).one()
        except FAILURES as error:
            raise DatabaseUnavailable from error
        return count, [entity.as_post() for entity in entities]

    async def each(self, ids: Sequence[UUID]) -> list[Post | None]:
        return await asyncio.gather(*(self._one(post_id) for post_id in ids))

    async def _one(self, post_id: UUID) -> Post | None:
        """Read in a session of its own: one serves one task at a time, on one connection."""
        try:
            async with self._sessions() as session:
                entity = await session.get(PostEntity, post_id)
        except FAILURES as error:
            raise DatabaseUnavailable from error
        return None if entity is None else entity.as_post()


@asynccontextmanager
async def open_posts(settings: Settings) -> AsyncIterator[SqlalchemyPosts]:
    """Open every connection of the pool, and close them at the end."""
    engine = create_async_engine(
        "postgresql+asyncpg://",
        isolation_level="AUTOCOMMIT",
        pool_size=settings.pool_size,
        max_overflow=0,
        pool_timeout=settings.pool_timeout,
        # With AUTOCOMMIT there is never a transaction that a returned connection must roll back.
        pool_reset_on_return=None,
        # asyncpg reads the URL itself, because it knows libpq's options. SQLAlchemy would pass
        # them as keyword arguments, which asyncpg does not have.
        connect_args={"dsn": settings.database_url, "timeout": settings.pool_timeout},
    )
    try:
        await _fill_pool(engine, settings.pool_size)
        yield SqlalchemyPosts(async_sessionmaker(engine, expire_on_commit=False))
    finally:
        await engine.dispose()


async def _fill_pool(engine: AsyncEngine, size: int) -> None:
    """Open all connections now: the pool would otherwise open each on its first use."""
    connections = [await engine.connect() for _ in range(size)]
    for connection in connections:
        await connection.close()

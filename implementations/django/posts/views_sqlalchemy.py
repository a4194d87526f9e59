"""Async views on SQLAlchemy's async ORM, with asyncpg underneath.

The other endpoints are those of the async views.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from sqlalchemy import DateTime, Text, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from posts.endpoint import endpoint
from posts.forms import read_ids, read_new_post
from posts.responses import JSONResponse
from posts.rows import Row, new_row
from posts.views_async import cpu, health, io_wait, noop

__all__ = ["cpu", "health", "io_create", "io_fanout", "io_read", "io_wait", "lifespan", "noop"]


class Base(DeclarativeBase):
    """The declarative base; a str is `text` and a datetime `timestamptz`, as in the schema."""

    type_annotation_map: ClassVar = {str: Text, datetime: DateTime(timezone=True)}


class PostEntity(Base):
    """A row, as SQLAlchemy sees it."""

    __tablename__ = "post"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    title: Mapped[str]
    content: Mapped[str]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    def as_row(self) -> Row:
        return Row(
            id=self.id,
            title=self.title,
            content=self.content,
            created_at=self.created_at,
            updated_at=self.updated_at,
        )


FIRST_POSTS = select(PostEntity).order_by(PostEntity.id).limit(25)
COUNT_POSTS = select(func.count()).select_from(PostEntity)

# What the server reports or the driver raises in the middle of a statement is a DBAPIError. A
# connection that cannot be opened is not: asyncpg's OSError (TimeoutError is one) comes as it is.
FAILURES = (DBAPIError, PoolTimeoutError, OSError)


@endpoint("POST")
async def io_create(request: HttpRequest) -> HttpResponse:
    row = new_row(read_new_post(request))
    async with session_for(request) as session:
        post = PostEntity(**row)
        session.add(post)
        await session.commit()
        return JSONResponse(post.as_row())


@endpoint("GET")
async def io_read(request: HttpRequest) -> HttpResponse:
    async with session_for(request) as session:
        posts = (await session.scalars(FIRST_POSTS)).all()
        count = await session.scalar(COUNT_POSTS)
        return JSONResponse({"ct": count, "posts": [post.as_row() for post in posts]})


@endpoint("GET")
async def io_fanout(request: HttpRequest) -> HttpResponse:
    ids = read_ids(request)
    posts = await asyncio.gather(*(read_post(request, post_id) for post_id in ids))
    return JSONResponse({"posts": posts})


async def read_post(request: HttpRequest, post_id: UUID) -> Row | None:
    # A session serves one task at a time, on one connection: each read has a session of its own.
    # It waits for no second connection: so none waits in a circle.
    async with session_for(request) as session:
        post = await session.get(PostEntity, post_id)
    return None if post is None else post.as_row()


@asynccontextmanager
async def session_for(request: HttpRequest) -> AsyncIterator[AsyncSession]:
    """Open a session; whatever fails is what Django's ORM would raise.

    It takes a connection from the pool at its first statement, and gives it back at its end.
    """
    try:
        async with request.scope["state"]["sessions"]() as session:
            yield session
    except FAILURES as exc:
        raise OperationalError(repr(exc)) from exc


@asynccontextmanager
async def lifespan() -> AsyncIterator[dict[str, Any]]:
    """Open every connection of the pool, which SQLAlchemy would do on demand; close them."""
    engine = create_async_engine(
        "postgresql+asyncpg://",
        # Every request makes one INSERT, or reads: nothing needs more than PostgreSQL's own commit
        # per statement. No BEGIN, COMMIT or ROLLBACK is sent, so nothing is left to reset either.
        isolation_level="AUTOCOMMIT",
        pool_reset_on_return=None,
        pool_size=settings.POOL_SIZE,
        max_overflow=0,
        pool_timeout=settings.POOL_TIMEOUT,
        # asyncpg reads the URL itself, because it knows libpq's options. SQLAlchemy would pass
        # them as keyword arguments, which asyncpg does not have.
        connect_args={"dsn": settings.DATABASE_URL, "timeout": settings.POOL_TIMEOUT},
    )
    try:
        async with AsyncExitStack() as stack:
            for _ in range(settings.POOL_SIZE):
                await stack.enter_async_context(engine.connect())
        # The objects of a session are encoded after its commit, and not selected again for that.
        yield {"sessions": async_sessionmaker(engine, expire_on_commit=False)}
    finally:
        await engine.dispose()

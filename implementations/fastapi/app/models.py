"""The table, and the statements that this application sends."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

from sqlalchemy import DateTime, Text, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from app.database import open_session
from app.schemas import NewPost


class Base(DeclarativeBase):
    """The declarative base; a str is `text` and a datetime `timestamptz`, as in the schema."""

    type_annotation_map = {str: Text, datetime: DateTime(timezone=True)}  # noqa: RUF012


class Post(Base):
    """A row of the table `post`."""

    __tablename__ = "post"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    title: Mapped[str]
    content: Mapped[str]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


FIRST_POSTS = select(Post).order_by(Post.id).limit(25)
COUNT_POSTS = select(func.count()).select_from(Post)


async def create_post(session: AsyncSession, new: NewPost) -> Post:
    """Insert a post, whose every column is known beforehand: nothing is read back."""
    now = datetime.now(UTC)
    post = Post(id=uuid4(), title=new.title, content=new.content, created_at=now, updated_at=now)
    session.add(post)
    await session.commit()
    return post


async def read_posts(session: AsyncSession) -> tuple[int, Sequence[Post]]:
    """Return the count of all posts, and the first 25 by id: two statements, one connection."""
    posts = (await session.scalars(FIRST_POSTS)).all()
    count = (await session.scalars(COUNT_POSTS)).one()
    return count, posts


async def read_each_post(ids: Sequence[UUID]) -> list[Post | None]:
    """Return the post of each id, or None: a statement and a session each, all at once.

    A session has one connection, and none waits for another while it holds one, so requests that
    together want more than the pool has do not wait for each other.
    """
    return await asyncio.gather(*(_read_one_post(post_id) for post_id in ids))


async def _read_one_post(post_id: UUID) -> Post | None:
    async with open_session() as session:
        return await session.get(Post, post_id)

"""Posts by django-async-backend: Django's query compiler on psycopg's asynchronous connection."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from django.db import Error
from django_async_backend.db import async_connections, async_new_connection

from app import posts
from app.orm.setup import set_up_django
from app.settings import Settings

# The package's application gives every model its `async_objects`. It would also close connections
# at Django's request signals, which nobody sends here.
set_up_django("django_async_backend.db.backends.postgresql", "django_async_backend")

from app.orm.models import Post  # noqa: E402  (a model can be imported only now)


class NativePosts:
    """The table, behind Django's ORM."""

    async def create(self, post: posts.Post) -> None:
        async with _connection():
            await Post.async_objects.acreate(**post)

    async def read(self) -> tuple[int, list[posts.Post]]:
        async with _connection():
            rows = [post async for post in Post.async_objects.order_by("id")[:25]]
            count = await Post.async_objects.acount()
        return count, [row.as_post() for row in rows]

    async def read_each(self, ids: Sequence[UUID]) -> list[posts.Post | None]:
        return await asyncio.gather(*(self._read_one(post_id) for post_id in ids))

    async def _read_one(self, post_id: UUID) -> posts.Post | None:
        """Read in a task of its own, which therefore needs a wrapper of its own.

        The task has a copy of the request's context, and with it the request's wrapper if there is
        one already. `async_new_connection` puts another in its place, and closes that at its end.
        """
        try:
            async with async_new_connection():
                row = await Post.async_objects.aget(pk=post_id)
        except Post.DoesNotExist:
            return None
        except Error as error:
            raise posts.DatabaseUnavailableError(repr(error)) from error
        return row.as_post()


@asynccontextmanager
async def _connection() -> AsyncIterator[None]:
    """Give the connection back, which the first query has taken: no signal will do it for us.

    `async_connections` holds a wrapper per task, and every request is a task of its own.
    """
    try:
        try:
            yield
        finally:
            await async_connections["default"].close()
    except Error as error:
        raise posts.DatabaseUnavailableError(repr(error)) from error


@asynccontextmanager
async def open_posts(settings: Settings) -> AsyncIterator[NativePosts]:
    """Open every connection of the pool, which is the same for all wrappers, and close them."""
    connection = async_connections["default"]
    await connection.pool.open(wait=True)
    try:
        yield NativePosts()
    finally:
        await connection.close_pool()

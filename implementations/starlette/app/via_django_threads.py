"""Posts by Django's ordinary ORM, one hop to a thread and back per request.

All queries of an endpoint, and the return of their connection, are in the same hop.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from asgiref.sync import sync_to_async
from django.db import Error, connection
from starlette.concurrency import run_in_threadpool

from app import posts
from app.orm.setup import set_up_django
from app.settings import Settings

set_up_django("django.db.backends.postgresql")

from app.orm.models import Post  # noqa: E402  (a model can be imported only now)


def create(post: posts.Post) -> None:
    with _connection():
        Post.objects.create(**post)


def read() -> tuple[int, list[posts.Post]]:
    with _connection():
        rows = list(Post.objects.order_by("id")[:25])
        count = Post.objects.count()
    return count, [row.as_post() for row in rows]


def read_each(ids: Sequence[UUID]) -> list[posts.Post | None]:
    """Read one after the other: a thread has one connection."""
    with _connection():
        return [_read_one(post_id) for post_id in ids]


def _read_one(post_id: UUID) -> posts.Post | None:
    try:
        return Post.objects.get(pk=post_id).as_post()
    except Post.DoesNotExist:
        return None


@contextmanager
def _connection() -> Iterator[None]:
    """Give the thread's connection back to the pool, as Django does when a request is finished."""
    try:
        try:
            yield
        finally:
            connection.close()
    except Error as error:
        raise posts.DatabaseUnavailableError(repr(error)) from error


@dataclass(frozen=True, slots=True)
class ThreadedPosts:
    """The table: `create`, `read` and `read_each` above, made awaitable."""

    create: Callable[[posts.Post], Awaitable[None]]
    read: Callable[[], Awaitable[tuple[int, list[posts.Post]]]]
    read_each: Callable[[Sequence[UUID]], Awaitable[list[posts.Post | None]]]


@asynccontextmanager
async def open_with_anyio(settings: Settings) -> AsyncIterator[ThreadedPosts]:
    """Hop to the threads of anyio, which the factory has limited to POOL_SIZE."""
    with _open_pool():
        yield ThreadedPosts(
            create=partial(run_in_threadpool, create),
            read=partial(run_in_threadpool, read),
            read_each=partial(run_in_threadpool, read_each),
        )


@asynccontextmanager
async def open_with_asgiref(settings: Settings) -> AsyncIterator[ThreadedPosts]:
    """Hop to the threads of an executor of ours, which live as long as the worker."""
    with ThreadPoolExecutor(settings.pool_size) as executor, _open_pool():
        in_thread = sync_to_async(thread_sensitive=False, executor=executor)
        yield ThreadedPosts(
            create=in_thread(create), read=in_thread(read), read_each=in_thread(read_each)
        )


@contextmanager
def _open_pool() -> Iterator[None]:
    """Open every connection before the first request: Django would leave it to that request."""
    connection.pool.open(wait=True)
    try:
        yield
    finally:
        connection.close_pool()

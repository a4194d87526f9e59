"""Async views on Django's sync ORM: one hop per view, for all that it asks the database.

The hop ends with giving the connection back, in whatever life cycle. The other endpoints are those
of the async views.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from config.threads import request_thread
from posts.endpoint import endpoint
from posts.forms import NewPost, read_ids, read_new_post
from posts.models import Post
from posts.responses import JSONResponse
from posts.views_async import cpu, health, io_wait, noop

__all__ = ["cpu", "health", "io_create", "io_fanout", "io_read", "io_wait", "noop"]


@endpoint("POST")
async def io_create(request: HttpRequest) -> HttpResponse:
    new = read_new_post(request)
    now = timezone.now()
    async with request_thread():
        post = await create(new, now)
    return JSONResponse(post.as_dict())


@endpoint("GET")
async def io_read(request: HttpRequest) -> HttpResponse:
    async with request_thread():
        posts, count = await first_posts_and_count()
    return JSONResponse({"ct": count, "posts": [post.as_dict() for post in posts]})


@endpoint("GET")
async def io_fanout(request: HttpRequest) -> HttpResponse:
    ids = read_ids(request)
    async with request_thread():
        posts = await posts_by_id(ids)
    return JSONResponse({"posts": posts})


@sync_to_async
def create(new: NewPost, now: datetime) -> Post:
    try:
        return Post.objects.create(
            title=new.title, content=new.content, created_at=now, updated_at=now
        )
    finally:
        connection.close()


@sync_to_async
def first_posts_and_count() -> tuple[list[Post], int]:
    try:
        return list(Post.objects.order_by("id")[:25]), Post.objects.count()
    finally:
        connection.close()


@sync_to_async
def posts_by_id(ids: list[UUID]) -> list[dict[str, Any] | None]:
    try:
        return [read_post(post_id) for post_id in ids]
    finally:
        connection.close()


def read_post(post_id: UUID) -> dict[str, Any] | None:
    try:
        return Post.objects.get(pk=post_id).as_dict()
    except Post.DoesNotExist:
        return None

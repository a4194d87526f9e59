"""Async views on Django's async ORM, which carries every query to a thread and back.

`cpu` runs on the event loop, as in the published experiment: that is what a plain loop in an async
view does.
"""

import asyncio
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from config.connections import bridged_connection
from posts.endpoint import endpoint
from posts.forms import read_ids, read_new_post
from posts.models import Post
from posts.responses import JSONResponse, big_integer
from posts.work import sum_of_squares


@endpoint("GET")
async def health(request: HttpRequest) -> HttpResponse:
    return JSONResponse({"status": "ok"})


@endpoint("GET")
async def noop(request: HttpRequest) -> HttpResponse:
    return JSONResponse({})


@endpoint("GET")
async def cpu(request: HttpRequest) -> HttpResponse:
    return JSONResponse({"ct": big_integer(sum_of_squares(settings.CPU_ITERATIONS))})


@endpoint("POST")
async def io_create(request: HttpRequest) -> HttpResponse:
    new = read_new_post(request)
    now = timezone.now()
    async with bridged_connection():
        post = await Post.objects.acreate(
            title=new.title, content=new.content, created_at=now, updated_at=now
        )
    return JSONResponse(post.as_dict())


@endpoint("GET")
async def io_read(request: HttpRequest) -> HttpResponse:
    async with bridged_connection():
        posts = [post.as_dict() async for post in Post.objects.order_by("id")[:25]]
        count = await Post.objects.acount()
    return JSONResponse({"ct": count, "posts": posts})


@endpoint("GET")
async def io_fanout(request: HttpRequest) -> HttpResponse:
    ids = read_ids(request)
    async with bridged_connection():
        # Five tasks, and five hops that are under way at once: to the one thread that all of a
        # request's queries run in, because its connection is there. So they run one by one.
        posts = await asyncio.gather(*(read_post(post_id) for post_id in ids))
    return JSONResponse({"posts": posts})


@endpoint("GET")
async def io_wait(request: HttpRequest) -> HttpResponse:
    await asyncio.sleep(settings.WAIT_MS / 1000)
    return JSONResponse({"waited_ms": settings.WAIT_MS})


async def read_post(post_id: UUID) -> dict[str, Any] | None:
    try:
        post = await Post.objects.aget(pk=post_id)
    except Post.DoesNotExist:
        return None
    return post.as_dict()

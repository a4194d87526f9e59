import asyncio
from functools import partial

import orjson
from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from ninja import Body, Query

from posts.api import api
from posts.models import Post
from posts.schemas import EachPost, NewPost, PostIds, PostOut, Posts

get = partial(api.api_operation, ["GET", "HEAD"])


@get("/health")
async def health(request: HttpRequest):
    return {"status": "ok"}


@get("/noop")
async def noop(request: HttpRequest):
    return {}


@get("/cpu")
async def cpu(request: HttpRequest):
    ct = 0
    for i in range(settings.CPU_ITERATIONS):
        ct += i * i
    return {"ct": orjson.Fragment(str(ct))}  # which may have more than 64 bits


@api.post("/io_create", response=PostOut)
async def io_create(request: HttpRequest, new: Body[NewPost]):
    now = timezone.now()
    return await Post.objects.acreate(**new.dict(), created_at=now, updated_at=now)


@get("/io_read", response=Posts)
async def io_read(request: HttpRequest):
    posts = [post async for post in Post.objects.order_by("id")[:25]]
    return {"ct": await Post.objects.acount(), "posts": posts}


@get("/io_fanout", response=EachPost)
async def io_fanout(request: HttpRequest, ids: Query[PostIds]):
    reads = (Post.objects.filter(pk=pk).afirst() for pk in ids)
    return {"posts": await asyncio.gather(*reads)}


@get("/io_wait")
async def io_wait(request: HttpRequest):
    await asyncio.sleep(settings.WAIT_MS / 1000)
    return {"waited_ms": settings.WAIT_MS}

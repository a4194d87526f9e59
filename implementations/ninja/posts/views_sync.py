import time
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
def health(request: HttpRequest):
    return {"status": "ok"}


@get("/noop")
def noop(request: HttpRequest):
    return {}


@get("/cpu")
def cpu(request: HttpRequest):
    ct = 0
    for i in range(settings.CPU_ITERATIONS):
        ct += i * i
    return {"ct": orjson.Fragment(str(ct))}  # which may have more than 64 bits


@api.post("/io_create", response=PostOut)
def io_create(request: HttpRequest, new: Body[NewPost]):
    now = timezone.now()
    return Post.objects.create(**new.dict(), created_at=now, updated_at=now)


@get("/io_read", response=Posts)
def io_read(request: HttpRequest):
    return {"ct": Post.objects.count(), "posts": Post.objects.order_by("id")[:25]}


@get("/io_fanout", response=EachPost)
def io_fanout(request: HttpRequest, ids: Query[PostIds]):
    return {"posts": [Post.objects.filter(pk=pk).first() for pk in ids]}


@get("/io_wait")
def io_wait(request: HttpRequest):
    time.sleep(settings.WAIT_MS / 1000)
    return {"waited_ms": settings.WAIT_MS}

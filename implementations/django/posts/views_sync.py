"""Sync views: the ORM called directly, in the thread that serves the request."""

import time
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from posts.endpoint import endpoint
from posts.forms import read_ids, read_new_post
from posts.models import Post
from posts.responses import JSONResponse, big_integer
from posts.work import sum_of_squares


@endpoint("GET")
def health(request: HttpRequest) -> HttpResponse:
    return JSONResponse({"status": "ok"})


@endpoint("GET")
def noop(request: HttpRequest) -> HttpResponse:
    return JSONResponse({})


@endpoint("GET")
def cpu(request: HttpRequest) -> HttpResponse:
    return JSONResponse({"ct": big_integer(sum_of_squares(settings.CPU_ITERATIONS))})


@endpoint("POST")
def io_create(request: HttpRequest) -> HttpResponse:
    new = read_new_post(request)
    now = timezone.now()
    post = Post.objects.create(title=new.title, content=new.content, created_at=now, updated_at=now)
    return JSONResponse(post.as_dict())


@endpoint("GET")
def io_read(request: HttpRequest) -> HttpResponse:
    posts = [post.as_dict() for post in Post.objects.order_by("id")[:25]]
    return JSONResponse({"ct": Post.objects.count(), "posts": posts})


@endpoint("GET")
def io_fanout(request: HttpRequest) -> HttpResponse:
    return JSONResponse({"posts": [read_post(post_id) for post_id in read_ids(request)]})


@endpoint("GET")
def io_wait(request: HttpRequest) -> HttpResponse:
    time.sleep(settings.WAIT_MS / 1000)
    return JSONResponse({"waited_ms": settings.WAIT_MS})


def read_post(post_id: UUID) -> dict[str, Any] | None:
    try:
        return Post.objects.get(pk=post_id).as_dict()
    except Post.DoesNotExist:
        return None

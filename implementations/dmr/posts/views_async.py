import asyncio
from http import HTTPStatus

import msgspec
from django.conf import settings
from django.utils import timezone
from dmr import Body, Query, modify

from posts.api import Api, read_ids
from posts.models import Post
from posts.schemas import EachPost, Ids, NewPost, PostOut, Posts


class Health(Api):
    async def get(self) -> dict[str, str]:
        return {"status": "ok"}

    head = get


class Noop(Api):
    async def get(self) -> dict[str, str]:
        return {}

    head = get


class Cpu(Api):
    async def get(self) -> dict[str, msgspec.Raw]:
        ct = 0
        for i in range(settings.CPU_ITERATIONS):
            ct += i * i
        return {"ct": msgspec.Raw(str(ct).encode())}  # which may have more than 64 bits

    head = get


class CreatePost(Api):
    @modify(status_code=HTTPStatus.OK)
    async def post(self, parsed_body: Body[NewPost]) -> PostOut:
        now = timezone.now()
        post = await Post.objects.acreate(
            title=parsed_body.title, content=parsed_body.content, created_at=now, updated_at=now
        )
        return PostOut.of(post)


class ReadPosts(Api):
    async def get(self) -> Posts:
        posts = [PostOut.of(post) async for post in Post.objects.order_by("id")[:25]]
        return Posts(await Post.objects.acount(), posts)

    head = get


class ReadEachPost(Api):
    async def get(self, parsed_query: Query[Ids]) -> EachPost:
        reads = (Post.objects.filter(pk=pk).afirst() for pk in read_ids(parsed_query))
        found = await asyncio.gather(*reads)
        return EachPost([post and PostOut.of(post) for post in found])

    head = get


class Wait(Api):
    async def get(self) -> dict[str, int]:
        await asyncio.sleep(settings.WAIT_MS / 1000)
        return {"waited_ms": settings.WAIT_MS}

    head = get

"""asyncpg and SQL by hand; answers are bytes that orjson has encoded."""

from typing import Annotated

from fastapi import Depends, Form, Response

from app.asyncpg_posts import AsyncpgPosts, get_posts, open_pool
from app.factory import create_app
from app.parameters import PostIds
from app.plain import cpu, health, io_wait, noop
from app.responses import json_response
from app.schemas import NewPost

Posts = Annotated[AsyncpgPosts, Depends(get_posts)]


async def io_create(new: Annotated[NewPost, Form()], posts: Posts) -> Response:
    return json_response(await posts.create(new))


async def io_read(posts: Posts) -> Response:
    count, first = await posts.read()
    return json_response({"ct": count, "posts": first})


async def io_fanout(ids: PostIds, posts: Posts) -> Response:
    return json_response({"posts": await posts.read_each(ids)})


app = create_app(open_pool)
app.get("/health")(health)
app.get("/noop")(noop)
app.get("/cpu")(cpu)
app.post("/io_create")(io_create)
app.get("/io_read")(io_read)
app.get("/io_fanout")(io_fanout)
app.get("/io_wait")(io_wait)

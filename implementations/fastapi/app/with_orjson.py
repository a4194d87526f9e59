"""SQLAlchemy's ORM; answers are bytes that orjson has encoded."""

from typing import Annotated, Any

from fastapi import Form, Response

from app.database import Session, open_pool
from app.factory import create_app
from app.models import Post, create_post, read_each_post, read_posts
from app.parameters import PostIds
from app.plain import cpu, health, io_wait, noop
from app.responses import json_response
from app.schemas import NewPost


async def io_create(new: Annotated[NewPost, Form()], session: Session) -> Response:
    post = await create_post(session, new)
    return json_response(as_dict(post))


async def io_read(session: Session) -> Response:
    count, posts = await read_posts(session)
    return json_response({"ct": count, "posts": [as_dict(post) for post in posts]})


async def io_fanout(ids: PostIds) -> Response:
    posts = await read_each_post(ids)
    return json_response({"posts": [None if post is None else as_dict(post) for post in posts]})


def as_dict(post: Post) -> dict[str, Any]:
    return {
        "id": post.id,
        "title": post.title,
        "content": post.content,
        "created_at": post.created_at,
        "updated_at": post.updated_at,
    }


app = create_app(open_pool)
app.get("/health")(health)
app.get("/noop")(noop)
app.get("/cpu")(cpu)
app.post("/io_create")(io_create)
app.get("/io_read")(io_read)
app.get("/io_fanout")(io_fanout)
app.get("/io_wait")(io_wait)

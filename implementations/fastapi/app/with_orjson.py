"""The endpoints, answering bytes that orjson has encoded: FastAPI has nothing left to serialise."""

import asyncio
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import Form, Response

from app.database import Session
from app.factory import create_app
from app.models import Post, create_post, read_posts
from app.schemas import NewPost
from app.settings import settings

app = create_app()


@app.get("/health")
async def health() -> Response:
    return json_response({"status": "ok"})


@app.get("/noop")
async def noop() -> Response:
    return json_response({})


@app.get("/cpu")
async def cpu() -> Response:
    """Compute on the event loop, as the published experiment does: nothing else runs meanwhile."""
    ct = 0
    for i in range(settings.cpu_iterations):
        ct += i * i
    return json_response({"ct": big_integer(ct)})


@app.post("/io_create")
async def io_create(new: Annotated[NewPost, Form()], session: Session) -> Response:
    post = await create_post(session, new)
    return json_response(as_dict(post))


@app.get("/io_read")
async def io_read(session: Session) -> Response:
    count, posts = await read_posts(session)
    return json_response({"ct": count, "posts": [as_dict(post) for post in posts]})


@app.get("/io_wait")
async def io_wait() -> Response:
    await asyncio.sleep(settings.wait_ms / 1000)
    return json_response({"waited_ms": settings.wait_ms})


def as_dict(post: Post) -> dict[str, Any]:
    return {
        "id": post.id,
        "title": post.title,
        "content": post.content,
        "created_at": post.created_at,
        "updated_at": post.updated_at,
    }


def json_response(content: Any) -> Response:
    return Response(orjson.dumps(content, default=encode), media_type="application/json")


def big_integer(number: int) -> orjson.Fragment:
    """An integer of any size: orjson itself refuses those over 64 bits, and `cpu` answers one."""
    return orjson.Fragment(str(number))


def encode(value: object) -> str:
    """Encode asyncpg's UUID: orjson knows `uuid.UUID` itself, but no subclass of it."""
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")

"""The endpoints, as FastAPI's documentation teaches: response models, validated and serialised."""

import asyncio
from typing import Annotated, Any

from fastapi import Form

from app.database import Session, open_pool
from app.factory import create_app
from app.models import create_post, read_each_post, read_posts
from app.parameters import PostIds
from app.schemas import Cpu, EachPost, Health, NewPost, Noop, PostOut, Posts, Waited
from app.settings import settings

app = create_app(open_pool)


@app.get("/health")
async def health() -> Health:
    return Health(status="ok")


@app.get("/noop")
async def noop() -> Noop:
    return Noop()


@app.get("/cpu")
async def cpu() -> Cpu:
    """Compute on the event loop, as the published experiment does: nothing else runs meanwhile."""
    ct = 0
    for i in range(settings.cpu_iterations):
        ct += i * i
    return Cpu(ct=ct)


@app.post("/io_create", response_model=PostOut)
async def io_create(new: Annotated[NewPost, Form()], session: Session) -> Any:
    return await create_post(session, new)


@app.get("/io_read", response_model=Posts)
async def io_read(session: Session) -> Any:
    count, posts = await read_posts(session)
    return {"ct": count, "posts": posts}


@app.get("/io_fanout", response_model=EachPost)
async def io_fanout(ids: PostIds) -> Any:
    return {"posts": await read_each_post(ids)}


@app.get("/io_wait")
async def io_wait() -> Waited:
    await asyncio.sleep(settings.wait_ms / 1000)
    return Waited(waited_ms=settings.wait_ms)

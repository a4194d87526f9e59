"""The seven endpoints."""

import time
from typing import Any

from flask import Blueprint, current_app, request
from sqlalchemy import func, select

from .database import current_session
from .forms import read_ids, read_new_post
from .json import big_integer
from .models import Post

PAGE_SIZE = 25
FIRST_PAGE = select(Post).order_by(Post.id).limit(PAGE_SIZE)
COUNT = select(func.count()).select_from(Post)

blueprint = Blueprint("contract", __name__)


@blueprint.get("/health")
def health() -> dict[str, Any]:
    """Say that the worker is ready: it has loaded the application, and so opened the pool."""
    return {"status": "ok"}


@blueprint.get("/noop")
def noop() -> dict[str, Any]:
    return {}


@blueprint.get("/cpu")
def cpu() -> dict[str, Any]:
    ct = 0
    for i in range(current_app.config["CPU_ITERATIONS"]):
        ct += i * i
    return {"ct": big_integer(ct)}


@blueprint.post("/io_create")
def io_create() -> dict[str, Any]:
    post = Post.new(**read_new_post(request))
    session = current_session()
    session.add(post)
    session.commit()
    return post.as_json()


@blueprint.get("/io_read")
def io_read() -> dict[str, Any]:
    session = current_session()
    posts = session.scalars(FIRST_PAGE).all()
    ct = session.scalars(COUNT).one()
    return {"ct": ct, "posts": [post.as_json() for post in posts]}


@blueprint.get("/io_fanout")
def io_fanout() -> dict[str, Any]:
    """Read one after the other: a thread has one session, and that one connection."""
    ids = read_ids(request)
    session = current_session()
    # `populate_existing`: an id that comes twice is asked for twice, and not found in the session.
    posts = [session.get(Post, post_id, populate_existing=True) for post_id in ids]
    return {"posts": [None if post is None else post.as_json() for post in posts]}


@blueprint.get("/io_wait")
def io_wait() -> dict[str, Any]:
    """Wait as for an upstream service, and hold one of the server's threads meanwhile."""
    wait_ms = current_app.config["WAIT_MS"]
    time.sleep(wait_ms / 1000)
    return {"waited_ms": wait_ms}

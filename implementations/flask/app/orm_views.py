"""The endpoints that need the database, by SQLAlchemy's ORM."""

from typing import Any

from flask import Blueprint, Flask, request
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from . import database, errors
from .database import current_session
from .forms import read_ids, read_new_post
from .models import Post
from .settings import Settings

PAGE_SIZE = 25
FIRST_PAGE = select(Post).order_by(Post.id).limit(PAGE_SIZE)
COUNT = select(func.count()).select_from(Post)

blueprint = Blueprint("orm", __name__)


def init_app(app: Flask, settings: Settings) -> None:
    """Open the pool, and add the endpoints."""
    database.init_app(app, settings)
    app.register_error_handler(DBAPIError, errors.answer_database_failure)
    app.register_error_handler(PoolTimeoutError, errors.answer_database_failure)
    app.register_blueprint(blueprint)


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

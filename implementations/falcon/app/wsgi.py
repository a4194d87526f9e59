"""Synchronous resources, on psycopg's pool of connections."""

import time
from typing import Any

import falcon
import orjson

from app import settings
from app.forms import MAX_BODY, configure, database_failure, read_ids, read_new_post
from app.via_psycopg import FAILURES, Posts, open_posts


class Endpoint:
    """A resource that answers HEAD as it answers GET."""

    def on_head(self, req: falcon.Request, resp: falcon.Response) -> None:
        self.on_get(req, resp)


class Health(Endpoint):
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.media = {"status": "ok"}


class Noop(Endpoint):
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.media = {}


class Cpu(Endpoint):
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        ct = 0
        for i in range(settings.CPU_ITERATIONS):
            ct += i * i
        resp.media = {"ct": orjson.Fragment(str(ct))}  # orjson refuses more than 64 bits


class Create:
    def __init__(self, posts: Posts) -> None:
        self._posts = posts

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        try:
            # bounded_stream would take a body in chunks for an empty one.
            body = req.stream.read(MAX_BODY + 1)
        except Exception as error:  # a malformed chunk: WSGI leaves it to servers what they raise
            raise falcon.HTTPBadRequest(description="the body is malformed") from error
        resp.media = self._posts.create(**read_new_post(req.content_type, body))


class Read(Endpoint):
    def __init__(self, posts: Posts) -> None:
        self._posts = posts

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        count, posts = self._posts.read()
        resp.media = {"ct": count, "posts": posts}


class Fanout(Endpoint):
    def __init__(self, posts: Posts) -> None:
        self._posts = posts

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.media = {"posts": self._posts.read_each(read_ids(req))}


class Wait(Endpoint):
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        time.sleep(settings.WAIT_MS / 1000)
        resp.media = {"waited_ms": settings.WAIT_MS}


def answer_database_failure(
    req: falcon.Request, resp: falcon.Response, error: Exception, params: dict[str, Any]
) -> None:
    raise database_failure(req, error)


def create_app() -> falcon.App:
    """Make the application with an open pool: each gunicorn worker calls this as it loads."""
    posts = open_posts()
    app = falcon.App()
    configure(app, FAILURES, answer_database_failure)
    app.add_route("/health", Health())
    app.add_route("/noop", Noop())
    app.add_route("/cpu", Cpu())
    app.add_route("/io_create", Create(posts))
    app.add_route("/io_read", Read(posts))
    app.add_route("/io_fanout", Fanout(posts))
    app.add_route("/io_wait", Wait())
    return app

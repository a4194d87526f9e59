"""The application, once per way of reaching the database.

gunicorn's aiohttp worker awaits one of the two factories inside its event loop, runs the start-up
(and with it `cleanup_ctx`), and only then starts to listen.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

from aiohttp import web

from . import settings, via_asyncpg, via_sqlalchemy
from .errors import json_errors
from .forms import MAX_BODY
from .handlers import POSTS, SETTINGS, routes
from .posts import Posts
from .settings import Settings

OpenPosts = Callable[[Settings], AbstractAsyncContextManager[Posts]]


async def create_asyncpg() -> web.Application:
    return _create_app(via_asyncpg.open_posts)


async def create_sqlalchemy() -> web.Application:
    return _create_app(via_sqlalchemy.open_posts)


def _create_app(open_posts: OpenPosts) -> web.Application:
    app = web.Application(
        middlewares=[json_errors],
        client_max_size=MAX_BODY,
        # A body this short needs no bound on its fields, which aiohttp would report as a 413.
        client_max_fields=0,
    )
    app[SETTINGS] = settings.load()
    app.add_routes(routes)

    async def provide_posts(app: web.Application) -> AsyncIterator[None]:
        async with open_posts(app[SETTINGS]) as posts:
            app[POSTS] = posts
            yield

    app.cleanup_ctx.append(provide_posts)
    return app

"""The application, over any way of reaching the database."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from anyio.to_thread import current_default_thread_limiter
from starlette.applications import Starlette
from starlette.middleware import Middleware

from app.endpoints import ROUTES, State
from app.posts import OpenPosts
from app.responses import EXCEPTION_HANDLERS
from app.settings import settings


def create_app(open_posts: OpenPosts, middleware: Sequence[Middleware] = ()) -> Starlette:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[State]:
        """Open the pool before the server listens, so no request pays for a connection."""
        # anyio starts a thread only when work comes, and then up to 40: one per connection is all
        # that this application can use.
        current_default_thread_limiter().total_tokens = settings.pool_size
        async with open_posts(settings) as posts:
            yield State(posts=posts)

    app = Starlette(
        routes=ROUTES,
        middleware=middleware,
        exception_handlers=EXCEPTION_HANDLERS,
        lifespan=lifespan,
    )
    # `/health/` is not a path of the contract: 404, not a redirect with an empty body.
    app.router.redirect_slashes = False
    return app

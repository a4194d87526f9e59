"""Starlette with psycopg, and with EXTRA_HOPS empty hops to a thread and back per request."""

from starlette.middleware import Middleware

from app.factory import create_app
from app.hops import ExtraHops
from app.settings import settings
from app.via_psycopg import open_posts

app = create_app(
    open_posts,
    # Without hops not even a middleware that makes none.
    [Middleware(ExtraHops, count=settings.extra_hops)] if settings.extra_hops else [],
)

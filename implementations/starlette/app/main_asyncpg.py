"""Starlette with asyncpg."""

from app.factory import create_app
from app.via_asyncpg import open_posts

app = create_app(open_posts)

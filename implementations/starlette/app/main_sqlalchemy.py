"""Starlette with SQLAlchemy's asynchronous ORM."""

from app.factory import create_app
from app.via_sqlalchemy import open_posts

app = create_app(open_posts)

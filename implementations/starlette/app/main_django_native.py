"""Starlette with Django's ORM on an asynchronous connection: no thread, no bridge."""

from app.factory import create_app
from app.via_django_native import open_posts

app = create_app(open_posts)

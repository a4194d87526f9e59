"""Starlette with Django's sync ORM, one hop per request through asgiref's `sync_to_async`."""

from app.factory import create_app
from app.via_django_threads import open_with_asgiref

app = create_app(open_with_asgiref)

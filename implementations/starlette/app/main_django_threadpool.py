"""Starlette with Django's sync ORM, one hop per request through `run_in_threadpool`."""

from app.factory import create_app
from app.via_django_threads import open_with_anyio

app = create_app(open_with_anyio)

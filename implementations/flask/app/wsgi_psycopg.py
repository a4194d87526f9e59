"""The application with psycopg, made as a worker loads this module."""

from . import create_psycopg_app

app = create_psycopg_app()

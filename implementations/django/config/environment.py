"""What reaches this process by environment variable, or one clear sentence why not."""

import math
import os
import sys
from collections.abc import Collection
from typing import Any, NoReturn

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict


def refuse_to_start(sentence: str) -> NoReturn:
    """Stop the worker, and the server with it.

    Exit code 3 is how a gunicorn worker says that it cannot boot; after any other code the master
    would start the next worker, for ever.
    """
    print(f"bridgetoll-django: {sentence}", file=sys.stderr, flush=True)
    raise SystemExit(3)


def integer(name: str, default: int, least: int) -> int:
    text = os.environ.get(name, str(default))
    try:
        number = int(text)
    except ValueError:
        refuse_to_start(f"{name} must be a whole number, but it is {text!r}.")
    if number < least:
        refuse_to_start(f"{name} must be at least {least}, but it is {number}.")
    return number


def seconds(name: str, default: float) -> float:
    text = os.environ.get(name, str(default))
    try:
        number = float(text)
    except ValueError:
        refuse_to_start(f"{name} must be a number of seconds, but it is {text!r}.")
    if not (math.isfinite(number) and number > 0):
        refuse_to_start(f"{name} must be a positive number of seconds, but it is {text}.")
    return number


def choice(name: str, allowed: Collection[str], default: str = "") -> str:
    value = os.environ.get(name, default)
    if value not in allowed:
        refuse_to_start(f"{name} must be one of {', '.join(allowed)}, but it is {value!r}.")
    return value


def database_url() -> dict[str, Any]:
    """DATABASE_URL as libpq's own parameters; libpq parses it, so every spelling it knows works."""
    url = os.environ.get("DATABASE_URL")
    if not url:
        refuse_to_start("DATABASE_URL is not set.")
    try:
        parameters = conninfo_to_dict(url)
    except ProgrammingError:
        # libpq's message quotes the URL, which may hold a password.
        refuse_to_start("DATABASE_URL is not a PostgreSQL connection URL.")
    if not parameters.get("dbname"):
        refuse_to_start("DATABASE_URL names no database.")
    return parameters

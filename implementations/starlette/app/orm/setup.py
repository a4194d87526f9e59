"""Django's settings, as far as its ORM asks for any."""

import math
from typing import Any

import django
from django.conf import settings as django_settings
from psycopg.conninfo import conninfo_to_dict

from app.settings import settings


def set_up_django(engine: str, *more_apps: str) -> None:
    """Make Django's models importable, with a psycopg pool behind them."""
    django_settings.configure(
        DATABASES={"default": _database(engine)},
        INSTALLED_APPS=["app.orm", *more_apps],
        TIME_ZONE="UTC",
        USE_TZ=True,
        # Logging is the server's business here.
        LOGGING_CONFIG=None,
    )
    django.setup(set_prefix=False)


def _database(engine: str) -> dict[str, Any]:
    url = conninfo_to_dict(settings.database_url)
    return {
        "ENGINE": engine,
        "NAME": url.pop("dbname", ""),
        # CONN_MAX_AGE stays 0, so that close() gives the connection back to the pool.
        "OPTIONS": {
            **url,
            "connect_timeout": math.ceil(settings.pool_timeout),
            # Parameters travel apart from the statement, the only way to prepare it.
            "server_side_binding": True,
            # Prepare a statement when it is first seen; Django's default is never.
            "prepare_threshold": 0,
            "pool": {
                "min_size": settings.pool_size,
                "max_size": settings.pool_size,
                "timeout": settings.pool_timeout,
                # The same as in via_psycopg.py, and for the same reasons.
                "max_lifetime": math.inf,
                "reconnect_timeout": 5,
            },
        },
    }

"""Settings of Django itself; what is absent, such as middleware, is absent on purpose."""

import logging
import math
from os import environ

from psycopg.conninfo import conninfo_to_dict

CPU_ITERATIONS = int(environ.get("CPU_ITERATIONS", 10_000_000))
WAIT_MS = int(environ.get("WAIT_MS", 100))
POOL_SIZE = int(environ.get("POOL_SIZE", 16))
POOL_TIMEOUT = float(environ.get("POOL_TIMEOUT", 30))
_database = conninfo_to_dict(environ["DATABASE_URL"])

ROOT_URLCONF = "config.urls"
TIME_ZONE = "UTC"
DATA_UPLOAD_MAX_MEMORY_SIZE = 65_536
LOGGING_CONFIG = None  # Python's own logging: tracebacks go to stderr
logging.getLogger("django.request").setLevel("ERROR")  # a 4xx is the client's doing

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _database.pop("dbname"),
        "OPTIONS": {
            **_database,
            "connect_timeout": math.ceil(POOL_TIMEOUT),
            "server_side_binding": True,  # otherwise a statement cannot be prepared
            "prepare_threshold": 0,
            "pool": {
                "min_size": POOL_SIZE,
                "max_size": POOL_SIZE,
                "timeout": POOL_TIMEOUT,
                "max_lifetime": math.inf,
                "reconnect_timeout": 5,  # so a database that is back is found soon
            },
        },
    }
}

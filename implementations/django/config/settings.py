"""Django's settings.

What is absent is absent on purpose: nothing here signs, renders, translates or looks at the host,
so there is no SECRET_KEY, no template engine, no contrib application and no middleware.
"""

import math

from config import environment

# What the endpoints do.
CPU_ITERATIONS = environment.integer("CPU_ITERATIONS", default=10_000_000, least=0)
WAIT_MS = environment.integer("WAIT_MS", default=100, least=0)

# Which arm of the experiment this process is: the module posts.views_<VIEWS>, and how long a
# database connection lives.
VIEWS = environment.choice("DJANGO_VIEWS", ["sync", "async"])
POOL = environment.choice("DJANGO_POOL", ["per-request", "per-thread", "pooled"])
POOL_SIZE = environment.integer("POOL_SIZE", default=16, least=1)
POOL_TIMEOUT = environment.seconds("POOL_TIMEOUT", default=30)

DEBUG = False
INSTALLED_APPS = ["posts"]
MIDDLEWARE = []
ROOT_URLCONF = "config.urls"
TIME_ZONE = "UTC"
USE_TZ = True
DATA_UPLOAD_MAX_MEMORY_SIZE = 65_536

_url = environment.database_url()

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _url.pop("dbname"),
        "USER": _url.pop("user", ""),
        "PASSWORD": _url.pop("password", ""),
        "HOST": _url.pop("host", ""),
        "PORT": _url.pop("port", ""),
        # None: a connection lives as long as its thread. 0: until its request is finished, which
        # is also what Django demands when a pool is to have it back.
        "CONN_MAX_AGE": None if POOL == "per-thread" else 0,
        "OPTIONS": {
            # No request waits for ever for a connection, pool or no pool.
            "connect_timeout": math.ceil(POOL_TIMEOUT),
            # Parameters travel apart from the statement, the only way to prepare it.
            "server_side_binding": True,
            # 0 prepares a statement when it is first run. A connection that serves one request
            # never runs it a second time, and preparing it would only add a round trip.
            "prepare_threshold": None if POOL == "per-request" else 0,
            **_url,
        },
    }
}

if POOL == "pooled":
    DATABASES["default"]["OPTIONS"]["pool"] = {
        "min_size": POOL_SIZE,
        "max_size": POOL_SIZE,
        "timeout": POOL_TIMEOUT,
        # Each failed attempt to replace a lost connection doubles the delay before the next. The
        # default goes on so for five minutes, and a database that is back would be found a minute
        # late. After this many seconds the next request that needs a connection tries afresh.
        "reconnect_timeout": 5,
    }

# Django's default mails errors to nobody. A 4xx is the client's doing, and is not logged.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"stderr": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {"django": {"handlers": [], "level": "ERROR"}},
}

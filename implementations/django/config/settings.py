"""Django's settings.

What is absent is absent on purpose: nothing here signs, renders, translates or looks at the host,
so there is no SECRET_KEY, no template engine, no contrib application and no middleware, except in
the arms that are about middleware or the published experiment.
"""

import math
import os
import secrets

from config import environment

# What the endpoints do.
CPU_ITERATIONS = environment.integer("CPU_ITERATIONS", default=10_000_000, least=0)
WAIT_MS = environment.integer("WAIT_MS", default=100, least=0)

# Which arm of the experiment this process is. Each key is one question, and no answer implies
# another, but for the pair that config/arm.py refuses.
#
# The module posts.views_<VIEWS>: how the endpoints are written, and so how they reach the database.
VIEWS = environment.choice(
    "DJANGO_VIEWS", ["sync", "async", "fused", "native", "psycopg", "asyncpg", "sqlalchemy"]
)
# How long a database connection lives.
POOL = environment.choice("DJANGO_POOL", ["per-request", "per-thread", "pooled"])
POOL_SIZE = environment.integer("POOL_SIZE", default=16, least=1)
POOL_TIMEOUT = environment.seconds("POOL_TIMEOUT", default=30)
# Whether the signals at the beginning and the end of an ASGI request hop to a thread.
LIFECYCLE = environment.choice("DJANGO_LIFECYCLE", ["stock", "zero-hop"], default="stock")
# Where sync code runs that async code calls.
THREADS = environment.choice(
    "DJANGO_THREADS", ["per-request", "reused", "event-loop"], default="per-request"
)
# Who gives an async connection back under Django's own life cycle: the receivers that installing
# django-async-backend brings along, or the views.
RECEIVERS = environment.choice("DJANGO_RECEIVERS", ["package", "none"], default="package")
# Whether a thread that is reused keeps Django's wrapper of its connection, or makes one anew for
# each request, as a new thread would.
WRAPPER = environment.choice("DJANGO_WRAPPER", ["kept", "per-request"], default="kept")
# What stands between the handler and the view: nothing, what `startproject` puts there, or that
# without the CSRF check, as the experiment of 2022 had it.
MIDDLEWARE_STACK = environment.choice(
    "DJANGO_MIDDLEWARE", ["none", "default", "no-csrf"], default="none"
)
# How long a thread may hold the GIL while another one wants it; 5,000 is Python's own.
SWITCH_INTERVAL_US = environment.integer("DJANGO_SWITCH_INTERVAL_US", default=5_000, least=1)
# Empty hops per request, which only the zero-hop life cycle takes.
EXTRA_HOPS = environment.integer("EXTRA_HOPS", default=0, least=0)

DEBUG = False
INSTALLED_APPS = ["posts"]
MIDDLEWARE = []
ROOT_URLCONF = "config.urls"
TIME_ZONE = "UTC"
USE_TZ = True
DATA_UPLOAD_MAX_MEMORY_SIZE = 65_536

_url = environment.database_url()
DATABASE_URL = os.environ["DATABASE_URL"]  # for the views that bring their own driver

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
        # By default a connection is replaced after an hour.
        "max_lifetime": math.inf,
        # Each failed attempt to replace a lost connection doubles the delay before the next. The
        # default goes on so for five minutes, and a database that is back would be found a minute
        # late. After this many seconds the next request that needs a connection tries afresh.
        "reconnect_timeout": 5,
    }

if VIEWS == "native":
    DATABASES["default"]["ENGINE"] = "django_async_backend.db.backends.postgresql"
    INSTALLED_APPS.append("django_async_backend")
    # Its receivers return the connection when a request is finished. They are coroutines: Django's
    # life cycle, whose signals are sent from a thread, goes back to the event loop for them, and
    # the zero-hop one does not serve them. Without them the views return the connection themselves.
    ASYNC_BACKEND_DISABLE_REQUEST_SIGNALS = LIFECYCLE == "zero-hop" or RECEIVERS == "none"

if MIDDLEWARE_STACK != "none":
    # The list and the order of `startproject`, and the applications that these seven need. None of
    # them asks the database before somebody asks for the session or the user, and nobody does.
    MIDDLEWARE += [
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ]
    if MIDDLEWARE_STACK == "no-csrf":
        MIDDLEWARE.remove("django.middleware.csrf.CsrfViewMiddleware")
    INSTALLED_APPS += [
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
    ]
    ALLOWED_HOSTS = ["*"]  # CommonMiddleware looks at the host
    # MessageMiddleware makes a signer. It never signs, so the workers need not share a key.
    SECRET_KEY = secrets.token_urlsafe()

# Django's default mails errors to nobody. A 4xx is the client's doing, and is not logged.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"stderr": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {"django": {"handlers": [], "level": "ERROR"}},
}

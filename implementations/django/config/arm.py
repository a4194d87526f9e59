"""The ASGI application of this arm: a handler, the threads it needs, and an open pool."""

import sys

from django.conf import settings

from config.environment import refuse_to_start
from config.handlers import ASGIHandler
from config.inline import InlineASGIHandler
from config.lifecycle import HoppingASGIHandler, ZeroHopASGIHandler
from config.lifespan import Application, with_lifespan
from config.pool import open_pool
from config.threads import ReusedThreadsASGIHandler, reused_threads
from config.urls import views


def handler_class() -> type[ASGIHandler]:
    match settings.LIFECYCLE, settings.THREADS:
        case "stock", "per-request":
            return ASGIHandler
        case "stock", "reused":
            return ReusedThreadsASGIHandler
        case "stock", "event-loop":
            return InlineASGIHandler
        case "zero-hop", "per-request" | "reused":
            return HoppingASGIHandler if settings.EXTRA_HOPS else ZeroHopASGIHandler
        case _:
            refuse_to_start("DJANGO_THREADS=event-loop goes with DJANGO_LIFECYCLE=stock only.")


def build() -> Application:
    sys.setswitchinterval(settings.SWITCH_INTERVAL_US / 1_000_000)
    handler = handler_class()()
    if settings.THREADS == "reused":
        reused_threads()  # started now, and not by the first request
    if hasattr(views, "lifespan"):
        # An async pool lives on the event loop, which does not run yet.
        return with_lifespan(handler, views.lifespan)
    open_pool()
    return handler


application = build()

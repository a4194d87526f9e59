"""Causes, by stacks that were recorded in real applications; see `stacks/`.

The applications: Django 6.1 (uvicorn, uvloop) and 4.2 on Python 3.10, Django under gunicorn's
threads, REST framework, django-ninja, Channels under Daphne, FastAPI, and Flask.
"""

import json
from functools import cache
from pathlib import Path

import msgspec
import pytest

from harness.analysis.receipt.causes import ObservedProject, cause_of, sets_up_connection
from harness.analysis.receipt.receipt import Cause, CauseKind
from harness.records.observation import Amount, Frame, Happening, ListedMiddleware

FILES = ObservedProject("/project", ("/env", "/python"))
_STACKS = Path(__file__).with_name("stacks")


@cache
def stacks(application: str) -> dict[str, list[Frame]]:
    """By name: the frames, innermost first."""
    told = json.loads((_STACKS / f"{application}.json").read_text())
    frames = [Frame(*row) for row in told["frames"]]
    return {name: [frames[at] for at in rows] for name, rows in told["stacks"].items()}


def named(application: str, name: str, what: Amount = Amount.HOPS) -> Cause:
    frames = tuple(stacks(application)[name])
    return cause_of(Happening(what, 0, 1, 2, 3, frames), FILES)


LIFE_CYCLE = "django.db.reset_queries, django.db.close_old_connections"
DJANGO: dict[str, Cause] = {
    "request started": Cause(CauseKind.LIFE_CYCLE, LIFE_CYCLE, project=False),
    "response closed": Cause(CauseKind.LIFE_CYCLE, "response.close", project=False),
    "thread of the first hop": Cause(CauseKind.LIFE_CYCLE, LIFE_CYCLE, project=False),
    "thread that ends a context": Cause(
        CauseKind.LIFE_CYCLE, "asgiref.sync.ThreadSensitiveContext.__aexit__", project=False
    ),
    "first query in gather": Cause(CauseKind.QUERY, "Post.objects.acount", "blog/views.py", 24),
    "second query in gather": Cause(CauseKind.QUERY, "Post.objects.aexists", "blog/views.py", 24),
    "connection of a query": Cause(CauseKind.QUERY, "Post.objects.acount", "blog/views.py", 24),
    "query in a class": Cause(CauseKind.QUERY, "Post.objects.aget_or_create", "blog/views.py", 49),
    "sync_to_async": Cause(CauseKind.CALL, "blog.views.helper", "blog/views.py", 27),
    "to_thread": Cause(CauseKind.CALL, "blog.views.helper", "blog/views.py", 28),
    "run_in_executor": Cause(CauseKind.CALL, "blog.views.helper", "blog/views.py", 29),
    "authentication": Cause(
        CauseKind.AUTHENTICATION, "django.contrib.auth.aauthenticate", "blog/views.py", 35
    ),
    "connection of authentication": Cause(
        CauseKind.AUTHENTICATION, "django.contrib.auth.aauthenticate", "blog/views.py", 35
    ),
    "template": Cause(CauseKind.TEMPLATE, "django.template.response.TemplateResponse.render"),
    "sync view": Cause(CauseKind.ENDPOINT, "blog.views.sync", "blog/views.py", 43),
    "connection of a sync view": Cause(CauseKind.QUERY, "Post.objects.count", "blog/views.py", 44),
    "REST framework's view": Cause(CauseKind.ENDPOINT, "blog.api.Posts", "blog/api.py", 7),
    "REST framework's rendering": Cause(
        CauseKind.TEMPLATE, "rest_framework.response.Response.render"
    ),
    "query in ninja": Cause(CauseKind.QUERY, "Post.objects.acount", "blog/api.py", 14),
    "sync endpoint of ninja": Cause(CauseKind.ENDPOINT, "blog.api.sync_posts", "blog/api.py", 15),
    "async middleware's query": Cause(
        CauseKind.MIDDLEWARE, "blog.middleware.AsyncOwn", "blog/middleware.py", 16
    ),
    "async middleware's connection": Cause(
        CauseKind.MIDDLEWARE, "blog.middleware.AsyncOwn", "blog/middleware.py", 16
    ),
    "sync middleware behind an async one": Cause(
        CauseKind.MIDDLEWARE, "blog.middleware.SyncOnly", "blog/middleware.py", 4
    ),
    "sync middleware waits for the rest": Cause(
        CauseKind.MIDDLEWARE, "blog.middleware.SyncOnly", "blog/middleware.py", 8
    ),
    "query behind a sync middleware": Cause(
        CauseKind.QUERY, "Post.objects.acount", "blog/views.py", 15
    ),
    "async for behind a sync middleware": Cause(
        CauseKind.QUERY, "async for Post.objects", "blog/views.py", 16
    ),
}


@pytest.mark.parametrize("name", DJANGO)
def test_django(name: str) -> None:
    what = Amount.RETURNS if "waits" in name else Amount.HOPS
    assert named("django", name, what) == DJANGO[name]


OTHERS: dict[str, dict[str, tuple[CauseKind, str, int | None]]] = {
    "wsgi": {
        "/acount/ handovers 1": (
            CauseKind.SERVER, "gunicorn.workers.gthread.ThreadWorker.enqueue_req", None,
        ),
        "/acount/ returns 2": (CauseKind.ASYNC_ENDPOINT, "blog.views.acount", 14),
        "/acount/ threads 4": (CauseKind.ASYNC_ENDPOINT, "blog.views.acount", 14),
        "/acount/ loops 5": (CauseKind.ASYNC_ENDPOINT, "blog.views.acount", 14),
        "/acount/ hops 6": (CauseKind.QUERY, "Post.objects.acount", 15),
        "/acount/ connections 7": (CauseKind.QUERY, "Post.objects.acount", 15),
    },
    "fastapi": {
        "/def hops 1": (CauseKind.MIDDLEWARE, "main.Mid", 40),
        "/def hops 2": (CauseKind.ENDPOINT, "main.plain", 17),
        "/model hops 2": (CauseKind.ENDPOINT, "main.model", 21),
        "/dep hops 2": (CauseKind.DEPENDENCY, "main.dep", 10),
        "/depyield hops 2": (CauseKind.DEPENDENCY, "main.dep_yield", 12),
        "/task hops 2": (CauseKind.CALL, "main.task", 16),
        "/pool hops 2": (CauseKind.CALL, "main.task", 33),
        "/sqlite connections 3": (CauseKind.QUERY, "sqlite3.connect", 37),
    },
    "flask": {
        "/a returns 2": (CauseKind.ASYNC_ENDPOINT, "fl.a", 5),
        "/a threads 4": (CauseKind.ASYNC_ENDPOINT, "fl.a", 5),
    },
    "channels": {
        "/chan/ hops 1": (CauseKind.AUTHENTICATION, "channels.auth.get_user", None),
        "/chan/ hops 2": (CauseKind.LIFE_CYCLE, "django.db.close_old_connections", None),
        "/chan/ hops 3": (CauseKind.CALL, "django.db.models.manager.Manager.count", 26),
    },
    "django42": {
        "/acount/ hops 1": (CauseKind.LIFE_CYCLE, "request_started", None),
        "/acount/ hops 2": (CauseKind.QUERY, "Post.objects.acount", 17),
        "/gathered/ hops 3": (CauseKind.QUERY, "Post.objects.aexists", 26),
        "/ninja/sync hops 2": (CauseKind.ENDPOINT, "blog.api.sync_posts", 15),
    },
}  # fmt: skip
"""By application and stack: kind, name and line of the cause."""


@pytest.mark.parametrize(
    ("application", "name"), [(one, name) for one, names in OTHERS.items() for name in names]
)
def test_other_applications(application: str, name: str) -> None:
    cause = named(application, name)
    assert (cause.kind, cause.name, cause.line) == OTHERS[application][name]


@pytest.mark.parametrize("application", sorted(path.stem for path in _STACKS.glob("*.json")))
def test_every_recorded_stack_has_a_cause(application: str) -> None:
    for name in stacks(application):
        cause = named(application, name)
        assert cause.kind is not CauseKind.UNKNOWN, name
        assert cause.name, name


def test_a_receiver_of_the_project_is_told_from_the_life_cycle() -> None:
    frames = stacks("django")["request started"]
    at = next(n for n, frame in enumerate(frames) if frame.function == "Signal.asend")
    own = msgspec.structs.replace(frames[at], target="blog.signals.remember")
    happening = Happening(Amount.HOPS, 0, 1, 2, 3, (*frames[:at], own, *frames[at + 1 :]))
    assert cause_of(happening, FILES) == Cause(CauseKind.SIGNAL, "blog.signals.remember")


STAMP, ONLY_SYNC, TAIL = "blog.middleware.Stamp", "blog.middleware.SyncOnly", "blog.middleware.Tail"
LISTED = (
    ListedMiddleware(STAMP, sync=True, awaitable=True, file="/project/blog/middleware.py", line=1),
    ListedMiddleware(ONLY_SYNC, file="/project/blog/middleware.py", line=4),
    ListedMiddleware(TAIL, sync=False, awaitable=True, file="/env/tail.py", line=7),
)


def called_as(target: str, waits: bool, what: Amount) -> Cause:
    """The cause of something on the way from Django's handler to a middleware, or back."""
    function = "AsyncToSync.__call__" if waits else "SyncToAsync.__call__"
    shell = f"convert_exception_to_response({target})"
    handed = Frame("asgiref.sync", function, "/env/sync.py", 1, target=shell, target_file="/a.py")
    inner = Frame(
        "django.core.handlers.exception", "convert_exception_to_response.<locals>.inner", "", 1
    )
    project = ObservedProject("/project", ("/env",), LISTED)
    return cause_of(Happening(what, 0, 1, 2, 3, (handed, inner)), project)


def test_those_before_a_sync_only_middleware_are_called_in_a_thread_for_its_sake() -> None:
    cause = called_as(STAMP, False, Amount.HOPS)
    assert cause == Cause(CauseKind.MIDDLEWARE, ONLY_SYNC, "blog/middleware.py", 4)
    assert called_as(ONLY_SYNC, False, Amount.HOPS).name == ONLY_SYNC
    assert called_as("other.Unlisted", False, Amount.HOPS).name == "other.Unlisted"


def test_under_wsgi_an_event_loop_is_made_for_the_middleware_that_must_be_awaited() -> None:
    for what in (Amount.LOOPS, Amount.THREADS):
        cause = called_as(STAMP, True, what)
        assert cause == Cause(CauseKind.MIDDLEWARE, TAIL)  # a package's, so without a place


def test_a_statement_that_prepares_a_connection_is_told_from_one_that_was_asked_for() -> None:
    asked = (
        Frame("sqlite3", "execute", "", 0),
        Frame("django.db.backends.utils", "CursorWrapper.execute", "", 1),
        Frame("blog.views", "posts", "/project/blog/views.py", 3),
    )
    opens = Frame("django.db.backends.base.base", "BaseDatabaseWrapper.connect", "", 2)
    for frames, prepares in ((asked, False), ((asked[0], opens, *asked[1:]), True)):
        assert sets_up_connection(Happening(Amount.STATEMENTS, 0, 1, 2, 3, frames)) is prepares
        assert not sets_up_connection(Happening(Amount.CONNECTIONS, 0, 1, 2, 3, frames))


def test_a_stack_of_which_nothing_is_known_has_no_known_cause() -> None:
    frame = Frame("asyncio.base_events", "BaseEventLoop.run_in_executor", "/python/a.py", 1)
    cause = cause_of(Happening(Amount.HOPS, 0, 1, 2, 3, (frame,)), FILES)
    assert (cause.kind, cause.project) == (CauseKind.UNKNOWN, False)


def test_the_project_s_own_files_are_those_outside_of_its_environment() -> None:
    files = ObservedProject("/srv/shop", ("/srv/shop/.venv", "/usr/lib/python3.13"))
    assert files.own("/srv/shop/orders/views.py") == "orders/views.py"
    assert files.own("/srv/shop/./orders/views.py") == "orders/views.py"
    assert files.own("/srv/shop/.venv/lib/python3.13/site-packages/x.py") is None
    assert files.own("/srv/shopping/x.py") is None
    assert files.own("/usr/lib/python3.13/asyncio/tasks.py") is None
    assert ObservedProject("/usr/src", ("/usr",)).own("/usr/src/app.py") == "app.py"

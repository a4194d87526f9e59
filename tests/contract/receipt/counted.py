"""What each URL of the example projects takes, counted by hand from the frameworks' source.

Read were Django 6.1, asgiref 3.13, REST framework 3.18, django-ninja 1.7, Channels 4.3, FastAPI
0.165, Starlette 1.10, Flask 3.1 and gunicorn 27. A comment names the function to read again when a
release changes a figure.
"""

from collections.abc import Mapping

import msgspec

from harness.analysis.receipt.receipt import CauseKind
from harness.inputs.application import WantedRequest
from harness.records.observation import Amount
from tests.contract.receipt.examples import API_KEY, TOKEN, Example

LIFE_CYCLE, MIDDLEWARE, SIGNAL = CauseKind.LIFE_CYCLE, CauseKind.MIDDLEWARE, CauseKind.SIGNAL
AUTHENTICATION, QUERY, TEMPLATE = CauseKind.AUTHENTICATION, CauseKind.QUERY, CauseKind.TEMPLATE
ENDPOINT, CALL, DEPENDENCY = CauseKind.ENDPOINT, CauseKind.CALL, CauseKind.DEPENDENCY

Causes = dict[tuple[CauseKind, str], int]
"""How many of one toll, by kind and name of the cause."""
_SQLITE_OPENS = 3
"""Statements of Django on a new connection: `register` of django.db.backends.sqlite3._functions
asks for a compile option, `DatabaseWrapper.get_new_connection` sets two pragmas."""


class Taken(msgspec.Struct, frozen=True):
    """What one request takes.

    hops: by cause. opened: the cause of the connection that it opens, if it opens one.
    queries: statements of the view, of its middleware and of its templates.
    on_opening: further statements on a new connection.
    """

    hops: Causes
    threads: int = 0
    opened: tuple[CauseKind, str] | None = None
    queries: int = 0
    returns: int = 0
    loops: int = 0
    handovers: int = 0
    on_opening: int = _SQLITE_OPENS

    @property
    def counts(self) -> dict[Amount, float]:
        """Every quantity that is known beforehand."""
        connections = 0 if self.opened is None else 1
        return {
            Amount.HOPS: sum(self.hops.values()),
            Amount.THREADS: self.threads,
            Amount.CONNECTIONS: connections,
            Amount.STATEMENTS: self.queries + self.on_opening * connections,
            Amount.RETURNS: self.returns,
            Amount.LOOPS: self.loops,
            Amount.HANDOVERS: self.handovers,
        }


Asked = list[tuple[WantedRequest, Taken]]


def get(target: str, headers: Mapping[str, str] | None = None) -> WantedRequest:
    """A GET."""
    return WantedRequest("GET", target, tuple((headers or {}).items()))


# django.core.handlers.asgi.ASGIHandler.handle: request_started.asend, response.close.
_LIFE: Causes = {(LIFE_CYCLE, ""): 2}
# asgiref.sync.ThreadSensitiveContext: one thread for the request, one that waits for its end.
_BOTH = 2
# django.utils.deprecation.MiddlewareMixin.__acall__: a hop for process_request, and one for
# process_response; django.core.handlers.base.BaseHandler._get_response_async: one for process_view.
_SECURITY: Causes = {(MIDDLEWARE, "django.middleware.security.SecurityMiddleware"): 2}
_SESSION: Causes = {(MIDDLEWARE, "django.contrib.sessions.middleware.SessionMiddleware"): 2}
_COMMON: Causes = {(MIDDLEWARE, "django.middleware.common.CommonMiddleware"): 2}
_CSRF: Causes = {(MIDDLEWARE, "django.middleware.csrf.CsrfViewMiddleware"): 3}
_USER = "django.contrib.auth.middleware.AuthenticationMiddleware"
_AUTH: Causes = {(MIDDLEWARE, _USER): 1}
_MESSAGES: Causes = {(MIDDLEWARE, "django.contrib.messages.middleware.MessageMiddleware"): 2}
_FRAMES: Causes = {(MIDDLEWARE, "django.middleware.clickjacking.XFrameOptionsMiddleware"): 1}
SEVEN: Causes = {**_SECURITY, **_SESSION, **_COMMON, **_CSRF, **_AUTH, **_MESSAGES, **_FRAMES}
"""The default middleware of `startproject`: 13 hops."""
_CSRF_TOKEN = "0123456789abcdefghijklmnopqrstuv"


def startproject(example: Example) -> Asked:
    """Under ASGI: 15 hops before the view has done anything."""
    login = {"Cookie": f"sessionid={example.session}"}
    write = WantedRequest(
        "POST", "/posts/new/",
        (("Cookie", f"csrftoken={_CSRF_TOKEN}"), ("X-CSRFToken", _CSRF_TOKEN)),
        (("title", "A new one"),),
    )  # fmt: skip
    auser = (AUTHENTICATION, "django.contrib.auth.middleware.auser")
    render = (TEMPLATE, "django.template.response.TemplateResponse.render")
    return [
        (get("/about/"), _site({})),
        # The template asks for the posts.
        (get("/"), _site({(ENDPOINT, "blog.views.index"): 1}, _RENDER, 1)),
        (get("/posts/"), POSTS),
        (
            get("/posts/1/"),
            _site({_GET_POST: 1, (SIGNAL, "blog.signals.count_view"): 1}, _GET_POST, 2),
        ),
        (
            get("/dashboard/"),
            _site({_COUNT: 2, (QUERY, "Comment.objects.acount"): 1}, _COUNT, 3),
        ),
        (
            get("/search/?q=hop"),
            _site({(CALL, "blog.searching.find_posts"): 1}, (QUERY, "for Post.objects"), 1),
        ),
        # django.contrib.auth.aget_user: the session's row, then the user's.
        (get("/me/", login), _site({auser: 2}, auser, 2)),
        # The view is sync and answers a TemplateResponse; without a session it queries nothing.
        (
            get("/admin/login/"),
            _site({(ENDPOINT, "django.contrib.admin.sites.AdminSite.login"): 1, render: 1}),
        ),
        # The session and the user, as the view asks for `request.user`, which that middleware
        # has made; and the log of recent actions, as the template does.
        (
            get("/admin/", login),
            _site(
                {(ENDPOINT, "django.contrib.admin.sites.AdminSite.index"): 1, render: 1},
                (AUTHENTICATION, f"{_USER}.process_request"),
                3,
            ),
        ),
        (write, _site({(QUERY, "Post.objects.acreate"): 1}, (QUERY, "Post.objects.acreate"), 1)),
    ]


_COUNT, _GET_POST = (QUERY, "Post.objects.acount"), (QUERY, "Post.objects.aget")
_POSTS, _RENDER = (QUERY, "async for Post.objects"), (TEMPLATE, "django.shortcuts.render")


def _site(hops: Causes, opened: tuple[CauseKind, str] | None = None, queries: int = 0) -> Taken:
    return Taken({**_LIFE, **SEVEN, **hops}, _BOTH, opened, queries)


POSTS = _site({_COUNT: 1, _POSTS: 1}, _COUNT, 2)
CONNECTING = 4
"""Round trips to PostgreSQL before a connection is ready: whether it speaks TLS, and the three of
SCRAM-SHA-256 (PostgreSQL documentation, "SASL Authentication")."""


def first_timing() -> Asked:
    """With a sync-only middleware before all others: one hop into it, and one return out of it.

    django.core.handlers.base.BaseHandler.load_middleware adapts it to both of its neighbours.
    """
    timing = (MIDDLEWARE, "blog.middleware.server_timing")
    taken = Taken({**_LIFE, **SEVEN, timing: 1}, _BOTH, returns=1)
    return [(get("/about/"), taken)]


def last_timing() -> Asked:
    """With the same behind all others, these are called in its thread: one hop in place of 12.

    load_middleware keeps a middleware sync where the one behind it is sync. process_view hops.
    """
    hops = {
        **_LIFE,
        (MIDDLEWARE, "blog.middleware.server_timing"): 1,
        (MIDDLEWARE, "django.middleware.csrf.CsrfViewMiddleware"): 1,
    }
    return [(get("/about/"), Taken(hops, _BOTH, returns=1))]


# gunicorn.workers.gthread.ThreadWorker.enqueue_req; asgiref.sync.AsyncToSync.__call__ hands an
# event loop to a thread of its own, which asyncio.run makes.
_GTHREAD, _OWN_LOOP = 1, 1


def startproject_wsgi(example: Example) -> Asked:
    """Under WSGI: middleware hops nowhere, and an async view needs a thread with an event loop."""
    return [
        (get("/about/"), _async_under_wsgi({})),
        (get("/"), Taken({}, 0, _RENDER, 1, handovers=_GTHREAD)),
        (get("/posts/"), _async_under_wsgi({_COUNT: 1, _POSTS: 1}, _COUNT, 2)),
        (
            get("/admin/", {"Cookie": f"sessionid={example.session}"}),
            Taken({}, 0, (AUTHENTICATION, f"{_USER}.process_request"), 3, handovers=_GTHREAD),
        ),
    ]


def _async_under_wsgi(
    hops: Causes, opened: tuple[CauseKind, str] | None = None, queries: int = 0
) -> Taken:
    return Taken(hops, 1, opened, queries, returns=1, loops=1, handovers=_GTHREAD + _OWN_LOOP)


def restframework() -> Asked:
    """A view is sync, and its response is rendered in a hop of its own.

    rest_framework.response.Response is a template response. A list asks for the token, the number
    of books and a page of them.
    """
    hops = {
        **_LIFE, **_SECURITY, **_COMMON, **_FRAMES,
        (ENDPOINT, "library.views.BookViewSet"): 1,
        (TEMPLATE, "rest_framework.response.Response.render"): 1,
    }  # fmt: skip
    taken = Taken(hops, _BOTH, _TOKEN, 3)
    one = Taken(hops, _BOTH, _TOKEN, 2)
    return [(get("/api/books/", _TOKENS), taken), (get("/api/books/1/", _TOKENS), one)]


_TOKEN = (AUTHENTICATION, "rest_framework.authentication.TokenAuthentication")
_TOKENS = {"Authorization": f"Token {TOKEN}"}


def restframework_wsgi() -> Asked:
    """The same without a hop."""
    return [(get("/api/books/", _TOKENS), Taken({}, 0, _TOKEN, 3, handovers=_GTHREAD))]


def ninja() -> Asked:
    """ninja.operation.AsyncOperation._run_authentication hops for a sync `authenticate`."""
    base = {**_LIFE, **_SECURITY, **_COMMON}
    key = (AUTHENTICATION, "notes.api.KeyInHeader")
    async_key, note = (QUERY, "ApiKey.objects.afirst"), (QUERY, "Note.objects.aget")
    bearer = {"Authorization": f"Bearer {API_KEY}"}
    return [
        (
            get("/api/notes", bearer),
            Taken({**base, key: 1, (QUERY, "async for Note.objects"): 1}, _BOTH, key, 2),
        ),
        (
            get("/api/notes/1", bearer),
            Taken({**base, async_key: 1, note: 1}, _BOTH, async_key, 2),
        ),
        (
            get("/api/summary"),
            Taken(
                {**base, (ENDPOINT, "notes.api.summary"): 1},
                _BOTH,
                (QUERY, "Note.objects.count"),
                2,
            ),
        ),
        (get("/api/version"), Taken(base, _BOTH)),
    ]


def channels() -> Asked:
    """A consumer hops outside of a request's context, into the one thread of asgiref.

    channels.consumer.AsyncConsumer.dispatch closes old connections first. That ends each
    connection, so the next request opens another.
    """
    rooms = (QUERY, "async for Message.objects")
    return [
        (
            get("/latest/"),
            Taken(
                {
                    (LIFE_CYCLE, ""): 1,
                    (CALL, "chat.consumers.latest_messages"): 1,
                },
                0,
                (QUERY, "for Message.objects"),
                1,
            ),
        ),
        (get("/rooms/"), Taken({**_LIFE, **_SESSION, **_AUTH, rooms: 1}, _BOTH, rooms, 1)),
    ]


def fastapi() -> Asked:
    """anyio keeps its threads, and SQLAlchemy's pool its connections.

    `/items` hops to enter and to leave its dependency (fastapi.concurrency), for its endpoint, and
    to check what that returns (fastapi.routing.serialize_response).
    """
    session, items = (DEPENDENCY, "app.database.get_session"), (ENDPOINT, "app.main.items")
    return [
        (get("/ping"), Taken({})),
        (get("/items"), Taken({session: 2, items: 2}, queries=1)),
        (get("/orders", {"X-API-Key": API_KEY}), Taken({(DEPENDENCY, "app.main.api_key"): 1})),
        (get("/report"), Taken({(CALL, "app.main.fingerprint"): 1})),
    ]


def flask() -> Asked:
    """flask.app.Flask.async_to_sync hands an async view to asgiref's AsyncToSync."""
    return [
        (
            get("/"),
            Taken(
                {}, opened=(QUERY, "sqlite3.connect"), queries=1, handovers=_GTHREAD, on_opening=0
            ),
        ),
        (get("/weather"), _async_under_wsgi({})),
    ]

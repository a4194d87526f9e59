"""Names the cause of a hop, a started thread or an opened connection, by the asker's stack.

A stack is read from the inside out. What hands work on (asyncio, asgiref, anyio, executors) is no
cause and is passed over. The first frame of a framework that calls somebody else's code is the
border: what lies within it is a middleware's, a receiver's, a view's. Where nothing lies within,
the framework itself asked, and its frame and the callable that it handed on tell for whom.
"""

from collections.abc import Callable, Sequence
from posixpath import normpath

import msgspec

from harness.analysis.receipt.receipt import Cause, CauseKind
from harness.records.observation import (
    Amount,
    Frame,
    Happening,
    ListedMiddleware,
    Observation,
)

_PASSING = (
    "asyncio", "concurrent.futures", "threading", "contextlib", "functools", "contextvars", "queue",
    "asgiref.sync", "asgiref.current_thread_executor", "anyio", "uvloop", "starlette.concurrency",
    "fastapi.concurrency", "channels.db", "socket", "selectors", "runpy", "sniffio", "greenlet",
)  # fmt: skip
"""Packages that hand work on."""
_DRIVERS = (
    "django.db", "psycopg", "psycopg_pool", "psycopg2", "asyncpg", "sqlite3", "sqlalchemy",
    "aiosqlite", "django_async_backend", "MySQLdb", "pymysql", "aiomysql", "oracledb", "tortoise",
    "peewee", "sqlmodel", "databases",
)  # fmt: skip
_TEMPLATES = ("django.template", "jinja2", "django.shortcuts")
_SERVERS = (
    "gunicorn", "uvicorn", "uvicorn_worker", "hypercorn", "daphne", "granian", "waitress",
    "twisted", "a2wsgi", "wsgiref", "socketserver", "gevent", "eventlet", "uwsgi", "cheroot",
    "werkzeug.serving", "__main__",
)  # fmt: skip
_LIFE_CYCLE_RECEIVERS = ("django.db.", "django.core.")
"""Beginnings of the names of receivers that open and end each request."""
_FRAMEWORKS = ("fastapi", "starlette", "flask", "ninja")
"""Their own functions around an endpoint are none."""
_OWN_NAMES = (
    "process_request", "process_response", "process_view", "process_exception",
    "process_template_response",
)  # fmt: skip
_WAITS = "AsyncToSync.__call__"
"""Where a thread hands work to an event loop, and waits for it."""
_WRAPPED = "convert_exception_to_response("


class ObservedProject(msgspec.Struct, frozen=True):
    """Tells a project's own files from those of its environment, and what its middleware can.

    See `Observation`.
    """

    root: str
    libraries: tuple[str, ...]
    middleware: tuple[ListedMiddleware, ...] = ()

    @staticmethod
    def of(observation: Observation) -> "ObservedProject":
        """Of an observed application."""
        return ObservedProject(observation.root, observation.libraries, observation.middleware)

    def forcing(self, name: str, *, awaited: bool) -> ListedMiddleware | None:
        """For whose sake Django calls a middleware in a thread, or on an event loop.

        The first from that one inwards that cannot be called the other way. Django calls those
        around it as it calls that one, where they can be
        (`django.core.handlers.base.BaseHandler.load_middleware`). None if it is unknown.

        Args:
            name: of the middleware that is called so.
            awaited: whether it is called on an event loop.
        """
        names = [one.name for one in self.middleware]
        if name not in names:
            return None
        inner = self.middleware[names.index(name) :]
        return next((o for o in inner if not (o.sync if awaited else o.awaitable)), None)

    def own(self, file: str | None) -> str | None:
        """A file of the project, relative to its folder; None for any other."""
        root = self.root.rstrip("/") + "/"
        if not file or not self.root:
            return None
        file = normpath(file)  # a server's path may begin with "."
        if not file.startswith(root):
            return None
        if "/site-packages/" in file or "/dist-packages/" in file:
            return None
        # A project may lie in the folder of its environment, but not the other way round.
        deeper = [place for place in self.libraries if len(place) > len(root)]
        if any(file.startswith(place.rstrip("/") + "/") for place in deeper):
            return None
        return file[len(root) :]


class _Stack(msgspec.Struct, frozen=True):
    """A stack, cut at its border.

    handed: the frame that hands a callable on, innermost; None if none tells.
    passed: what hands work on, from the inside out.
    within: frames inside the border. border: the framework's; None without one.
    beyond: frames outside of it.
    what: the happening that it is of.
    """

    handed: Frame | None
    passed: tuple[Frame, ...]
    within: tuple[Frame, ...]
    border: Frame | None
    beyond: tuple[Frame, ...]
    what: Amount
    project: ObservedProject

    @property
    def target(self) -> str:
        """The callable that is handed on; empty if unknown."""
        return "" if self.handed is None or self.handed.target is None else self.handed.target

    def cause(
        self, kind: CauseKind, name: str, *, project: bool = True, defined: bool = False
    ) -> Cause:
        """A cause with the innermost place in the project's own code.

        defined: where no frame is its own, the place at which the callable that is handed on is
            defined.
        """
        for frame in self.within:
            file = self.project.own(frame.file)
            if file is not None:
                return Cause(kind, name, file, frame.line, project)
        if defined and self.handed is not None:
            file = self.project.own(self.handed.target_file)
            if file is not None:
                return Cause(kind, name, file, self.handed.target_line or None, project)
        return Cause(kind, name, project=project)


def cause_of(happening: Happening, project: ObservedProject) -> Cause:
    """The cause of a hop, a thread, a connection or any other happening."""
    stack = _cut(happening, project)
    if stack.border is None:
        return _outside(stack)
    return _RULES[_border_kind(stack.border)](stack)


def sets_up_connection(happening: Happening) -> bool:
    """Whether it is a statement that a framework sends on a new connection by itself."""
    return happening.what is Amount.STATEMENTS and any(
        (frame.module, _last(frame.function)) in _CONNECTS for frame in happening.frames
    )


_CONNECTS = {
    ("django.db.backends.base.base", "connect"),
    ("sqlalchemy.pool.base", "__connect"),
}
"""By module and function: opens a connection and prepares it. Django's sets pragmas of SQLite, or
the role and the time zone of PostgreSQL."""


def _cut(happening: Happening, project: ObservedProject) -> _Stack:
    frames = happening.frames
    passed: list[Frame] = []
    within: list[Frame] = []
    border: Frame | None = None
    beyond: tuple[Frame, ...] = ()
    for number, frame in enumerate(frames):
        if _is_of(frame.module, _PASSING) and project.own(frame.file) is None:
            passed.append(frame)
        elif _border_kind(frame) is not None:
            border, beyond = frame, tuple(frames[number + 1 :])
            break
        else:
            within.append(frame)
    handing = next((f for f in passed if f.target and not _is_of(f.target, _PASSING)), None)
    # What ran in another thread was handed over further out than the frames of its own.
    if within and handing is not None and frames.index(handing) > frames.index(within[0]):
        handing = None
    return _Stack(handing, tuple(passed), tuple(within), border, beyond, happening.what, project)


def _is_of(module: str, packages: Sequence[str]) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in packages)


def _last(function: str) -> str:
    return function.rpartition(".")[2]


# Borders


def _border_kind(frame: Frame) -> str | None:
    """What kind of border a frame is; None for frames that are none."""
    module, name = frame.module, _last(frame.function)
    exact = _BORDERS.get((module, name))
    if exact is not None:
        return exact
    for package, kind in _BORDER_PACKAGES:
        if module == package or module.startswith(f"{package}."):
            return kind
    return None


_BORDERS = {
    ("django.utils.deprecation", "__call__"): "mixin",
    ("django.utils.deprecation", "__acall__"): "mixin",
    ("django.core.handlers.exception", "inner"): "inner",
    ("django.core.handlers.base", "_get_response"): "view",
    ("django.core.handlers.base", "_get_response_async"): "view",
    ("django.core.handlers.base", "get_response"): "handler",
    ("django.core.handlers.base", "get_response_async"): "handler",
    ("django.dispatch.dispatcher", "send"): "signal",
    ("django.dispatch.dispatcher", "asend"): "signal",
    ("django.dispatch.dispatcher", "send_robust"): "signal",
    ("django.dispatch.dispatcher", "asend_robust"): "signal",
    ("starlette.background", "__call__"): "task",
    ("starlette.endpoints", "dispatch"): "endpoint",
    ("starlette.middleware.base", "__call__"): "starlette middleware",
}
"""By module and name of a function."""
_BORDER_PACKAGES = (
    ("django.core.handlers", "handler"),
    ("django.contrib.staticfiles.handlers", "handler"),
    ("channels.auth", "authentication"),
    ("channels", "channels"),
    ("ninja.operation", "endpoint"),
    ("fastapi.dependencies", "dependency"),
    ("fastapi.routing", "endpoint"),
    ("fastapi", "framework"),
    ("starlette.routing", "endpoint"),
    ("starlette.middleware", "starlette middleware"),
    ("starlette", "framework"),
    ("flask", "endpoint"),
    ("quart", "endpoint"),
    ("litestar", "endpoint"),
    ("falcon", "endpoint"),
    ("blacksheep", "endpoint"),
    *((server, "server") for server in _SERVERS),
)
"""By package, the first that fits."""


def _mixin(stack: _Stack) -> Cause:
    """Django's `MiddlewareMixin`: its own method, or a middleware behind it that is adapted."""
    assert stack.border is not None
    own = stack.border.owner or ""
    return _middleware_behind(stack) or stack.cause(CauseKind.MIDDLEWARE, own)


def _middleware_behind(stack: _Stack) -> Cause | None:
    """The middleware for whose sake work goes to a thread or an event loop; None without one.

    Under ASGI a sync middleware also waits for the async ones behind it, on the event loop that is
    there already: that way back is its own.
    """
    target = stack.target
    if stack.handed is None or not target.startswith(_WRAPPED):
        return None
    waits = stack.handed.function == _WAITS
    name = _plain(target[len(_WRAPPED) :].rstrip(")"))
    if name.startswith("django.core.handlers.") or (waits and stack.what is Amount.RETURNS):
        return None
    forcing = stack.project.forcing(name, awaited=waits)
    if forcing is None or forcing.name == name:
        return _defined(stack, CauseKind.MIDDLEWARE, stack.handed, name)
    file = stack.project.own(forcing.file)
    line = forcing.line or None if file else None
    return Cause(CauseKind.MIDDLEWARE, forcing.name, file, line)


def _inner(stack: _Stack) -> Cause:
    """Django's wrapper around each middleware and the view behind them."""
    behind = _middleware_behind(stack)
    if behind is not None:
        return behind
    if stack.within:
        return stack.cause(CauseKind.MIDDLEWARE, _middleware_name(stack.within[-1]))
    if stack.target.startswith("django."):
        return stack.cause(CauseKind.LIFE_CYCLE, _plain(stack.target), project=False)
    return stack.cause(CauseKind.MIDDLEWARE, _plain(stack.target), defined=True)


def _middleware_name(frame: Frame) -> str:
    """Of a class or a function, as settings name it."""
    if frame.owner is not None:
        return frame.owner
    return _plain(f"{frame.module}.{frame.function}")


def _plain(name: str) -> str:
    """A dotted name as it is imported: without what stands within a function."""
    return name.partition(".<locals>")[0]


def _view(stack: _Stack) -> Cause:
    """Django's `_get_response`: view, view middleware, rendering."""
    if stack.within:
        return _work(stack)
    target = stack.target
    behind = _middleware_behind(stack)
    if behind is not None:
        return behind
    owner, _, method = target.rpartition(".")
    if method in _OWN_NAMES:
        return stack.cause(CauseKind.MIDDLEWARE, owner)
    if method == "process_exception_by_middleware":
        return stack.cause(CauseKind.LIFE_CYCLE, target, project=False)
    if method == "render":
        return stack.cause(CauseKind.TEMPLATE, target)
    if not target:
        return stack.cause(CauseKind.LIFE_CYCLE, _function(stack.border), project=False)
    return stack.cause(_kind_of_endpoint(stack), target, defined=True)


def _kind_of_endpoint(stack: _Stack) -> CauseKind:
    waits = stack.handed is not None and stack.handed.function == _WAITS
    return CauseKind.ASYNC_ENDPOINT if waits else CauseKind.ENDPOINT


def _function(frame: Frame | None) -> str:
    return "" if frame is None else f"{frame.module}.{frame.function}"


def _handler(stack: _Stack) -> Cause:
    """Django's handling of a request as such."""
    if stack.within:
        return _work(stack)
    behind = _middleware_behind(stack)
    if behind is not None:
        return behind
    asked = stack.target or _function(stack.passed[-1] if stack.passed else stack.border)
    if _last(asked) == "close":  # of any class of responses
        asked = "response.close"
    elif asked == "django.dispatch.dispatcher.Signal.send":  # before Django 5.0
        asked = "request_started"
    return stack.cause(CauseKind.LIFE_CYCLE, asked, project=False)


def _signal(stack: _Stack) -> Cause:
    """Receivers: those of Django end and begin each request, others are the project's choice."""
    assert stack.border is not None
    if stack.within:
        names = [_plain(f"{stack.within[-1].module}.{stack.within[-1].function}")]
    else:
        names = (stack.border.target or stack.target).split(", ")
    if any(name.startswith(_LIFE_CYCLE_RECEIVERS) for name in names):
        return stack.cause(CauseKind.LIFE_CYCLE, ", ".join(names), project=False)
    return stack.cause(CauseKind.SIGNAL, ", ".join(names), defined=True)


def _endpoint(stack: _Stack) -> Cause:
    """The call of an endpoint, by FastAPI, Starlette, Flask or others."""
    if any(f.module == "fastapi.concurrency" for f in stack.passed) and not stack.within:
        return _dependency(stack)
    if stack.within:
        return _work(stack)
    name = _last(stack.border.function) if stack.border else ""
    if name.startswith("_run_authentication"):
        return stack.cause(CauseKind.AUTHENTICATION, stack.target, defined=True)
    own = (stack.border, *stack.beyond) if stack.border else ()
    serializes = name in ("serialize_response", "serialize")
    if stack.target and not serializes and not _is_of(stack.target, _FRAMEWORKS):
        return stack.cause(_kind_of_endpoint(stack), stack.target, defined=True)
    for frame in own:
        if frame.target and not _is_of(frame.target, _FRAMEWORKS):
            return _defined(stack, CauseKind.ENDPOINT, frame)
    return stack.cause(CauseKind.ENDPOINT, stack.target or _function(stack.border))


def _defined(stack: _Stack, kind: CauseKind, frame: Frame, name: str | None = None) -> Cause:
    """By the callable that a frame tells, where that is defined."""
    file = stack.project.own(frame.target_file)
    line = frame.target_line or None if file else None
    return Cause(kind, name or frame.target or "", file, line)


def _dependency(stack: _Stack) -> Cause:
    if stack.within:
        return _work(stack)
    if not stack.target:
        return stack.cause(CauseKind.DEPENDENCY, _function(stack.border))
    return stack.cause(CauseKind.DEPENDENCY, _plain(stack.target), defined=True)


def _task(stack: _Stack) -> Cause:
    """A task that Starlette runs after the answer."""
    if stack.within:
        return _work(stack)
    return stack.cause(CauseKind.CALL, stack.target or _function(stack.border), defined=True)


def _starlette_middleware(stack: _Stack) -> Cause:
    assert stack.border is not None
    if stack.within:
        return stack.cause(CauseKind.MIDDLEWARE, _middleware_name(stack.within[-1]))
    return stack.cause(CauseKind.MIDDLEWARE, stack.border.owner or _function(stack.border))


def _framework(stack: _Stack) -> Cause:
    """A framework's own part, such as one that serves files."""
    if stack.within:
        return _work(stack)
    assert stack.border is not None
    name = stack.border.owner or _function(stack.border)
    return stack.cause(CauseKind.CALL, name, project=False)


def _channels(stack: _Stack) -> Cause:
    assert stack.border is not None
    if stack.within:
        return _work(stack)
    if stack.target.startswith(_LIFE_CYCLE_RECEIVERS):
        return stack.cause(CauseKind.LIFE_CYCLE, stack.target, project=False)
    if _is_of(stack.border.module, ("channels.sessions", "channels.middleware")):
        return stack.cause(CauseKind.MIDDLEWARE, stack.border.owner or _function(stack.border))
    return stack.cause(CauseKind.ENDPOINT, stack.target or _function(stack.border), defined=True)


def _authentication(stack: _Stack) -> Cause:
    name = stack.target or _function(stack.border)
    return stack.cause(CauseKind.AUTHENTICATION, name, defined=True)


def _server(stack: _Stack) -> Cause:
    """The server: code within is an application without a framework that is known."""
    if any(stack.project.own(frame.file) for frame in stack.within):
        return _work(stack)
    assert stack.border is not None
    if stack.within and not _is_of(stack.within[-1].module, _SERVERS):
        return _work(stack)
    return stack.cause(CauseKind.SERVER, _function(stack.border), project=False)


_RULES: dict[str | None, Callable[[_Stack], Cause]] = {
    "mixin": _mixin,
    "inner": _inner,
    "view": _view,
    "handler": _handler,
    "signal": _signal,
    "endpoint": _endpoint,
    "dependency": _dependency,
    "task": _task,
    "starlette middleware": _starlette_middleware,
    "framework": _framework,
    "channels": _channels,
    "authentication": _authentication,
    "server": _server,
}


# Within a border


def _outside(stack: _Stack) -> Cause:
    """Nothing of a framework is on the stack: a thread that works on its own."""
    if not stack.within:
        name = stack.target or _function(stack.passed[-1] if stack.passed else None)
        return stack.cause(CauseKind.UNKNOWN, name, project=False)
    return _work(stack)


def _work(stack: _Stack) -> Cause:
    """What a view, an endpoint, or whatever runs within a border, does."""
    for rule in (_authenticates, _renders, _queries):
        cause = rule(stack)
        if cause is not None:
            return cause
    name = stack.target or _function(stack.within[0])
    return stack.cause(CauseKind.CALL, name.replace(".<locals>", ""))


def _authenticates(stack: _Stack) -> Cause | None:
    """Django's `auth`, the authenticators of REST framework and Ninja; named is the outermost."""
    found: str | None = None
    for number, frame in enumerate(stack.within):
        last = _last(frame.function)
        if frame.module == "rest_framework.request" and last == "_authenticate":
            inner = stack.within[number - 1] if number else frame
            found = inner.owner or f"{inner.module}.{inner.function}"
        elif _is_of(frame.module, ("django.contrib.auth",)) and not _is_of(
            frame.module, ("django.contrib.auth.views", "django.contrib.auth.forms")
        ):
            found = f"{frame.module}.{frame.function}"
        elif _is_of(frame.module, ("ninja.security",)):
            found = frame.owner or f"{frame.module}.{frame.function}"
    return None if found is None else stack.cause(CauseKind.AUTHENTICATION, _plain(found))


def _renders(stack: _Stack) -> Cause | None:
    """Named is the outermost function that renders."""
    found = [f for f in stack.within if _is_of(f.module, _TEMPLATES)]
    found = [f for f in found if "render" in _last(f.function)]
    if not found:
        return None
    return stack.cause(CauseKind.TEMPLATE, _plain(f"{found[-1].module}.{found[-1].function}"))


def _queries(stack: _Stack) -> Cause | None:
    """A call of the ORM by its model and method, else of the driver by its function."""
    drivers = [f for f in stack.within if _is_of(f.module, _DRIVERS)]
    if not drivers:
        return None
    nearest = _nearest_to_own(stack)
    models = [
        f
        for f in nearest
        if f.model and _is_of(f.module, ("django.db.models",)) and not _forwards(f)
    ]
    if models:
        return stack.cause(CauseKind.QUERY, _call_of(models[-1]))
    named = [f for f in nearest if _is_of(f.module, _DRIVERS)] or drivers
    outermost = named[-1]
    name = outermost.function
    owner = f"{outermost.module.partition('.')[0]}.{name}"
    return stack.cause(CauseKind.QUERY, _plain(owner))


def _forwards(frame: Frame) -> bool:
    """Whether it is a manager's, which calls the queryset's method of the name that was called."""
    return frame.module == "django.db.models.manager"


def _nearest_to_own(stack: _Stack) -> list[Frame]:
    """Frames from the innermost one to the first of the project's own."""
    found: list[Frame] = []
    for frame in stack.within:
        if stack.project.own(frame.file) is not None:
            break
        found.append(frame)
    return found


def _call_of(frame: Frame) -> str:
    """`Post.objects.acount` of a queryset's or manager's method, `Post.asave` of an instance's."""
    model = (frame.model or "").rpartition(".")[2]
    method = frame.function.partition(".<locals>")[0].rpartition(".")[2]
    if method in ("__aiter__", "generator"):  # the function within it, before Python 3.11
        return f"async for {model}.objects"
    if method == "__iter__":
        return f"for {model}.objects"
    if frame.owner == frame.model:
        return f"{model}.{method}"
    return f"{model}.objects.{method}"

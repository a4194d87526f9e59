"""An application whose requests take a known number of hops, threads, event loops and connections.

It runs on the interpreter, the server and the packages of an application that is not ours, and
tells what these tolls cost there. It needs only the standard library of Python 3.10, and uses
asgiref, anyio and Django where they are installed. It imports nothing of the harness.

A path is one kind of request, `/<what>/<threads>/<times>/<pieces>/<work>`:

- what: `asgiref` (thread-sensitive), `asgiref-any` (not so), `executor` or `anyio`: a hop.
  `loop`: an event loop made. `thread`: a thread started and waited for. `connect`: a connection to
  Django's default database opened and closed. `none`: nothing.
- threads: `request`: asgiref starts a thread for the request, as Django's handler lets it.
  `reused`: it is lent one that outlives the request. `-`: whatever the kind has.
- times: how often. pieces: of work, shared out among the hops; done in place without any hop, and
  once by each thread that is started.
- work: `compute` holds the interpreter for some microseconds; `select` asks Django's default
  database for the number 1, on a connection that is open and is given back, all of a request in
  one thread; `nothing`.

`/` answers what is known of this place, as JSON.
"""

import asyncio
import contextlib
import functools
import importlib
import json
import os
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

MODULE = "BRIDGETOLL_LADDER_MODULE"
"""The environment variable that names the module of the user's application. Importing it sets
Django up, and gives this process the memory that its collections of garbage go through."""
_LOOPS = 150
"""Of the work that only computes."""
_MOST_ASKING = 4
"""Requests that ask the database at once; psycopg's pool has as many connections by default."""
_HEAD = [(b"content-type", b"application/json"), (b"content-length", b"2")]
_BODY = b"{}"

Step = Callable[[Callable[[], Awaitable[None]]], Awaitable[None]]
"""Does what a path asks for, and sends the answer by the function that it is given."""


def _module(name: str) -> Any:
    """A module, or None where it cannot be imported."""
    try:
        return importlib.import_module(name)
    except Exception:
        return None


_asgiref = _module("asgiref.sync")
_anyio = _module("anyio.to_thread")
_locals = [_module("asgiref.local").Local() for _ in range(2)] if _asgiref else []
"""As many as Django keeps: the prefix of its URLs, and the module that lists them."""
_KINDS = [
    kind
    for kind, module in (("asgiref", _asgiref), ("executor", True), ("anyio", _anyio))
    if module is not None
]
"""Of hops that can be made here; the first carries what is done inside of a hop."""
_idle: list[Executor] = []
_idle_asking: list[Executor] = []
"""Threads that wait for a request; those of the second list ask the database, so that they have
Django's wrapper of a connection."""
_open: list[Any] = []
"""Connections to the database that wait for a request."""
_own = threading.local()
"""By thread: a wrapper that opens connections of its own."""
_asking: Any = None
"""Limits the requests that ask the database at once: a semaphore of asyncio, or of threading."""
_making = threading.Lock()
"""Of the semaphore."""
_trouble: str | None = None


def _set_up() -> None:
    """Import the user's application, if there is one to import."""
    global _trouble
    name = os.environ.get(MODULE)
    if not name:
        _trouble = "no project was named"
        return
    try:
        importlib.import_module(name)
    except BaseException as error:  # settings may end the process
        if isinstance(error, KeyboardInterrupt):
            raise
        _trouble = f"`{name}` cannot be imported a second time ({type(error).__name__})"


_set_up()


def _compute() -> int:
    """Hold the interpreter for about ten microseconds."""
    total = 0
    for number in range(_LOOPS):
        total += number * number
    return total


def _connections() -> Any:
    """Django's connections, by alias; a thread has wrappers of its own."""
    return importlib.import_module("django.db").connections


def _select() -> None:
    """Ask the database that the project has configured for nothing of its own.

    The thread's wrapper is lent a connection that is open, until `_give_back`.
    """
    wrapper = _connections()["default"]
    if "get_new_connection" not in vars(wrapper):
        _lend_to(wrapper)
    with wrapper.cursor() as cursor:
        cursor.execute(f"SELECT 1{wrapper.features.bare_select_suffix}")
        cursor.fetchone()


def _lend_to(wrapper: Any) -> None:
    """Have a wrapper take a connection that is open, and not close it.

    So it does all that Django does to a connection, without what the database takes to open one.
    """
    connect = wrapper.get_new_connection

    def taken(parameters: Any) -> Any:
        try:
            return _open.pop()
        except IndexError:
            return connect(parameters)

    wrapper.get_new_connection = taken
    wrapper._close = lambda: _open.append(wrapper.connection)


def _give_back() -> None:
    """End this thread's use of a connection, as Django does at the end of a request."""
    wrapper = _connections()["default"]
    if not wrapper.autocommit:
        wrapper.rollback()
    wrapper.close()


def _select_once() -> None:
    """Ask the database, and give the connection back."""
    _select()
    _give_back()


def _nothing() -> None:
    """Do nothing."""


_WORK: dict[str, Callable[[], Any]] = {
    "compute": _compute, "select": _select, "nothing": _nothing,
}  # fmt: skip


def _pieces(work: Callable[[], Any], count: int) -> None:
    for _ in range(count):
        work()


async def _by_asgiref(sensitive: bool, work: Callable[[], None]) -> None:
    """A hop as Django makes it, which wraps the function each time."""
    await _asgiref.sync_to_async(work, thread_sensitive=sensitive)()


async def _by_executor(work: Callable[[], None]) -> None:
    await asyncio.get_running_loop().run_in_executor(None, work)


async def _by_anyio(work: Callable[[], None]) -> None:
    await _anyio.run_sync(work)


_HOPS: dict[str, Callable[[Callable[[], None]], Awaitable[None]]] = {
    "asgiref": functools.partial(_by_asgiref, True),
    "asgiref-any": functools.partial(_by_asgiref, False),
    "executor": _by_executor,
    "anyio": _by_anyio,
}


async def _empty() -> None:
    """Do nothing, on an event loop."""


def _make_loops(count: int) -> None:
    for _ in range(count):
        asyncio.run(_empty())


def _start_threads(count: int, work: Callable[[], Any]) -> None:
    """Start threads by executors of one thread, as asgiref does, and wait for each."""
    for _ in range(count):
        with ThreadPoolExecutor(1) as executor:
            executor.submit(work).result()


def _connect(count: int) -> None:
    """Open and close a connection to the database that the project has configured."""
    if not hasattr(_own, "wrapper"):
        _own.wrapper = _connections().create_connection("default")
    for _ in range(count):
        _own.wrapper.ensure_connection()
        _own.wrapper.close()


@contextlib.contextmanager
def _lent(idle: list[Executor]) -> Iterator[Executor]:
    """A thread that outlives the request; the one that was used last has its caches warm."""
    executor = idle.pop() if idle else ThreadPoolExecutor(1)
    try:
        yield executor
    finally:
        idle.append(executor)


def _mark() -> None:
    """Set what Django sets for each request, since every hop copies it there and back."""
    for local in _locals:
        local.value = "/"


def _limit(made: Callable[[int], Any]) -> Any:
    """The semaphore of those that ask the database. made: its class, of asyncio or threading."""
    global _asking
    with _making:
        _asking = _asking or made(_most_asking())
    return _asking


def _most_asking() -> int:
    """Requests that may hold a connection at once; no more than the project's pool has."""
    pool = _connections().settings["default"]["OPTIONS"].get("pool")
    if not isinstance(pool, dict):
        return _MOST_ASKING
    size = pool.get("max_size") or pool.get("min_size") or _MOST_ASKING
    return max(1, min(_MOST_ASKING, int(size)))


async def _on_lent_thread(
    body: Callable[[], Awaitable[None]], idle: list[Executor] = _idle
) -> None:
    """Run `body` with a thread that asgiref neither starts nor ends, in any of its versions."""
    with _lent(idle) as executor:
        threads = _asgiref.SyncToAsync.context_to_thread_executor
        async with _asgiref.ThreadSensitiveContext() as context:
            threads[context] = executor
            _mark()
            try:
                await body()
            finally:
                threads.pop(context, None)


async def _on_own_thread(body: Callable[[], Awaitable[None]]) -> None:
    """Run `body` as Django's handler runs a request."""
    async with _asgiref.ThreadSensitiveContext():
        _mark()
        await body()


async def _anywhere(body: Callable[[], Awaitable[None]]) -> None:
    await body()


_THREADS: dict[str, Callable[[Callable[[], Awaitable[None]]], Awaitable[None]]] = {
    "request": _on_own_thread,
    "reused": _on_lent_thread,
    "-": _anywhere,
}


def _parsed(path: str) -> tuple[str, str, int, int, str]:
    what, threads, times, pieces, work = path.strip("/").split("/")
    return what, threads, int(times), int(pieces), work


@functools.cache
def _step(path: str) -> Step:
    """What a path asks of an event loop."""
    what, threads, times, pieces, work = _parsed(path)
    hop = _HOPS.get(what, _HOPS[_KINDS[0]])
    within = _THREADS[threads]
    hopping = _hopping(what, times, pieces, work)
    asks = work == "select"
    if asks and threads == "reused":
        within = functools.partial(_on_lent_thread, idle=_idle_asking)

    async def step(answer: Callable[[], Awaitable[None]]) -> None:
        async def body() -> None:
            if what == "none":
                _pieces(_WORK[work], pieces)
            async with _limit(asyncio.Semaphore) if asks else contextlib.nullcontext():
                for done in hopping:
                    await hop(done)
            await answer()

        await within(body)

    return step


def _hopping(what: str, times: int, pieces: int, work: str) -> list[Callable[[], None]]:
    """What is done in each hop of a request."""
    inside = {"loop": _make_loops, "connect": _connect}.get(what)
    if inside is not None:
        return [functools.partial(inside, times)]
    if what == "none":
        return []
    share = functools.partial(_pieces, _WORK[work], pieces // max(1, times))
    if work != "select":
        return [share] * times

    def last() -> None:
        share()
        _give_back()

    return [share] * (times - 1) + [last]


async def application(scope: Any, receive: Any, send: Any) -> None:
    """The ASGI application."""
    if scope["type"] == "lifespan":
        await _live(receive, send)
        return
    body, head = _BODY, _HEAD
    if scope["path"] == "/":
        body = json.dumps(await _about()).encode()
        head = [_HEAD[0], (b"content-length", str(len(body)).encode())]

    async def answer() -> None:
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": body})

    if scope["path"] == "/":
        await answer()
    else:
        await _step(scope["path"])(answer)


async def _live(receive: Any, send: Any) -> None:
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return


@functools.cache
def _sync_step(path: str) -> Callable[[], None]:
    """What a path asks of a thread without an event loop."""
    what, _, times, pieces, name = _parsed(path)
    if name == "select":
        return functools.partial(_ask, what == "thread", pieces)
    work = _WORK[name]
    if what == "loop":
        return functools.partial(_cross, times)
    if what == "thread":
        return functools.partial(_start_threads, times, work)
    if what == "connect":
        return functools.partial(_connect, times)
    if what == "asgiref":
        return functools.partial(_hop_back, times, functools.partial(_pieces, work, 1))
    return functools.partial(_pieces, work, pieces)


def _ask(by_threads: bool, pieces: int) -> None:
    """Ask the database so many times, in a new thread each or in this one."""
    with _limit(threading.BoundedSemaphore):
        if by_threads:
            _start_threads(pieces, _select_once)
        else:
            _pieces(_select_once, pieces)


def _cross(times: int) -> None:
    """Call an asynchronous function, as Django calls an asynchronous view under WSGI."""
    for _ in range(times):
        _asgiref.async_to_sync(_empty)()


def _hop_back(times: int, work: Callable[[], None]) -> None:
    """Call an asynchronous function that hands work back to this thread so many times."""

    async def body() -> None:
        for _ in range(times):
            await _by_asgiref(True, work)

    _asgiref.async_to_sync(body)()


def wsgi(environ: Any, start_response: Any) -> Any:
    """The WSGI application."""
    path = environ["PATH_INFO"]
    body = _BODY
    if path == "/":
        body = json.dumps(_known(_threads_of(lambda: _cross(1) if _asgiref else None))).encode()
    else:
        _sync_step(path)()
    head = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    start_response("200 OK", head)
    return [body]


async def _about() -> Any:
    """What is known of this place; threads that one request of Django's handler starts."""
    if _asgiref is None:
        return _known(0)
    with _counted_threads() as started:
        async with _asgiref.ThreadSensitiveContext():
            await _by_asgiref(True, _nothing)
    return _known(len(started))


def _known(threads: int) -> Any:
    """What `LadderPlace` of the harness reads. threads: that a request starts."""
    missing, pool = _no_database()
    return {
        "threads": threads,
        "kinds": _KINDS,
        "query": missing,
        "connect": missing or ("its connections come from a pool" if pool else None),
        "python": ".".join(map(str, sys.version_info[:3])),
    }


def _no_database() -> tuple[str | None, bool]:
    """Why the project's database cannot be asked, or None; and whether it has a pool."""
    if _trouble is not None:
        return _trouble, False
    if "django" not in sys.modules:
        return "the project does not use Django", False
    try:
        settings = _connections()["default"].settings_dict
    except Exception as error:
        return f"Django has no default database ({type(error).__name__})", False
    if settings["ENGINE"].endswith(".dummy"):
        return "the project has no database", False
    return None, bool(settings["OPTIONS"].get("pool"))


@contextlib.contextmanager
def _counted_threads() -> Iterator[list[None]]:
    """The threads that are started within the block."""
    started: list[None] = []
    start = threading.Thread.start

    def counted(self: threading.Thread) -> None:
        started.append(None)
        start(self)

    threading.Thread.start = counted  # type: ignore[method-assign]
    try:
        yield started
    finally:
        threading.Thread.start = start  # type: ignore[method-assign]


def _threads_of(call: Callable[[], Any]) -> int:
    with _counted_threads() as started:
        call()
    return len(started)

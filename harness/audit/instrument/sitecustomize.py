"""Counts threads, event loops and hops between them inside an audited server.

Python imports a module of this name at every start, from the first place where it finds one. The
audit puts this folder on the server's path, so implementations stay unchanged. The module needs
only the standard library and imports nothing of the harness. A measured server never loads it.

It answers requests on a Unix datagram socket, named after its process, with its counters:

- hops: work that a thread with a running event loop hands to another thread, by an executor (also
  asgiref's, which runs it in the thread that waits in `async_to_sync`) or by anyio.
- returns: work that a thread hands to an event loop and waits for, by asgiref's `async_to_sync`.
- handovers: work that a thread without one hands to an executor, as a threaded server does.
- wakeups: times that another thread woke an event loop, as the way back of a hop does.
- threads: threads started by Python. loops: event loops made.
- voluntary_switches, involuntary_switches: of all threads, those that have ended included.

Asked for `tasks`, it answers how many tasks of asyncio are under way, on all event loops. Told to
`fail`, it lets `uuid.uuid4()` raise an exception, as a bug would, until it is told to `mend`.

An application that is not ours is not audited but observed: with BRIDGETOLL_RECEIPT set, packages
are prepared when the application has imported them, ids are left alone, and `bridgetoll_witness.py`
records with the stack what is counted here. It answers further questions; see there.
"""

import _thread
import asyncio
import importlib.util
import json
import os
import resource
import socket
import sys
import threading
import uuid
from asyncio import events
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from weakref import WeakSet

FOLDER = "BRIDGETOLL_AUDIT"
"""The environment variable that names the folder of the sockets."""
RECEIPT = "BRIDGETOLL_RECEIPT"
"""The environment variable that has an application observed."""
_COUNTERS = ("hops", "returns", "handovers", "wakeups", "threads", "loops")
_THREAD_EVENTS = frozenset({"_thread.start_new_thread", "_thread.start_joinable_thread"})
_TELLS_OF_THREADS = (3, 12)
"""The first release of CPython that raises them."""
_STARTS_THREADS = frozenset({
    "start_new", "start_new_thread", "start_joinable_thread", "_start_new_thread",
    "_start_joinable_thread",
})  # fmt: skip
"""Names of `_thread`, and those by which `threading` knows them."""
_LONGEST_QUESTION = 256
BUG = "a bug that bridgetoll has made"
"""What the exception says; nothing of it may reach a client."""

_counts = dict.fromkeys(_COUNTERS, 0)
_lock = _thread.allocate_lock()
_problems: list[str] = []
_loops: WeakSet[Any] = WeakSet()
_fails = False
_here: socket.socket | None = None
_witness: Any = None


def _count(name: str) -> None:
    with _lock:
        _counts[name] += 1


def _answer(question: bytes) -> bytes:
    global _fails
    if question == b"tasks":
        return json.dumps({"tasks": _tasks(), "problems": []}).encode()
    if question in (b"fail", b"mend"):
        _fails = question == b"fail"
        return json.dumps({"problems": []}).encode()
    if _witness is not None:
        told = _witness.answer(question)
        if told is not None:
            return json.dumps(told | {"problems": _problems}).encode()
    used = resource.getrusage(resource.RUSAGE_SELF)
    with _lock:
        answer: dict[str, Any] = dict(_counts)
    answer["voluntary_switches"] = used.ru_nvcsw
    answer["involuntary_switches"] = used.ru_nivcsw
    # A witness is asked after each request, so the switches of its own thread would show.
    if _witness is not None and hasattr(resource, "RUSAGE_THREAD"):
        own = resource.getrusage(resource.RUSAGE_THREAD)
        answer["voluntary_switches"] -= own.ru_nvcsw
        answer["involuntary_switches"] -= own.ru_nivcsw
    answer["problems"] = _problems
    return json.dumps(answer).encode()


def _listen() -> None:
    """Answer every request, in a thread that otherwise sleeps."""
    assert _here is not None
    while True:
        question, asker = _here.recvfrom(_LONGEST_QUESTION)
        _here.sendto(_answer(question), asker)


def _tasks() -> int:
    """Tasks that are not done, of all event loops."""
    with _lock:
        loops = list(_loops)
    return sum(len(asyncio.all_tasks(loop)) for loop in loops if not loop.is_closed())


def _start_listening() -> None:
    global _here
    path = Path(os.environ[FOLDER]) / f"{os.getpid()}.sock"
    path.unlink(missing_ok=True)
    _here = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    _here.bind(str(path))
    _thread.start_new_thread(_listen, ())


def _begin_anew() -> None:
    """Start again in a forked child, which has the parent's socket and lock but no thread."""
    global _lock
    _lock = _thread.allocate_lock()
    _counts.update(dict.fromkeys(_COUNTERS, 0))
    _loops.clear()
    if _here is not None:
        _here.close()  # or requests to the parent would wait here when it has ended
    _start_listening()


def watch_threads(started: Callable[[], object]) -> None:
    """Call a function at every start of a thread from Python, in the thread that starts it.

    CPython tells of each by an audit event, but not before 3.12. There, what starts threads is
    replaced, before anything else has imported it.
    """
    if sys.version_info >= _TELLS_OF_THREADS:

        def hook(event: str, _arguments: tuple[Any, ...]) -> None:
            if event in _THREAD_EVENTS:
                started()

        sys.addaudithook(hook)
        return
    for module in (_thread, threading):
        for name in _STARTS_THREADS & vars(module).keys():
            setattr(module, name, _starting(started, getattr(module, name)))


def _starting(started: Callable[[], object], start: Callable[..., Any]) -> Callable[..., Any]:
    def observed(*arguments: Any, **named: Any) -> Any:
        started()
        return start(*arguments, **named)

    return observed


def _watch_executors() -> None:
    submit = ThreadPoolExecutor.submit

    def counted(self: ThreadPoolExecutor, /, *arguments: Any, **named: Any) -> Any:
        # None also in a thread without a loop of its own, while another thread runs one.
        _count("handovers" if events._get_running_loop() is None else "hops")
        return submit(self, *arguments, **named)

    ThreadPoolExecutor.submit = counted  # type: ignore[assignment, method-assign]


def _watch_anyio() -> None:
    """Count the hops of anyio, which has its own worker threads and no executor."""
    if importlib.util.find_spec("anyio") is None:
        return
    try:
        from anyio._backends._asyncio import AsyncIOBackend

        run = AsyncIOBackend.run_sync_in_worker_thread.__func__
    except (ImportError, AttributeError) as error:
        _problems.append(f"the hops of this version of anyio cannot be counted ({error})")
        return

    async def counted(cls: Any, *arguments: Any, **named: Any) -> Any:
        _count("hops")
        return await run(cls, *arguments, **named)

    AsyncIOBackend.run_sync_in_worker_thread = classmethod(counted)


def _watch_asgiref() -> None:
    """Count the hops of asgiref: `async_to_sync` and the executor that belongs to it."""
    if importlib.util.find_spec("asgiref") is None:
        return
    try:
        from asgiref.current_thread_executor import (  # type: ignore[import-not-found]
            CurrentThreadExecutor,
        )
        from asgiref.sync import AsyncToSync  # type: ignore[import-not-found]

        submit, call = CurrentThreadExecutor.submit, AsyncToSync.__call__
    except (ImportError, AttributeError) as error:
        _problems.append(f"the hops of this version of asgiref cannot be counted ({error})")
        return

    def counted_submit(self: Any, *arguments: Any, **named: Any) -> Any:
        _count("hops")
        return submit(self, *arguments, **named)

    def counted_call(self: Any, *arguments: Any, **named: Any) -> Any:
        _count("returns")
        return call(self, *arguments, **named)

    CurrentThreadExecutor.submit = counted_submit
    AsyncToSync.__call__ = counted_call


def _watch_loops(loop: type) -> None:
    init, wake = loop.__init__, loop.call_soon_threadsafe  # type: ignore[misc, attr-defined]

    def counted_init(self: Any, *arguments: Any, **named: Any) -> None:
        _count("loops")
        init(self, *arguments, **named)
        with _lock:
            _loops.add(self)

    def counted_wake(self: Any, *arguments: Any, **named: Any) -> Any:
        if events._get_running_loop() is not self:
            _count("wakeups")
        return wake(self, *arguments, **named)

    loop.__init__ = counted_init  # type: ignore[misc]
    loop.call_soon_threadsafe = counted_wake  # type: ignore[attr-defined]


def _watch_uuids() -> None:
    """The contract has an application make ids by `uuid.uuid4()`, so a bug can be put there."""
    make = uuid.uuid4

    def failing() -> uuid.UUID:
        if _fails:
            raise RuntimeError(BUG)
        return make()

    uuid.uuid4 = failing


def _watch_uvloop() -> None:
    if importlib.util.find_spec("uvloop") is not None:
        import uvloop

        _watch_loops(uvloop.Loop)


_PACKAGES = {
    "anyio._backends._asyncio": _watch_anyio,
    "asgiref.sync": _watch_asgiref,
    "uvloop": _watch_uvloop,
}
"""By the module that must have been imported: what counts in it."""


def _instrument() -> None:
    global _witness
    _start_listening()
    os.register_at_fork(after_in_child=_begin_anew)
    watch_threads(lambda: _count("threads"))
    _watch_executors()
    _watch_loops(asyncio.BaseEventLoop)
    if RECEIPT in os.environ:
        import bridgetoll_witness  # type: ignore[import-not-found]

        _witness = bridgetoll_witness
        _witness.begin(_PACKAGES, watch_threads)
        return
    for watch in _PACKAGES.values():
        watch()
    _watch_uuids()


if FOLDER in os.environ:
    _instrument()

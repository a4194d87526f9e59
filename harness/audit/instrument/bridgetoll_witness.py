"""Records what an observed application does, each thing with the stack that asked for it.

`sitecustomize.py` loads it where BRIDGETOLL_RECEIPT is set, beside its counters. A happening is
recorded wherever they count one, so both have the same numbers. It needs only the standard library,
runs on Python 3.10 and later, and imports nothing that the application would not: a package is
prepared when the application has imported it.

Recorded are hops, returns, handovers, threads and loops, as `sitecustomize.py` counts them, and by
`bridgetoll_databases.py` connections, Django's wrappers of them, statements and waits for a
connection.

A stack does not end at the edge of a thread or a task. That of a hop's thread goes on with the
stack that asked for the hop, that of a task with the one that made the task.
"""

import _thread
import asyncio
import contextlib
import contextvars
import functools
import importlib.machinery
import importlib.util
import json
import os
import sys
import time
import types
from asyncio import events
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

_DEEPEST = 60
"""Frames of a stack that are kept."""
_WRAPPERS = 12
"""Layers around a callable that are taken off to find its name."""
_HERE = str(Path(__file__).parent) + os.sep
FOLDER = "BRIDGETOLL_AUDIT"
"""The environment variable that names the folder of the sockets."""

_Frame = tuple[str, str, str, int, "str | None", "str | None", "str | None", "str | None", int]
"""Module, function, file, line; owner, model; target with its file and line."""


class Witnessed:
    """Something that has begun; see `Happening` in `records/observation.py`."""

    __slots__ = ("begin_ns", "by", "end_ns", "frames", "thread", "what")

    def __init__(self, what: str, frames: list[_Frame], *, here: bool = True) -> None:
        self.what = what
        self.frames = frames
        self.by = _thread.get_native_id()
        self.thread: int | None = self.by if here else None
        self.end_ns: int | None = None
        self.begin_ns = time.monotonic_ns()

    def end(self) -> None:
        """It is over."""
        self.end_ns = time.monotonic_ns()


class _Handed:
    """A callable that is handed to another thread; its end is that of the happening."""

    __slots__ = ("happening", "work")

    def __init__(self, happening: Witnessed, work: Callable[..., Any]) -> None:
        self.happening = happening
        self.work = work

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        self.happening.thread = _thread.get_native_id()
        try:
            return self.work(*arguments, **named)
        finally:
            self.happening.end()


_RUN = _Handed.__call__.__code__
_happenings: list[Witnessed] = []
notes: list[str] = []
"""What cannot be seen, each as one sentence."""
_origins: "WeakKeyDictionary[Any, list[_Frame]]" = WeakKeyDictionary()
"""By task: the stack that made it."""
_sent: "WeakKeyDictionary[Any, list[_Frame]]" = WeakKeyDictionary()
"""By coroutine that a thread sends to a loop: the stack that sent it."""
_dumps = 0
_paused = False


# Stacks


def _stack(frame: types.FrameType | None) -> list[_Frame]:
    """The frames from this one outwards, across threads and tasks."""
    found: list[_Frame] = []
    task, outermost = _task()
    current = _greenlet()
    while len(found) < _DEEPEST:
        if frame is None and current is not None:
            # SQLAlchemy runs its sync part in a greenlet, whose parent has the rest of the stack.
            current = current.parent
            frame = None if current is None else current.gr_frame
            continue
        if frame is None:
            break
        code = frame.f_code
        if code is _RUN:
            found += frame.f_locals["self"].happening.frames
            return found[:_DEEPEST]
        if not code.co_filename.startswith(_HERE):
            found.append(_frame(frame, code))
        if frame is outermost:
            break
        frame = frame.f_back
    if task is not None:
        found += _origins.get(task, ())
    return found[:_DEEPEST]


def _task() -> tuple[Any, Any]:
    """The task that runs in this thread, and the frame in which it begins."""
    if events._get_running_loop() is None:
        return None, None
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return None, None
    if task is None:
        return None, None
    coroutine = task.get_coro()
    return task, getattr(coroutine, "cr_frame", None)


def _greenlet() -> Any:
    module = sys.modules.get("greenlet")
    return module.getcurrent() if hasattr(module, "getcurrent") else None  # type: ignore[union-attr]


def _frame(frame: types.FrameType, code: types.CodeType) -> _Frame:
    module = frame.f_globals.get("__name__") or ""
    own = owner = model = None
    if "self" in code.co_freevars or (code.co_argcount and code.co_varnames[0] == "self"):
        own = frame.f_locals.get("self")
        owner = _name_of_class(type(own))
        model = _model(own)
    function = getattr(code, "co_qualname", None) or _qualified(frame, code, own)
    target: tuple[str | None, str | None, int] = (None, None, 0)
    find = _TARGETS.get((module, code.co_name))
    if find is not None:
        try:
            target = find(frame, own)
        except Exception:  # a version in which it is elsewhere
            target = (None, None, 0)
    return (module, function, code.co_filename, frame.f_lineno, owner, model, *target)


def _qualified(frame: types.FrameType, code: types.CodeType, own: Any) -> str:
    """The qualified name of a function, before Python 3.11 wrote it into its code."""
    for place in (*type(own).__mro__, frame.f_globals) if own is not None else (frame.f_globals,):
        names = place if isinstance(place, dict) else vars(place)
        function = names.get(code.co_name)
        if getattr(function, "__code__", None) is code:
            return str(function.__qualname__)  # type: ignore[union-attr]
    return code.co_name


def _name_of_class(it: type) -> str:
    return f"{it.__module__}.{it.__qualname__}"


def _model(it: Any) -> str | None:
    """The model of Django that a queryset, a manager or an instance belongs to."""
    if "django.db.models" not in sys.modules:
        return None
    try:
        kind = it.model if "model" in vars(it) or hasattr(type(it), "_queryset_class") else type(it)
        if isinstance(kind, type) and hasattr(getattr(kind, "_meta", None), "concrete_model"):
            return _name_of_class(kind)
    except Exception:
        return None
    return None


_NO_NAMES: dict[str, Any] = {}


def _told(it: Any) -> tuple[str | None, str | None, int]:
    """See `_looked_up`; nothing of a callable that cannot be looked at."""
    try:
        return _looked_up(it)
    except Exception:
        return None, None, 0


def _looked_up(it: Any) -> tuple[str | None, str | None, int]:
    """A callable's dotted name, without what wraps it, and where it is defined.

    One that Django has wrapped as a middleware, or as the view behind them, stands in the brackets
    of `convert_exception_to_response()`.
    """
    shell = "{}"
    for _ in range(_WRAPPERS):
        inner = _unwrapped(it)
        if inner is None:
            break
        names = getattr(it, "__globals__", _NO_NAMES)
        if names.get("__name__") == "django.core.handlers.exception":
            shell = "convert_exception_to_response({})"
        it = inner
    name, function = _named(it)
    codes = [getattr(function, "__code__", None) or getattr(function, "gi_code", None)]
    if isinstance(it, type):
        codes = [getattr(one, "__code__", None) for one in vars(it).values()]
    code = next((one for one in codes if one is not None), None)
    if code is None:
        return shell.format(name), None, 0
    line = getattr(it, "__firstlineno__", None) or code.co_firstlineno
    return shell.format(name), code.co_filename, line


def _unwrapped(it: Any) -> Any:
    """What a wrapper wraps; None for a callable that is none."""
    if isinstance(it, _Handed):
        return it.work
    if isinstance(it, functools.partial):
        bound: Any = getattr(it.func, "__self__", None)
        if getattr(it.func, "__name__", "") == "thread_handler" and hasattr(bound, "func"):
            return bound.func
        if isinstance(bound, contextvars.Context) and it.args:
            return it.args[0]
        return it.func
    if isinstance(it, types.MethodType):
        bound = it.__self__
        if type(bound).__module__ == "contextlib":  # a dependency of FastAPI that yields
            return getattr(bound, "func", None) or getattr(bound, "gen", None)
        if type(bound).__module__.startswith("ninja."):
            return getattr(bound, "view_func", None)
        return None
    if isinstance(it, type):
        return None
    if getattr(it, "__module__", "") == "ninja.operation" and isinstance(it, types.FunctionType):
        return _operation(it)
    try:
        within = vars(it)
    except TypeError:
        return None
    for name in ("view_class", "cls"):
        if isinstance(within.get(name), type):
            return within[name]
    if type(it).__module__.partition(".")[0] in ("asgiref", "channels"):
        return within.get("func") or within.get("awaitable") or within.get("__wrapped__")
    return within.get("__wrapped__")


def _operation(it: types.FunctionType) -> Any:
    """The endpoint that a view of django-ninja serves, if it serves but one."""
    for cell in it.__closure__ or ():
        operations = getattr(cell.cell_contents, "operations", None)
        if isinstance(operations, list) and len(operations) == 1:
            return operations[0].view_func
    return None


def _named(it: Any) -> tuple[str, Any]:
    """A callable's dotted name, and the function that it is."""
    if isinstance(it, types.MethodType):
        bound = it.__self__
        owner = bound if isinstance(bound, type) else type(bound)
        return f"{_name_of_class(owner)}.{it.__func__.__name__}", it.__func__
    if isinstance(it, type):
        return _name_of_class(it), None
    name = getattr(it, "__qualname__", None)
    if not isinstance(name, str):
        return _name_of_class(type(it)), type(it).__dict__.get("__call__")
    if isinstance(it, types.GeneratorType):
        frame = it.gi_frame
        return (f"{frame.f_globals['__name__']}." if frame else "") + name, it
    module = getattr(it, "__module__", None)
    if not isinstance(module, str):  # a method that is written in C
        module = type(getattr(it, "__self__", None)).__module__
    return f"{module}.{name}", it


def _receivers(frame: types.FrameType, _own: Any) -> tuple[str | None, str | None, int]:
    """The sync receivers of a signal, between commas."""
    told = [_told(receiver)[0] for receiver in frame.f_locals.get("sync_receivers", ())]
    return ", ".join(name for name in told if name) or None, None, 0


def _dependant(frame: types.FrameType, _own: Any) -> tuple[str | None, str | None, int]:
    """The endpoint that FastAPI calls, or will."""
    return _told(frame.f_locals["dependant"].call)


def _local(name: str) -> Callable[[types.FrameType, Any], tuple[str | None, str | None, int]]:
    return lambda frame, _own: _told(frame.f_locals[name])


_TARGETS: dict[
    tuple[str, str], Callable[[types.FrameType, Any], tuple[str | None, str | None, int]]
] = {
    ("asgiref.sync", "__call__"): lambda _frame, own: _told(own),
    ("asyncio.threads", "to_thread"): _local("func"),
    ("asyncio.base_events", "run_in_executor"): _local("func"),
    ("anyio.to_thread", "run_sync"): _local("func"),
    ("starlette.concurrency", "run_in_threadpool"): _local("func"),
    ("concurrent.futures.thread", "submit"): _local("fn"),
    ("django.dispatch.dispatcher", "asend"): _receivers,
    ("django.dispatch.dispatcher", "asend_robust"): _receivers,
    ("fastapi.routing", "app"): _dependant,
    ("fastapi.routing", "run_endpoint_function"): _dependant,
    ("flask.app", "dispatch_request"): lambda frame, own: _told(
        own.view_functions[frame.f_locals["rule"].endpoint]
    ),
}
"""By module and name: how a frame tells which callable it hands on."""


# Happenings


def record(what: str, *, here: bool = True, call: "tuple[str, str] | None" = None) -> Witnessed:
    """Record something that the caller's caller does; it has begun.

    call: module and function that it calls, where that has no frame because it is written in C.
    """
    if _paused:
        return Witnessed(what, [], here=here)
    happening = Witnessed(what, _stack(sys._getframe(2)), here=here)
    if call is not None:
        happening.frames.insert(0, (*call, "", 0, None, None, None, None, 0))
    _happenings.append(happening)
    return happening


def forget(happening: Witnessed) -> None:
    """Take back what has not come to pass."""
    try:
        _happenings.remove(happening)
    except ValueError:
        happening.end()  # it has been told


def _hand(what: str, work: Callable[..., Any]) -> _Handed:
    """Record work that the caller's caller hands to another thread."""
    if _paused:
        return _Handed(Witnessed(what, [], here=False), work)
    happening = Witnessed(what, _stack(sys._getframe(2)), here=False)
    if not any(frame[6] for frame in happening.frames[:_NEAR]):
        # By an executor alone, whose frame is ours: it has no other that could tell the target.
        happening.frames.insert(
            0, ("concurrent.futures", "submit", "", 0, None, None, *_told(work))
        )
    _happenings.append(happening)
    return _Handed(happening, work)


_NEAR = 3
"""Frames from the executor to asgiref's, asyncio's or anyio's that hands the callable on."""


def _observe_executors() -> None:
    submit = ThreadPoolExecutor.submit

    def observed(self: ThreadPoolExecutor, fn: Any, /, *arguments: Any, **named: Any) -> Any:
        what = "handovers" if events._get_running_loop() is None else "hops"
        return submit(self, _hand(what, fn), *arguments, **named)

    ThreadPoolExecutor.submit = observed  # type: ignore[assignment, method-assign]


def _observe_anyio() -> None:
    from anyio._backends._asyncio import AsyncIOBackend

    run = AsyncIOBackend.run_sync_in_worker_thread.__func__

    async def observed(cls: Any, func: Any, *arguments: Any, **named: Any) -> Any:
        return await run(cls, _hand("hops", func), *arguments, **named)

    AsyncIOBackend.run_sync_in_worker_thread = classmethod(observed)


def _observe_asgiref() -> None:
    from asgiref.current_thread_executor import (  # type: ignore[import-not-found]
        CurrentThreadExecutor,
    )
    from asgiref.sync import AsyncToSync  # type: ignore[import-not-found]

    submit, call = CurrentThreadExecutor.submit, AsyncToSync.__call__

    def observed_submit(self: Any, fn: Any, *arguments: Any, **named: Any) -> Any:
        return submit(self, _hand("hops", fn), *arguments, **named)

    def observed_call(self: Any, *arguments: Any, **named: Any) -> Any:
        happening = record("returns", here=False)
        name, file, line = _told(self)
        happening.frames.insert(
            0, ("asgiref.sync", "AsyncToSync.__call__", "", 0, None, None, name, file, line)
        )
        try:
            return call(self, *arguments, **named)
        finally:
            happening.end()

    CurrentThreadExecutor.submit = observed_submit
    AsyncToSync.__call__ = observed_call


def _observe_loops(loop: type) -> None:
    init: Any = loop.__init__  # type: ignore[misc]
    create: Any = loop.create_task  # type: ignore[attr-defined]
    soon: Any = loop.call_soon_threadsafe  # type: ignore[attr-defined]

    def observed_init(self: Any, *arguments: Any, **named: Any) -> None:
        happening = record("loops")
        init(self, *arguments, **named)
        happening.end()

    def observed_create(self: Any, coro: Any, *arguments: Any, **named: Any) -> Any:
        frames = None
        # Not everything that can be awaited can be referred to weakly, such as `aclose()` of an
        # asynchronous generator, nor every task.
        with contextlib.suppress(TypeError):
            frames = _sent.pop(coro, None) if _sent else None
        task = create(self, coro, *arguments, **named)
        if _paused:
            return task
        with contextlib.suppress(TypeError):
            _origins[task] = _stack(sys._getframe(1)) if frames is None else frames
        return task

    def observed_soon(self: Any, callback: Any, *arguments: Any, **named: Any) -> Any:
        sends = getattr(callback, "__name__", "") == observed_create.__name__
        if sends and arguments and not _paused:
            with contextlib.suppress(TypeError):
                _sent[arguments[0]] = _stack(sys._getframe(1))
        return soon(self, callback, *arguments, **named)

    loop.__init__ = observed_init  # type: ignore[misc]
    loop.create_task = observed_create  # type: ignore[attr-defined]
    loop.call_soon_threadsafe = observed_soon  # type: ignore[attr-defined]


def _observe_uvloop() -> None:
    import uvloop

    _observe_loops(uvloop.Loop)


# Packages


_WATCHES: dict[str, Callable[[], None]] = {
    "anyio._backends._asyncio": _observe_anyio,
    "asgiref.sync": _observe_asgiref,
    "uvloop": _observe_uvloop,
}
"""By module: what observes it, once it is imported."""


class _Finder:
    """Runs watches after the import of their modules; it finds nothing by itself."""

    def __init__(self, watches: dict[str, list[Callable[[], None]]]) -> None:
        self._watches = watches

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name not in self._watches:
            return None
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            if finder is self or find is None:
                continue
            spec = find(name, path, target)
            if spec is not None:
                if spec.loader is not None:
                    self._follow(name, spec.loader)
                return spec
        return None

    def _follow(self, name: str, loader: Any) -> None:
        execute = loader.exec_module

        def followed(module: types.ModuleType) -> None:
            execute(module)
            self.run(name)

        try:
            loader.exec_module = followed
        except AttributeError:
            notes.append(f"What {name} does is not recorded: its loader cannot be followed.")

    def run(self, name: str) -> None:
        """Run the watches of a module that has been imported."""
        for watch in self._watches.pop(name, ()):
            try:
                watch()
            except Exception as error:
                package = name.partition(".")[0]
                notes.append(
                    f"This version of {package} has other insides than those that are known, so "
                    f"a part of what it does is not recorded ({type(error).__name__} at {name})."
                )


# Answers

_answers: dict[bytes, Callable[[], dict[str, Any]]] = {}
"""By question: what others of this folder answer."""


def answer(question: bytes) -> dict[str, Any] | None:
    """What is asked for; None where it is something else.

    `recorded`: how many happenings have begun and ended. `happenings`: the name of a file with all
    that have begun since the last time. From `pause` to `go on` nothing is recorded, so memory does
    not grow by it.
    """
    global _paused
    if question in (b"pause", b"go on"):
        _paused = question == b"pause"
        return {}
    if question == b"happenings":
        return {"file": _dump()}
    if question == b"recorded":
        ended = sum(happening.end_ns is not None for happening in _happenings)
        return {"recorded": len(_happenings), "ended": ended}
    further = _answers.get(question)
    return None if further is None else further()


def _dump() -> str:
    """Write what has happened to a file, and forget it."""
    global _happenings, _dumps
    taken, _happenings = _happenings, []
    _dumps += 1
    frames: dict[_Frame, int] = {}
    rows = []
    for happening in taken:
        numbers = [frames.setdefault(frame, len(frames)) for frame in happening.frames[:_DEEPEST]]
        rows.append((
            happening.what, happening.begin_ns, happening.end_ns, happening.thread, happening.by,
            numbers,
        ))  # fmt: skip
    file = Path(os.environ[FOLDER]) / f"{os.getpid()}-{_dumps}.json"
    part = file.with_suffix(".part")
    part.write_text(json.dumps({"frames": list(frames), "happenings": rows}))
    part.replace(file)
    return file.name


def _begin_anew() -> None:
    """A forked child has done nothing yet."""
    _happenings.clear()


def _chain_to_the_users_own() -> None:
    """Import the `sitecustomize` that ours stands in front of, if there is one."""
    places = [place for place in sys.path if os.path.realpath(place) + os.sep != _HERE]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", places)
    if spec is None or spec.loader is None:
        return
    module = importlib.util.module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


def begin(
    counted: dict[str, Callable[[], None]], watch_threads: Callable[[Callable[[], object]], None]
) -> None:
    """Observe from now on; last, import the user's own `sitecustomize`.

    counted: what counts in a package, by the module that must have been imported.
    watch_threads: calls a function at every start of a thread.
    """
    os.register_at_fork(after_in_child=_begin_anew)
    watch_threads(lambda: record("threads", here=False))
    _observe_executors()
    _observe_loops(asyncio.BaseEventLoop)
    watches: dict[str, list[Callable[[], None]]] = {}
    import bridgetoll_databases as databases  # type: ignore[import-not-found]

    _answers.update(databases.ANSWERS)
    for group in (counted, _WATCHES, databases.WATCHES):
        for name, watch in group.items():
            watches.setdefault(name, []).append(watch)
    finder = _Finder(watches)
    for name in list(watches):
        if name in sys.modules:
            finder.run(name)
    sys.meta_path.insert(0, finder)
    sys.path[:] = [p for p in sys.path if os.path.realpath(p) + os.sep != _HERE]
    _chain_to_the_users_own()

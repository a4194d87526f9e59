"""What to change in an application, each rule only where what was seen and measured supports it.

A saving is *up to*: the price of the tolls that a change removes, as this machine has it. What the
application does in their place is not known.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise

import msgspec
from packaging.version import InvalidVersion, Version

from harness.analysis.receipt.receipt import (
    Cause,
    CauseKind,
    Item,
    Receipt,
    Recommendation,
    Span,
    UrlReceipt,
)
from harness.analysis.stats.interval import Interval
from harness.records.observation import (
    Amount,
    Frame,
    Happening,
    ListedMiddleware,
    Observation,
    ObservedRequest,
)

PAGE = "docs/receipt.md"
"""It has a section for every rule, under the rule's name."""
ASGI, WSGI = "asgi", "wsgi"
_ASGIREF = "asgiref"
_EXECUTORS = ("threading", "concurrent", "asyncio", "uvloop")
"""Packages that hand work on for whoever calls them."""
_TWO_THREADS, _OWN_EXECUTOR = Version("3.12"), Version("3.13")
"""Releases of asgiref: the first that starts a second thread per request, to end the first; and the
first whose `ThreadSensitiveContext` takes an executor. See docs/findings.md."""
_LEAST_HOOKS = 4
"""One sync-only middleware takes a hop and a return of its own, so fewer hooks gain nothing."""
_MOST = 0.9
"""A toll that nearly every request pays; requests before it may have left something to reuse."""
_LEFT = 2
"""Connections that must be left behind, at least. Python frees forgotten ones when it collects
garbage, so a hundred requests leave but a few at a time."""


class _Seen(msgspec.Struct, frozen=True):
    """One URL: what it takes, and the requests behind that.

    middleware: of Django's settings by name, as far as it is known.
    """

    url: UrlReceipt
    requests: tuple[ObservedRequest, ...]
    middleware: dict[str, ListedMiddleware]

    @property
    def name(self) -> str:
        return self.url.request.name


def recommendations(receipt: Receipt, observation: Observation) -> tuple[Recommendation, ...]:
    """What to change, the largest saving first; nothing where nothing supports a change.

    Args:
        receipt: whose own recommendations are not read.
        observation: what it was made from.
    """
    observed = {url.request.name: url.observed for url in observation.urls}
    middleware = {one.name: one for one in observation.middleware}
    seen = [
        _Seen(url, observed[url.request.name], middleware)
        for url in receipt.urls
        if url.request.name in observed
    ]
    found = [change for rule in _RULES for change in rule(receipt, seen)]
    return tuple(sorted(found, key=lambda change: -_mean(change.saving)))


def _sync_only_middleware(receipt: Receipt, seen: Sequence[_Seen]) -> Iterator[Recommendation]:
    """A middleware that cannot be awaited, between those that can.

    It is called in a thread, and calls the next one on the event loop. Where others with hooks run
    in the same thread, it saves hops: awaited, they would hop once per hook.
    """
    if receipt.served.protocol != ASGI:
        return
    hops: dict[str, dict[str, float]] = {}
    for one in seen:
        if _hook_hops(one) >= _LEAST_HOOKS:
            continue  # of those `middleware-hooks` says what is better
        sync_only = partial(_sync_only_in_thread, listed=one.middleware)
        for name, count in _means(one, sync_only).items():
            hops.setdefault(name, {})[one.name] = count
    for name, urls in hops.items():
        it_is = "they are" if _AND in name else "it is"
        most = max(urls.values())
        yield Recommendation(
            rule="sync-only-middleware",
            says=(
                f"Make {name} async-capable: {it_is} sync-only between async ones, "
                f"which takes {_at_most(urls.values(), 'hop')} per request."
            ),
            urls=tuple(urls),
            saving=_saving(seen, Amount.HOPS, most, CauseKind.MIDDLEWARE),
            page=PAGE,
        )


def _middleware_hooks(receipt: Receipt, seen: Sequence[_Seen]) -> Iterator[Recommendation]:
    """Middlewares that hop once for each of their hooks."""
    if receipt.served.protocol != ASGI:
        return
    hops = {one.name: _hook_hops(one) for one in seen}
    urls = tuple(name for name, count in hops.items() if count >= _LEAST_HOOKS)
    if not urls:
        return
    most = max(hops.values())
    names = {name for one in seen for name in _means(one, _hook_of_middleware)}
    yield Recommendation(
        rule="middleware-hooks",
        says=(
            f"Put a sync-only middleware last in MIDDLEWARE: {_many(len(names), 'middleware')} "
            f"hop {most:.3g} times per request, once per hook, and would then hop once together."
        ),
        urls=urls,
        saving=_saving(seen, Amount.HOPS, most - 2, CauseKind.MIDDLEWARE),
        page=PAGE,
    )


def _connection_per_request(receipt: Receipt, seen: Sequence[_Seen]) -> Iterator[Recommendation]:
    """A connection opened by nearly every request, where something can keep it."""
    opening = [one for one in seen if _mean_of(one, Amount.CONNECTIONS) >= _MOST]
    says: dict[str, list[_Seen]] = {}
    for one in opening:
        if (how := _keeping_connections(receipt, one)) is not None:
            says.setdefault(how, []).append(one)
    for how, ones in says.items():
        opened = [_mean_of(one, Amount.CONNECTIONS) for one in ones]
        yield Recommendation(
            rule="connection-per-request",
            says=f"{how}: every request opens {_at_most(opened, 'connection')} to the database.",
            urls=tuple(one.name for one in ones),
            saving=_largest([_total(_items(one, Amount.CONNECTIONS)) for one in ones]),
            page=PAGE,
        )


def _keeping_connections(receipt: Receipt, one: _Seen) -> str | None:
    """What keeps a connection for the next request; None where nothing does."""
    modules = {
        frame.module
        for happening in _happenings(one, Amount.CONNECTIONS)
        for frame in happening.frames
    }
    if not _within(modules, "django.db.backends"):
        drivers = ("psycopg", "psycopg2", "asyncpg", "sqlalchemy", "pymysql", "MySQLdb")
        return "Use a connection pool" if any(_within(modules, d) for d in drivers) else None
    if receipt.served.protocol == WSGI and receipt.served.server not in _SHORT_LIVED:
        return "Set CONN_MAX_AGE, so that each thread keeps its connection"
    if _within(modules, "django.db.backends.postgresql"):
        return 'Give DATABASES a pool (OPTIONS = {"pool": True}, psycopg 3)'
    return None  # under ASGI threads end with their request, and other back ends have no pool


_SHORT_LIVED = ("gunicorn-gevent",)
"""Servers of WSGI whose threads are many and live no longer than a client's connection."""


def _connections_left_behind(receipt: Receipt, seen: Sequence[_Seen]) -> Iterator[Recommendation]:
    """Connections that stay open under ASGI, because CONN_MAX_AGE keeps them for their thread."""
    left = receipt.left_behind
    if left is None or left.connections is None or not _is_django(receipt):
        return
    if receipt.served.protocol != ASGI:
        return
    # A pool leaves some open, too, but its requests open none.
    urls = tuple(one.name for one in seen if _mean_of(one, Amount.CONNECTIONS) >= _MOST)
    if not urls or left.connections < _LEFT:
        return
    yield Recommendation(
        rule="connections-left-behind",
        says=(
            f"Set CONN_MAX_AGE to 0 under ASGI: {left.requests} requests left "
            f"{left.connections} connections open."
        ),
        urls=urls,
        saving=None,
        page=PAGE,
    )


def _gather_over_the_orm(receipt: Receipt, seen: Sequence[_Seen]) -> Iterator[Recommendation]:
    """Calls of the ORM that were asked for together, and ran one after the other."""
    if not _is_django(receipt):
        return
    counts = {one.name: _queued_queries(one.url) for one in seen}
    urls = tuple(name for name, count in counts.items() if count > 1)
    if urls:
        most = max(counts.values())
        yield Recommendation(
            rule="gather-over-the-orm",
            says=(
                f"Do not gather ORM calls: {most} of them ran one after the other, in one thread. "
                "One hop for all is cheaper."
            ),
            urls=urls,
            saving=_saving(seen, Amount.HOPS, most - 1, CauseKind.QUERY),
            page=PAGE,
        )


def _one_hop_for_all_queries(receipt: Receipt, seen: Sequence[_Seen]) -> Iterator[Recommendation]:
    """An async view that does nothing else in threads than query, once per hop."""
    if receipt.served.protocol != ASGI or not _is_django(receipt):
        return
    found: dict[str, list[tuple[_Seen, Interval | None]]] = {}
    for one in seen:
        if _queued_queries(one.url) > 1:
            continue  # `gather-over-the-orm` says the same
        hops = [item for item in _items(one, Amount.HOPS) if item.cause.project]
        kinds = {item.cause.kind for item in hops}
        queries = [item for item in hops if item.cause.kind is CauseKind.QUERY]
        count = sum(item.per_request.mean for item in queries)
        files = {item.cause.file for item in queries}
        if kinds & _OTHER_WORK or count < 2 or len(files) != 1 or None in files:
            continue
        says = (
            f"Query in one sync function behind sync_to_async: {_many(count, 'query')} of "
            f"{files.pop()} hop one by one."
        )
        saving = _saving([one], Amount.HOPS, count - 1, CauseKind.QUERY)
        found.setdefault(says, []).append((one, saving))
    for says, ones in found.items():
        yield Recommendation(
            rule="one-hop-for-all-queries",
            says=says,
            urls=tuple(one.name for one, _ in ones),
            saving=_largest([saving for _, saving in ones]),
            page=PAGE,
        )


_OTHER_WORK = frozenset({CauseKind.ENDPOINT, CauseKind.CALL, CauseKind.TEMPLATE})
"""A view that does this in threads too does not only query."""


def _threads_per_request(receipt: Receipt, seen: Sequence[_Seen]) -> Iterator[Recommendation]:
    """Threads that asgiref starts for every request."""
    release = _release(receipt)
    urls = [one for one in seen if _asgiref_threads(one) >= _MOST]
    if receipt.served.protocol != ASGI or release is None or not urls:
        return
    threads = [_asgiref_threads(one) for one in urls]
    most = max(threads)
    starts = f"asgiref {release} starts {_at_most(threads, 'thread')} per request"
    says = f"Lend asgiref threads that are kept (docs show how): {starts}."
    if release < _OWN_EXECUTOR:
        says = f"Take asgiref 3.13 and lend it threads that are kept (docs show how): {starts}."
    if release >= _TWO_THREADS and most > 1:
        says = f"{says[:-1]}, and 3.11 one."
    yield Recommendation(
        rule="threads-per-request",
        says=says,
        urls=tuple(one.name for one in urls),
        saving=_largest([_threads_total(one) for one in urls]),
        page=PAGE,
    )


def _threads_total(one: _Seen) -> Interval | None:
    """What the threads of asgiref cost a URL, and the wrappers that they make."""
    threads = _saving([one], Amount.THREADS, _asgiref_threads(one))
    wrappers = _total(_items(one, Amount.WRAPPERS))
    return threads if threads is None or wrappers is None else _added([threads, wrappers])


def _loop_per_request(receipt: Receipt, seen: Sequence[_Seen]) -> Iterator[Recommendation]:
    """Event loops made for every request, as WSGI has none."""
    if receipt.served.protocol != WSGI:
        return
    making: dict[CauseKind | None, list[_Seen]] = {}
    for one in seen:
        if _mean_of(one, Amount.LOOPS) >= _MOST:
            cause = _maker_of_loops(one)
            making.setdefault(None if cause is None else cause.kind, []).append(one)
    for kind, ones in making.items():
        loops = [_mean_of(one, Amount.LOOPS) for one in ones]
        names = {cause.name for one in ones if (cause := _maker_of_loops(one)) is not None}
        these = "this URL" if len(ones) == 1 else "these URLs"
        yield Recommendation(
            rule="event-loop-per-request",
            says=(
                f"{_without_loop(kind, names)}, or serve {these} under ASGI: each request makes "
                f"{_at_most(loops, 'event loop')}."
            ),
            urls=tuple(one.name for one in ones),
            saving=_largest([_total(_items(one, Amount.LOOPS)) for one in ones]),
            page=PAGE,
        )


def _maker_of_loops(one: _Seen) -> Cause | None:
    """The cause of a URL's event loops; of several a middleware, which causes those of others."""
    causes = [item.cause for item in _items(one, Amount.LOOPS)]
    middlewares = [cause for cause in causes if cause.kind is CauseKind.MIDDLEWARE]
    return next(iter(middlewares or causes), None)


def _without_loop(kind: CauseKind | None, names: Collection[str]) -> str:
    """What to do, so that these need no event loop."""
    several: dict[CauseKind | None, tuple[str, str]] = {
        CauseKind.MIDDLEWARE: ("Make {} sync-capable", "Make async-only middlewares sync-capable"),
        CauseKind.ASYNC_ENDPOINT: ("Make {} sync", "Make async views sync"),
    }
    one, many = several.get(kind, ("Call sync code in place of {}", "Call sync code under WSGI"))
    return one.format(*names) if len(names) == 1 else many


def _cheaper_under_wsgi(receipt: Receipt, seen: Sequence[_Seen]) -> Iterator[Recommendation]:
    """URLs for which the same application takes less CPU under WSGI, by measurement."""
    if receipt.other is None or receipt.served.protocol != ASGI or receipt.other.protocol != WSGI:
        return
    savings = {
        one.name: one.url.cpu.minus(one.url.against.cpu)
        for one in seen
        if one.url.cpu is not None and one.url.against is not None
        if one.url.against.verdict == "differs" and one.url.against.cpu is not None
        if one.url.against.ratio is not None and one.url.against.ratio.mean < 1
    }
    if savings:
        few = "this URL takes" if len(savings) == 1 else f"these {len(savings)} URLs take"
        yield Recommendation(
            rule="cheaper-under-wsgi",
            says=f"Serve it under WSGI: {few} less CPU there, measured side by side.",
            urls=tuple(savings),
            saving=_largest(list(savings.values())),
            page=PAGE,
        )


_RULES: tuple[Callable[[Receipt, Sequence[_Seen]], Iterator[Recommendation]], ...] = (
    _cheaper_under_wsgi, _connection_per_request, _connections_left_behind, _middleware_hooks,
    _sync_only_middleware, _threads_per_request, _gather_over_the_orm, _one_hop_for_all_queries,
    _loop_per_request,
)  # fmt: skip
RULES = (
    "cheaper-under-wsgi", "connection-per-request", "connections-left-behind", "middleware-hooks",
    "sync-only-middleware", "threads-per-request", "gather-over-the-orm", "one-hop-for-all-queries",
    "event-loop-per-request",
)  # fmt: skip
"""Their names, which are the anchors of their sections."""


def _sync_only_in_thread(
    happening: Happening, listed: Mapping[str, ListedMiddleware]
) -> str | None:
    """The middlewares for whose sake a thread is taken, which hands work back to the event loop.

    None where others with hooks share it. Where settings are unknown, one that is alone in it.
    """
    if happening.what is not Amount.RETURNS:
        return None
    called: list[Frame] = []
    for frame, outer in pairwise(_without((*_EXECUTORS, _ASGIREF), happening.frames)):
        if _is_asgiref(frame):
            break
        if _is_middleware_call(outer):
            called.append(frame)
    names = [_owner(frame) for frame in called]
    if not listed:
        return names[0] if len(names) == 1 else None
    only = [name for name in names if name in listed and not listed[name].awaitable]
    hooks = [f for f in called if f.module == _HOOKS and _owner(f) not in only]
    return _AND.join(reversed(only)) if only and not hooks else None


_AND = " and "
_HOOKS = "django.utils.deprecation"
"""The module of `MiddlewareMixin`, which calls the hooks of a middleware."""


def _hook_of_middleware(happening: Happening) -> str | None:
    """The middleware whose hook is called in a thread by Django's `MiddlewareMixin`."""
    if happening.what is not Amount.HOPS:
        return None
    frames = _without((*_EXECUTORS, _ASGIREF), happening.frames)
    if not frames or frames[0].module != _HOOKS:
        return None
    return _owner(frames[0]) if _last(frames[0].function) == "__acall__" else None


def _hook_hops(one: _Seen) -> float:
    return sum(_means(one, _hook_of_middleware).values())


def _means(one: _Seen, of: Callable[[Happening], str | None]) -> dict[str, float]:
    """By name: how often it happens per request."""
    found = Counter(
        name
        for request in one.requests
        for happening in request.happenings
        if (name := of(happening)) is not None
    )
    return {name: count / len(one.requests) for name, count in found.items()}


def _asgiref_threads(one: _Seen) -> float:
    """Threads that asgiref starts, per request."""

    def starter(happening: Happening) -> str | None:
        frames = _without(_EXECUTORS, happening.frames)
        by_asgiref = happening.what is Amount.THREADS and frames and _is_asgiref(frames[0])
        return _ASGIREF if by_asgiref else None

    return _means(one, starter).get(_ASGIREF, 0.0)


def _queued_queries(url: UrlReceipt) -> int:
    """The most queries that waited for each other in one thread, in the request that is drawn.

    One was asked for before another one ended, and ended after it. A hop within another one ends
    before it, so it is not taken for queued.
    """
    spans = [] if url.time_line is None else url.time_line.spans
    queries = sorted(filter(_is_query, spans), key=lambda span: span.begin_us)
    most = run = 1 if queries else 0
    for one, other in pairwise(queries):
        queued = one.thread == other.thread and one.begin_us <= other.begin_us < one.end_us
        run = run + 1 if queued and one.end_us <= other.end_us else 1
        most = max(most, run)
    return most


def _is_query(span: Span) -> bool:
    kind = None if span.cause is None else span.cause.kind
    return span.what == Amount.HOPS and kind is CauseKind.QUERY


def _without(packages: Sequence[str], frames: tuple[Frame, ...]) -> tuple[Frame, ...]:
    """A stack without the frames of these packages that it begins with."""
    for index, frame in enumerate(frames):
        if not any(_within({frame.module}, package) for package in packages):
            return frames[index:]
    return ()


def _is_asgiref(frame: Frame) -> bool:
    return _within({frame.module}, _ASGIREF)


def _is_middleware_call(frame: Frame) -> bool:
    """Django calls each middleware from a function of its own, `inner`."""
    return frame.module == "django.core.handlers.exception" and _last(frame.function) == "inner"


def _owner(frame: Frame) -> str:
    """A middleware's dotted name: its class, or the function that makes it."""
    return frame.owner or f"{frame.module}.{frame.function.partition('.<locals>')[0]}"


def _last(function: str) -> str:
    return function.rpartition(".")[2]


def _within(modules: set[str], package: str) -> bool:
    return any(module == package or module.startswith(f"{package}.") for module in modules)


def _happenings(one: _Seen, amount: Amount) -> Iterator[Happening]:
    for request in one.requests:
        yield from (happening for happening in request.happenings if happening.what is amount)


def _is_django(receipt: Receipt) -> bool:
    return "django" in receipt.served.packages


def _release(receipt: Receipt) -> Version | None:
    try:
        return Version(receipt.served.packages[_ASGIREF])
    except (KeyError, InvalidVersion):
        return None


def _items(one: _Seen, amount: Amount) -> list[Item]:
    return [item for item in one.url.items if item.amount is amount]


def _mean_of(one: _Seen, amount: Amount) -> float:
    spread = one.url.counted.get(amount)
    return 0.0 if spread is None else spread.mean


def _saving(
    seen: Sequence[_Seen], amount: Amount, count: float, kind: CauseKind | None = None
) -> Interval | None:
    """So many times the price of one toll, at most over URLs; None without a price.

    The price is the mean of those that these causes pay, or all causes where they pay none.
    """
    found = []
    for one in seen:
        items = [item for item in _items(one, amount) if item.total is not None]
        of_kind = [item for item in items if kind is None or item.cause.kind is kind]
        paid = of_kind or items
        number = sum(item.per_request.mean for item in paid)
        total = _total(paid)
        if total is not None and number > 0 and count > 0:
            found.append(total.scaled(count / number))
    return _largest(found)


def _total(items: Sequence[Item]) -> Interval | None:
    """What the items take together. They share one price, so their errors add."""
    totals = [item.total for item in items if item.total is not None]
    return _added(totals) if totals else None


def _added(totals: Sequence[Interval]) -> Interval:
    """The sum of what belongs together: errors add."""
    lows, highs = [total.low for total in totals], [total.high for total in totals]
    ses = [total.se for total in totals]
    return Interval(
        mean=sum(total.mean for total in totals),
        low=_sum(lows),
        high=_sum(highs),
        se=_sum(ses),
        blocks=min(total.blocks for total in totals),
    )


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _largest(savings: Sequence[Interval | None]) -> Interval | None:
    return max(filter(None, savings), key=_mean, default=None)


def _mean(interval: Interval | None) -> float:
    return 0.0 if interval is None else interval.mean


def _at_most(counts: Collection[float], one: str) -> str:
    """The most of it, for a sentence that holds for all."""
    most = max(counts)
    return f"{'up to ' if min(counts) < most else ''}{_many(most, one)}"


def _many(count: float, one: str) -> str:
    """So many of it, for a sentence."""
    several = f"{one[:-1]}ies" if one.endswith("y") else f"{one}s"
    return f"one {one}" if count == 1 else f"{count:.3g} {several}"

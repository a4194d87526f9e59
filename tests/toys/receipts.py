"""A receipt made up in memory, and the observation that it could have been made from."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from harness.analysis.receipt.receipt import (
    Against,
    Cause,
    CauseKind,
    Item,
    Prices,
    PriceTag,
    Receipt,
    Recommendation,
    Span,
    Spread,
    TimeLine,
    UrlReceipt,
)
from harness.analysis.stats.interval import Interval
from harness.records.observation import (
    Amount,
    Frame,
    Happening,
    LeftBehind,
    Observation,
    ObservedRequest,
    ObservedUrl,
    SentRequest,
    Served,
)

HOP, THREAD, CONNECTION = 46.0, 97.0, 3224.0
"""Prices of a toll, microseconds."""
REQUESTS = 20
POSTS = SentRequest("GET", "/api/posts/", headers=("Authorization",))
ROOT = SentRequest("GET", "/")
SERVED = Served(
    app="mysite.asgi:application",
    protocol="asgi",
    server="gunicorn-uvicorn",
    python="3.13.0",
    packages={"django": "6.1.3", "asgiref": "3.13.0", "psycopg": "3.3.9", "uvicorn": "0.38.0"},
    overlaid=("uvicorn",),
)
WSGI = Served(
    app="mysite.wsgi:application",
    protocol="wsgi",
    server="gunicorn-gthread",
    python="3.13.0",
    packages={"django": "6.1.3"},
)
HOOKS = {
    "django.middleware.security.SecurityMiddleware": 2,
    "django.contrib.sessions.middleware.SessionMiddleware": 2,
    "django.middleware.common.CommonMiddleware": 2,
    "django.middleware.csrf.CsrfViewMiddleware": 2,
    "django.contrib.auth.middleware.AuthenticationMiddleware": 1,
    "django.contrib.messages.middleware.MessageMiddleware": 2,
    "django.middleware.clickjacking.XFrameOptionsMiddleware": 1,
}
"""Hooks of the middlewares of `startproject`; one of them has a view hook more."""
LIFE_CYCLE = Cause(CauseKind.LIFE_CYCLE, "request_started and request_finished", project=False)
COUNT = Cause(CauseKind.QUERY, "Post.objects.acount", "blog/views.py", 31)
LIST = Cause(CauseKind.QUERY, "Post.objects.afirst", "blog/views.py", 32)


def interval(mean: float, half: float | None = None) -> Interval:
    """A mean with half of its interval's width; a tenth of it if that is not given."""
    half = mean / 10 if half is None else half
    return Interval(mean, mean - half, mean + half, half / 2, 6)


def steady(value: float) -> Spread:
    """The same in every request."""
    return Spread(value, value, value, {f"{value:g}": REQUESTS})


def varying(values: Mapping[str, int]) -> Spread:
    """By value: in how many requests."""
    numbers = [
        9.0 if value == "others" else float(value)
        for value, often in values.items()
        for _ in range(often)
    ]
    return Spread(sum(numbers) / len(numbers), min(numbers), max(numbers), dict(values))


def item(amount: Amount, cause: Cause, count: float, price: float | None) -> Item:
    """So many of a toll; without a price, none."""
    if price is None:
        return Item(amount, cause, steady(count))
    return Item(amount, cause, steady(count), interval(price), interval(count * price))


def middleware(name: str) -> Cause:
    """Of a hop that a middleware takes."""
    return Cause(CauseKind.MIDDLEWARE, name)


def items(*, priced: bool = True) -> tuple[Item, ...]:
    """Django with the middleware of `startproject`, two queries and a connection per request."""
    hop, thread, connection = (HOP, THREAD, CONNECTION) if priced else (None, None, None)
    return (
        item(Amount.CONNECTIONS, COUNT, 1, connection),
        item(Amount.THREADS, LIFE_CYCLE, 2, thread),
        *(item(Amount.HOPS, middleware(name), hooks, hop) for name, hooks in HOOKS.items()),
        item(Amount.HOPS, LIFE_CYCLE, 2, hop),
        item(Amount.HOPS, COUNT, 1, hop),
        item(Amount.HOPS, LIST, 1, hop),
    )


def counted() -> dict[Amount, Spread]:
    """Of the same request."""
    return {
        Amount.HOPS: steady(16),
        Amount.RETURNS: steady(0),
        Amount.THREADS: steady(2),
        Amount.LOOPS: steady(0),
        Amount.CONNECTIONS: steady(1),
        Amount.STATEMENTS: varying({"2": 12, "3": 8}),
        Amount.ROUND_TRIPS: varying({"2": 12, "3": 8}),
        Amount.POOL_WAIT_US: steady(0),
        Amount.SWITCHES: varying({"44": 11, "47": 9}),
        Amount.BYTES_IN: steady(214),
        Amount.BYTES_OUT: steady(6144),
    }


def time_line() -> TimeLine:
    """Of the same request: every hop in order, each a little later than the one before."""
    spans: list[Span] = []
    at = 120.0
    names = [name for name, hooks in HOOKS.items() for _ in range(hooks)]
    causes = [LIFE_CYCLE, *map(middleware, names[:7]), COUNT, LIST]
    causes += [*map(middleware, names[7:]), LIFE_CYCLE]
    for cause in causes:
        length = 900.0 if cause is COUNT else 60.0
        spans.append(Span(Amount.HOPS, at, at + length, 1, cause))
        if cause is COUNT:
            spans.append(Span(Amount.CONNECTIONS, at + 20, at + 700, 1, COUNT))
        if cause in (COUNT, LIST):
            spans.append(Span(Amount.STATEMENTS, at + length - 40, at + length - 10, 1, cause))
        at += length + 80.0
    return TimeLine(at + 100, tuple(spans))


def url_receipt(request: SentRequest = POSTS, *, priced: bool = True, **about: Any) -> UrlReceipt:
    """One URL, with prices or, as on a machine without Linux, without."""
    figures: dict[str, Any] = {}
    if priced:
        figures = {"cpu": interval(4912, 120), "tolls": interval(4170, 99)}
        figures["rate_per_s"] = interval(204, 5)
    made = UrlReceipt(
        request, 200, REQUESTS, counted(), items(priced=priced), time_line(), **figures
    )
    return msgspec.structs.replace(made, **about)


PRICES = Prices(
    "measured here",
    8,
    (
        PriceTag("hop of asgiref", Amount.HOPS, interval(HOP), "1, 2 and 4 hops more"),
        PriceTag("thread", Amount.THREADS, interval(THREAD), "one thread more"),
    ),
)


def receipt(*urls: UrlReceipt, **about: Any) -> Receipt:
    """A receipt of these URLs, or of one with everything."""
    made = Receipt(
        version="0.1.0",
        made_at="2026-11-28T22:41:05+00:00",
        machine={"processor": "AMD EPYC", "processors": 2},
        served=SERVED,
        other=None,
        urls=urls or (url_receipt(),),
        left_behind=LeftBehind(100, 100, 0, 0, 1_300_000),
        prices=PRICES,
        recommendations=(),
        notes=("the round trips of SQLite cannot be seen",),
        took_s=41.2,
    )
    return msgspec.structs.replace(made, **about)


def against(ratio: float, verdict: str = "differs") -> Against:
    """The other application, which takes so much of this one's CPU."""
    return Against(interval(4912 * ratio, 40), interval(ratio, ratio / 25), verdict)


def recommended(rule: str = "middleware-hooks", saving: float | None = 506) -> Recommendation:
    """Something to change."""
    return Recommendation(
        rule,
        "Put a sync-only middleware last in MIDDLEWARE: 7 middlewares hop 12 times per request.",
        (POSTS.name, ROOT.name),
        None if saving is None else interval(saving),
        "docs/receipt.md",
    )


def frame(module: str, function: str, owner: str | None = None) -> Frame:
    """Of a stack; its file and line are of no account."""
    return Frame(module, function, f"/lib/{module.replace('.', '/')}.py", 1, owner)


TO_THREAD = frame("asgiref.sync", "SyncToAsync.__call__")
TO_LOOP = frame("asgiref.sync", "AsyncToSync.__call__")
IN_THREAD = frame("asgiref.sync", "SyncToAsync.thread_handler")
CALL = frame("django.core.handlers.exception", "convert_exception_to_response.<locals>.inner")


def happening(what: Amount, *frames: Frame) -> Happening:
    """Something that the event loop's thread asked for."""
    return Happening(what, 1_000, 61_000, 7, 1, frames)


def hook(name: str) -> Happening:
    """The hop of one hook of a middleware."""
    acall = frame("django.utils.deprecation", "MiddlewareMixin.__acall__", name)
    return happening(Amount.HOPS, TO_THREAD, acall, CALL)


def sync_only(name: str, *outer: str) -> Happening:
    """The way back of a sync-only middleware to the event loop, below others in its thread."""
    frames = [TO_LOOP, frame("mysite.middleware", "Timing.__call__", name), CALL]
    for other in outer:
        frames += [frame("django.utils.deprecation", "MiddlewareMixin.__call__", other), CALL]
    return happening(Amount.RETURNS, *frames, IN_THREAD)


def hooks() -> list[Happening]:
    """Of the middlewares of `startproject`."""
    return [hook(name) for name, count in HOOKS.items() for _ in range(count)]


def connect(backend: str = "postgresql") -> Happening:
    """A connection that Django opens."""
    module = f"django.db.backends.{backend}.base"
    opened = frame(module, "DatabaseWrapper.get_new_connection", f"{module}.DatabaseWrapper")
    return happening(Amount.CONNECTIONS, opened, frame("blog.views", "posts"))


def asgiref_thread() -> Happening:
    """A thread that asgiref starts."""
    executor = frame("concurrent.futures.thread", "ThreadPoolExecutor._adjust_thread_count")
    handler = frame("django.core.handlers.asgi", "ASGIHandler.handle")
    return happening(Amount.THREADS, executor, TO_THREAD, handler)


def observation(
    happenings: Sequence[Happening], request: SentRequest = POSTS, served: Served = SERVED
) -> Observation:
    """The same in every request to one URL."""
    one = ObservedRequest(200, 0, 5_000_000, {}, tuple(happenings))
    return Observation(
        served, "/srv/mysite", (), (ObservedUrl(request, (one,) * REQUESTS),), None, ()
    )

"""Recommendations: each is made where the data support it, and nowhere else."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from harness.analysis.receipt.receipt import (
    Cause,
    CauseKind,
    Receipt,
    Recommendation,
    Span,
    TimeLine,
    UrlReceipt,
)
from harness.analysis.receipt.recommend import PAGE, RULES, recommendations
from harness.records.observation import (
    Amount,
    Happening,
    LeftBehind,
    ListedMiddleware,
    Served,
)
from tests.toys.receipts import (
    CALL,
    CONNECTION,
    COUNT,
    HOOKS,
    HOP,
    IN_THREAD,
    LIST,
    POSTS,
    ROOT,
    SERVED,
    THREAD,
    WSGI,
    against,
    asgiref_thread,
    connect,
    counted,
    frame,
    happening,
    hook,
    hooks,
    interval,
    item,
    observation,
    receipt,
    steady,
    sync_only,
    url_receipt,
    varying,
)

TIMING = "mysite.middleware.Timing"
QUIET = {Amount.CONNECTIONS: steady(0), Amount.THREADS: steady(0)}


def advice(
    happenings: Sequence[Happening] = (),
    *,
    served: Served = SERVED,
    about: dict[str, Any] | None = None,
    **url: Any,
) -> dict[str, Recommendation]:
    """What is recommended for one URL, by rule; nothing else happens than what is given."""
    plain = {"counted": QUIET, "items": (), "time_line": None} | url
    of = receipt(url_receipt(**plain), served=served, left_behind=None)
    of = msgspec.structs.replace(of, **(about or {}))
    found = recommendations(of, observation(happenings, served=served))
    by_rule = {change.rule: change for change in found}
    assert len(by_rule) == len(found)
    return by_rule


def saved(change: Recommendation) -> float:
    assert change.saving is not None
    assert change.saving.low is not None
    assert change.saving.high is not None
    assert change.saving.low < change.saving.mean < change.saving.high
    return change.saving.mean


def hops(count: float, cause: Cause) -> dict[str, Any]:
    return {"items": (item(Amount.HOPS, cause, count, HOP),)}


MIDDLEWARE = Cause(CauseKind.MIDDLEWARE, TIMING)


def test_without_tolls_nothing_is_recommended() -> None:
    assert advice() == {}


def test_a_recommendation_names_its_section_and_its_urls() -> None:
    (change,) = advice(hooks(), **hops(12, MIDDLEWARE)).values()
    assert change.rule in RULES
    assert (change.page, change.urls) == (PAGE, (POSTS.name,))


def test_twelve_hooks_can_run_in_one_hop() -> None:
    change = advice(hooks(), **hops(12, MIDDLEWARE))["middleware-hooks"]
    assert "7 middlewares hop 12 times" in change.says
    assert saved(change) == pytest.approx((12 - 2) * HOP)


def test_few_hooks_gain_nothing_in_one_hop() -> None:
    assert advice([hook(TIMING)] * 3, **hops(3, MIDDLEWARE)) == {}


def test_a_hook_of_a_view_is_no_hook_that_a_sync_middleware_would_run() -> None:
    """Django calls `process_view` from its own handler."""
    view = frame("django.core.handlers.base", "BaseHandler._get_response_async")
    assert advice([happening(Amount.HOPS, view, CALL)] * 12, **hops(12, MIDDLEWARE)) == {}


def test_under_wsgi_hooks_do_not_hop() -> None:
    assert advice(hooks(), served=WSGI, **hops(12, MIDDLEWARE)) == {}


def test_a_lone_sync_only_middleware_is_made_async() -> None:
    change = advice([sync_only(TIMING)], **hops(1, MIDDLEWARE))["sync-only-middleware"]
    assert TIMING in change.says
    assert "one hop" in change.says
    assert saved(change) == pytest.approx(HOP)


def test_a_sync_only_function_is_named_by_what_makes_it() -> None:
    made = frame("mysite.middleware", "timing.<locals>.middleware")
    back = happening(Amount.RETURNS, frame("asgiref.sync", "AsyncToSync.__call__"), made, CALL)
    change = advice([back], **hops(1, MIDDLEWARE))["sync-only-middleware"]
    assert "mysite.middleware.timing " in change.says


def test_a_sync_only_middleware_below_others_is_left_alone() -> None:
    """Those outside of it run in the same thread; if it were async, each hook of theirs hopped."""
    outer = next(iter(HOOKS))
    assert advice([sync_only(TIMING, outer)], **hops(1, MIDDLEWARE)) == {}


STAMP = "mysite.middleware.stamp"
LISTED = (ListedMiddleware(STAMP, awaitable=True), ListedMiddleware(TIMING))


def listing(*happenings: Happening) -> dict[str, Recommendation]:
    """The same where it is known which middlewares can be awaited."""
    of = receipt(
        url_receipt(counted=QUIET, time_line=None, **hops(1, MIDDLEWARE)), left_behind=None
    )
    seen = msgspec.structs.replace(observation(happenings), middleware=LISTED)
    return {change.rule: change for change in recommendations(of, seen)}


def test_a_middleware_that_could_be_awaited_leaves_the_sync_only_one_alone_in_its_thread() -> None:
    stamp = frame("mysite.middleware", "stamp.<locals>.middleware")
    way_back = sync_only(TIMING)
    shared = msgspec.structs.replace(
        way_back, frames=(*way_back.frames[:-1], stamp, CALL, IN_THREAD)
    )
    change = listing(shared)["sync-only-middleware"]
    assert change.says.startswith(f"Make {TIMING} async-capable: it is sync-only")
    assert STAMP not in change.says


def test_known_middleware_with_hooks_gains_by_the_thread_of_a_sync_only_one() -> None:
    assert listing(sync_only(TIMING, next(iter(HOOKS)))) == {}
    assert listing(sync_only("mysite.middleware.unlisted")) == {}


def test_async_to_sync_in_a_view_is_no_middleware() -> None:
    view = frame("blog.views", "posts")
    back = happening(Amount.RETURNS, frame("asgiref.sync", "AsyncToSync.__call__"), view)
    assert advice([back], **hops(1, MIDDLEWARE)) == {}


def test_of_a_sync_only_middleware_among_hooks_the_better_change_is_told() -> None:
    found = advice([*hooks(), sync_only(TIMING)], **hops(13, MIDDLEWARE))
    assert set(found) == {"middleware-hooks"}


def connecting(count: float = 1, price: float | None = CONNECTION) -> dict[str, Any]:
    return {
        "counted": QUIET | {Amount.CONNECTIONS: steady(count)},
        "items": (item(Amount.CONNECTIONS, COUNT, count, price),),
    }


def test_a_connection_per_request_under_asgi_is_for_a_pool() -> None:
    change = advice([connect()], **connecting())["connection-per-request"]
    assert '"pool": True' in change.says
    assert saved(change) == pytest.approx(CONNECTION)


def test_a_connection_per_request_under_wsgi_is_kept_by_its_thread() -> None:
    change = advice([connect()], served=WSGI, **connecting())["connection-per-request"]
    assert "CONN_MAX_AGE" in change.says


def test_a_greenlet_keeps_no_connection_for_the_next_client() -> None:
    gevent = msgspec.structs.replace(WSGI, server="gunicorn-gevent")
    change = advice([connect()], served=gevent, **connecting())["connection-per-request"]
    assert '"pool": True' in change.says
    assert advice([connect("sqlite3")], served=gevent, **connecting()) == {}


def test_without_a_price_it_is_told_all_the_same() -> None:
    assert advice([connect()], **connecting(price=None))["connection-per-request"].saving is None


def test_outside_of_django_a_driver_is_for_a_pool_of_its_own() -> None:
    opened = happening(Amount.CONNECTIONS, frame("psycopg.connection_async", "connect"))
    served = Served("api:app", protocol="asgi", packages={"fastapi": "0.120.0"})
    change = advice([opened], served=served, **connecting())["connection-per-request"]
    assert "connection pool" in change.says


def test_django_has_no_pool_for_sqlite_under_asgi() -> None:
    assert advice([connect("sqlite3")], **connecting()) == {}


def test_a_connection_now_and_then_is_not_one_per_request() -> None:
    assert advice([connect()], **connecting(0.05)) == {}


def left(connections: int | None) -> dict[str, Any]:
    return {"left_behind": LeftBehind(100, connections, 0, 0, None)}


def test_connections_that_stay_open_under_asgi_are_told() -> None:
    found = advice(about=left(100), **connecting())
    change = found["connections-left-behind"]
    assert "CONN_MAX_AGE" in change.says
    assert "100 connections" in change.says
    assert change.saving is None


@pytest.mark.parametrize("connections", [None, 0, 1])
def test_a_connection_that_closes_late_is_not_left_behind(connections: int | None) -> None:
    assert "connections-left-behind" not in advice(about=left(connections), **connecting())


def test_garbage_collection_leaves_but_a_few_of_the_forgotten_connections() -> None:
    assert "connections-left-behind" in advice(about=left(3), **connecting())


def test_connections_of_a_pool_are_not_left_behind() -> None:
    assert advice([connect()], about=left(4), **connecting(0.05)) == {}


def test_under_wsgi_kept_connections_are_meant_to_stay() -> None:
    assert advice(served=WSGI, about=left(100), **connecting()) == {}


def line(*spans: tuple[float, float, Cause], thread: int = 1) -> TimeLine:
    return TimeLine(9_000, tuple(Span(Amount.HOPS, b, e, thread, c) for b, e, c in spans))


def queries(count: float) -> tuple[Any, ...]:
    return (
        item(Amount.HOPS, COUNT, count - 1, HOP),
        item(Amount.HOPS, LIST, 1, HOP),
    )


def test_gathered_queries_that_queue_for_one_thread_are_told() -> None:
    queued = line(
        (0, 100, COUNT), (1, 190, COUNT), (2, 280, COUNT), (3, 370, COUNT), (4, 460, LIST)
    )
    found = advice(time_line=queued, items=queries(5))
    assert set(found) == {"gather-over-the-orm"}
    assert "5 of them" in found["gather-over-the-orm"].says
    assert saved(found["gather-over-the-orm"]) == pytest.approx(4 * HOP)


def test_queries_in_turn_are_not_gathered() -> None:
    in_turn = line((0, 100, COUNT), (110, 200, LIST))
    assert "gather-over-the-orm" not in advice(time_line=in_turn, items=queries(2))


def test_a_query_within_a_hop_does_not_wait_for_it() -> None:
    nested = line((0, 500, COUNT), (100, 200, LIST))
    assert "gather-over-the-orm" not in advice(time_line=nested, items=queries(2))


def test_queries_on_threads_of_their_own_do_not_wait() -> None:
    one, other = line((0, 100, COUNT)), line((1, 190, LIST), thread=2)
    apart = TimeLine(9_000, (*one.spans, *other.spans))
    assert "gather-over-the-orm" not in advice(time_line=apart, items=queries(2))


def test_a_view_that_only_queries_can_hop_once() -> None:
    change = advice(items=queries(3))["one-hop-for-all-queries"]
    assert "3 queries of blog/views.py" in change.says
    assert saved(change) == pytest.approx(2 * HOP)


def test_one_query_is_one_hop_already() -> None:
    assert advice(items=(item(Amount.HOPS, COUNT, 1, HOP),)) == {}


def test_a_view_that_does_other_work_in_threads_is_left_alone() -> None:
    call = Cause(CauseKind.CALL, "blog.thumbnails.make", "blog/views.py", 40)
    assert advice(items=(*queries(3), item(Amount.HOPS, call, 1, HOP))) == {}


def test_queries_that_no_file_of_the_project_asks_for_are_left_alone() -> None:
    session = Cause(CauseKind.QUERY, "Session.objects.aget")
    user = Cause(CauseKind.QUERY, "User.objects.aget")
    found = advice(items=tuple(item(Amount.HOPS, c, 1, HOP) for c in (session, user)))
    assert found == {}


def threads(count: float = 2) -> dict[str, Any]:
    return {"items": (item(Amount.THREADS, MIDDLEWARE, count, THREAD),)}


def release(asgiref: str) -> Served:
    return msgspec.structs.replace(SERVED, packages={"django": "6.1.3", "asgiref": asgiref})


def test_threads_of_asgiref_can_be_kept() -> None:
    change = advice([asgiref_thread()] * 2, **threads())["threads-per-request"]
    assert "asgiref 3.13.0 starts 2 threads" in change.says
    assert "3.11 one" in change.says
    assert saved(change) == pytest.approx(2 * THREAD)


def test_an_older_asgiref_must_be_renewed_first() -> None:
    found = advice([asgiref_thread()], served=release("3.11.1"), **threads(1))
    change = found["threads-per-request"]
    assert "Take asgiref 3.13" in change.says
    assert "3.11 one" not in change.says


def test_kept_threads_keep_their_wrappers_too() -> None:
    asked = threads()
    bare = advice([asgiref_thread()] * 2, **asked)["threads-per-request"]
    asked["items"] = (*asked["items"], item(Amount.WRAPPERS, COUNT, 1, 110.0))
    change = advice([asgiref_thread()] * 2, **asked)["threads-per-request"]
    assert bare.saving is not None
    assert change.saving is not None
    assert change.saving.mean == pytest.approx(bare.saving.mean + 110.0)


def test_threads_of_the_project_are_its_own() -> None:
    """A sync view runs in a thread, below frames of asgiref."""
    start, view = frame("threading", "Thread.start"), frame("blog.views", "posts")
    started = happening(Amount.THREADS, start, view, IN_THREAD)
    assert advice([started] * 2, **threads()) == {}


def test_without_asgirefs_release_nothing_is_said_of_its_threads() -> None:
    served = msgspec.structs.replace(SERVED, packages={"django": "6.1.3"})
    assert advice([asgiref_thread()] * 2, served=served, **threads()) == {}


def compared(
    ratio: float, verdict: str = "differs", other: Served = WSGI
) -> dict[str, Recommendation]:
    about = {"other": other}
    return advice(about=about, cpu=interval(4912, 50), against=against(ratio, verdict))


def test_a_url_that_is_cheaper_under_wsgi_is_told_with_what_was_measured() -> None:
    change = compared(0.4)["cheaper-under-wsgi"]
    assert saved(change) == pytest.approx(0.6 * 4912)


@pytest.mark.parametrize(
    ("ratio", "verdict", "other"),
    [
        (1.4, "differs", WSGI),
        (0.9, "undecided", WSGI),
        (0.99, "same", WSGI),
        (0.4, "differs", SERVED),
    ],
)
def test_no_other_comparison_is_a_reason_for_wsgi(
    ratio: float, verdict: str, other: Served
) -> None:
    assert compared(ratio, verdict, other) == {}


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (CauseKind.CALL, "in place of blog.views.fetch"),
        (CauseKind.ASYNC_ENDPOINT, "Make blog.views.fetch sync,"),
        (CauseKind.MIDDLEWARE, "Make blog.views.fetch sync-capable"),
    ],
)
def test_event_loops_under_wsgi_are_told(kind: CauseKind, told: str) -> None:
    cause = Cause(kind, "blog.views.fetch", "blog/views.py", 12)
    about: dict[str, Any] = {
        "counted": {Amount.LOOPS: steady(1)},
        "items": (item(Amount.LOOPS, cause, 1, 150),),
    }
    change = advice(served=WSGI, **about)["event-loop-per-request"]
    assert told in change.says
    assert "one event loop" in change.says
    assert saved(change) == pytest.approx(150)
    assert advice(**about) == {}


def test_the_largest_saving_comes_first_and_one_without_cpu_last() -> None:
    whole = url_receipt(counted=counted())
    of = receipt(whole, left_behind=LeftBehind(100, 100, 0, 0, None))
    seen = observation([*hooks(), connect(), asgiref_thread(), asgiref_thread()])
    found = recommendations(of, seen)
    assert [change.rule for change in found] == [
        "connection-per-request",
        "middleware-hooks",
        "threads-per-request",
        "one-hop-for-all-queries",
        "connections-left-behind",
    ]


def test_urls_with_the_same_reason_share_a_line() -> None:
    urls: list[UrlReceipt] = [url_receipt(r, **threads(), counted=QUIET) for r in (POSTS, ROOT)]
    of: Receipt = receipt(*urls, left_behind=None)
    one, other = (observation([asgiref_thread()] * 2, r) for r in (POSTS, ROOT))
    both = msgspec.structs.replace(one, urls=(*one.urls, *other.urls))
    (change,) = recommendations(of, both)
    assert change.urls == (POSTS.name, ROOT.name)


def test_async_views_under_wsgi_share_a_line_and_the_most_of_their_loops_is_told() -> None:
    view = Cause(CauseKind.ASYNC_ENDPOINT, "")
    made = [
        url_receipt(
            request, counted={Amount.LOOPS: steady(count)},
            items=(item(Amount.LOOPS, msgspec.structs.replace(view, name=name), count, 150),),
        )
        for request, count, name in ((POSTS, 1, "blog.posts"), (ROOT, 2, "blog.root"))
    ]  # fmt: skip
    one, other = (observation([], r, WSGI) for r in (POSTS, ROOT))
    both = msgspec.structs.replace(one, urls=(*one.urls, *other.urls))
    (change,) = recommendations(receipt(*made, served=WSGI, left_behind=None), both)
    assert change.urls == (POSTS.name, ROOT.name)
    assert "Make async views sync, or serve these URLs" in change.says
    assert "up to 2 event loops" in change.says


def test_views_that_query_as_often_share_a_line() -> None:
    urls = [url_receipt(r, items=queries(2), counted=QUIET, time_line=None) for r in (POSTS, ROOT)]
    one, other = (observation([], r) for r in (POSTS, ROOT))
    both = msgspec.structs.replace(one, urls=(*one.urls, *other.urls))
    (change,) = recommendations(receipt(*urls, left_behind=None), both)
    assert (change.rule, change.urls) == ("one-hop-for-all-queries", (POSTS.name, ROOT.name))


def test_a_url_that_was_not_observed_is_no_ground() -> None:
    of = receipt(url_receipt(ROOT, **connecting()), left_behind=None)
    assert recommendations(of, observation([connect()], POSTS)) == ()


def test_a_mean_over_requests_counts() -> None:
    found = advice(
        [connect()],
        counted={Amount.CONNECTIONS: varying({"1": 19, "0": 1})},
        items=(item(Amount.CONNECTIONS, COUNT, 1, CONNECTION),),
    )
    assert "0.95 connections" in found["connection-per-request"].says

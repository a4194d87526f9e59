"""The receipt in a terminal: items, figures, and a width that holds."""

from typing import Any

import msgspec
import pytest
from rich.cells import cell_len

from harness.analysis.receipt.receipt import Cause, CauseKind, Receipt
from harness.analysis.stats.interval import Interval
from harness.records.observation import Amount, LeftBehind, SentRequest, Served
from harness.report.receipt.page import receipt_page
from harness.report.receipt.till import till
from tests.toys.receipts import (
    COUNT,
    PRICES,
    ROOT,
    SERVED,
    WSGI,
    against,
    interval,
    item,
    receipt,
    recommended,
    steady,
    url_receipt,
    varying,
)


def line(of: Receipt, begin: str) -> str:
    """The one line that begins with a text, its spaces as one."""
    found = [" ".join(text.split()) for text in till(of)]
    (told,) = [text for text in found if text.startswith(begin)]
    return told


def whole(of: Receipt) -> str:
    return " ".join(" ".join(till(of)).split())


def test_the_answer_comes_first() -> None:
    text = whole(receipt())
    answer = text.index("GET /api/posts/ spends 4,170 of its 4,910 µs of CPU on tolls.")
    assert answer < text.index("per request qty")


def test_an_item_has_its_quantity_its_price_and_its_sum() -> None:
    assert line(receipt(), "thread request_started") == (
        "thread request_started and request_finished 2 97 ±10 194 ±19"
    )


def test_a_query_is_told_with_its_place() -> None:
    of = receipt()
    told = "hop Post.objects.acount blog/views.py:31 1 46 ±5 46 ±5"
    assert line(of, "hop Post.objects.acount") == told


def test_what_every_request_of_django_has_stands_apart() -> None:
    texts = [text.strip() for text in till(receipt())]
    own = next(i for i, text in enumerate(texts) if text.startswith("YOUR PROJECT"))
    life = next(i for i, text in enumerate(texts) if text.startswith("DJANGO'S OWN LIFE CYCLE"))
    assert any("SessionMiddleware" in text for text in texts[own:life])
    assert any("request_started" in text for text in texts[life:])
    assert not any("request_started" in text for text in texts[own:life])


def test_tolls_are_summed_and_set_against_the_cpu_measured() -> None:
    of = receipt()
    assert line(of, "Tolls 4") == "Tolls 4,170 ±99"
    assert line(of, "CPU per request") == "CPU per request, measured under load 4,910 ±120"
    assert line(of, "Tolls are") == "Tolls are 85 % of it"
    assert line(of, "Throughput") == "Throughput 204 ±5 requests/s on 8 connections"


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        (26.0, 133.0, "26 to 133 requests/s on 8 connections"),
        (0.05, 28_000.0, "about 60 requests/s, by few and noisy slices, on 8 connections"),
    ],
)
def test_a_rate_that_is_hardly_known_is_not_told_as_if_it_were(
    low: float, high: float, told: str
) -> None:
    rate = Interval(60.0, low, high, 1.0, 2)
    assert line(receipt(url_receipt(rate_per_s=rate)), "Throughput").endswith(told)


def test_other_counts_and_how_they_differ_are_told() -> None:
    text = whole(receipt())
    assert "2 to 3 statements" in text
    assert "44 to 47 context switches" in text
    assert "214 B in and 6 KiB out" in text
    assert "differs: statements: 2 in 12 of 20 requests, 3 in 8" in text
    assert "context switches: 44 in" not in text


def test_an_item_that_differs_between_requests_says_how_often() -> None:
    now_and_then = msgspec.structs.replace(
        item(Amount.HOPS, COUNT, 1, 46), per_request=varying({"1": 12, "2": 7, "others": 1})
    )
    text = whole(receipt(url_receipt(items=(now_and_then,))))
    assert "1 in 12 of 20 requests, 2 in 7, another number in 1" in text


@pytest.mark.parametrize(
    ("ratio", "verdict", "said"),
    [(0.35, "differs", "cheaper"), (1.4, "differs", "dearer"), (0.99, "same", "the same"),
     (0.97, "undecided", "undecided")],
)  # fmt: skip
def test_the_other_application_has_its_verdict(ratio: float, verdict: str, said: str) -> None:
    of = receipt(url_receipt(against=against(ratio, verdict)), other=WSGI)
    assert line(of, "CPU of mysite.wsgi:application on gunicorn-gthread").endswith("±40")
    assert line(of, "Compared") == f"Compared {ratio:.2f} times (±5 %) as much: {said}"


def test_an_application_with_other_settings_is_not_called_by_the_same_name() -> None:
    other = msgspec.structs.replace(SERVED, settings=("DATABASE_POOL=1",))
    of = receipt(url_receipt(against=against(0.5)), other=other)
    assert line(of, "CPU with DATABASE_POOL=1").endswith("±40")
    assert "Compared with mysite.asgi:application on gunicorn-uvicorn" in whole(of)


def test_what_differs_in_the_other_application_is_said() -> None:
    packages = SERVED.packages | {"django": "5.2.8"}
    other = msgspec.structs.replace(
        SERVED, python="3.12.1", packages=packages, folder="site-new", settings=("KEY=another",)
    )
    of = receipt(url_receipt(against=against(0.5)), other=other)
    told = "CPU with KEY=another, Python 3.12.1, the folder site-new and django 5.2.8"
    assert told in whole(of)
    same = receipt(url_receipt(against=against(0.5)), other=SERVED)
    assert line(same, "CPU of the same once more").endswith("±40")


def test_what_could_not_be_compared_is_said() -> None:
    nothing = msgspec.structs.replace(against(1), cpu=None, ratio=None, verdict="undecided")
    text = whole(receipt(url_receipt(against=nothing)))
    assert "could not be compared" in text


def test_what_to_change_comes_with_its_saving_and_its_page() -> None:
    text = whole(receipt(recommendations=(recommended(), recommended("x", None))))
    assert "1. Put a sync-only middleware last" in text
    assert "up to 506 ±51 µs per request · GET /api/posts/, GET /" in text
    assert "docs/receipt.md#middleware-hooks" in text
    assert text.count("up to") == 1


def test_what_is_left_behind_and_what_was_sent_is_told_without_values() -> None:
    text = whole(receipt())
    assert "100 connections, no threads, no tasks and 1.2 MiB of memory" in text
    assert "GET /api/posts/ · headers Authorization" in text


def test_how_often_a_request_was_sent_is_told() -> None:
    beside = msgspec.structs.replace(against(0.5), sent=4_980)
    url = url_receipt(sent=5_214, against=beside)
    text = whole(receipt(url, other=WSGI))
    assert "GET /api/posts/ · 5,214 times · 4,980 times to mysite.wsgi:application" in text
    assert "4,980 times to the other one" in whole(receipt(url, other=SERVED))


def test_variables_that_were_set_are_told() -> None:
    served = msgspec.structs.replace(SERVED, settings=("DEBUG=0", "DATABASE_URL=..."))
    assert "- Set for it: DEBUG=0, DATABASE_URL=...." in till(receipt(served=served))


def test_statements_that_prepare_a_connection_are_told_apart() -> None:
    text = whole(receipt(url_receipt(connecting=steady(1))))
    assert "2 to 3 statements, 1 of them to prepare a new connection" in text
    assert "prepare a new" not in whole(receipt(url_receipt(connecting=steady(0))))


def test_a_change_for_many_urls_does_not_list_them_all() -> None:
    urls = [url_receipt(SentRequest("GET", f"/{n}/"), priced=False) for n in range(6)]
    names = tuple(url.request.name for url in urls)
    few, all_ = recommended("a", None), recommended("b", None)
    changes = (
        msgspec.structs.replace(few, urls=names[:5]), msgspec.structs.replace(all_, urls=names)
    )  # fmt: skip
    text = whole(receipt(*urls, recommendations=changes))
    assert "GET /0/, GET /1/, GET /2/ and 2 more docs/receipt.md#a" in text
    assert "all 6 URLs docs/receipt.md#b" in text


def test_an_async_view_without_an_event_loop_is_explained() -> None:
    view = Cause(CauseKind.ASYNC_ENDPOINT, "blog.views.posts", "blog/views.py", 24)
    text = whole(receipt(url_receipt(items=(item(Amount.THREADS, view, 1, 150),))))
    assert "blog.views.posts is async: without an event loop, asgiref's async_to_sync" in text
    assert "async_to_sync" not in whole(receipt())


def test_memory_that_shrank_is_not_left_behind() -> None:
    left = LeftBehind(100, 0, 0, None, -20_000)
    text = whole(receipt(left_behind=left))
    assert "no connections, no threads and no memory, after 100 more requests" in text


def test_without_prices_the_counts_remain() -> None:
    of = receipt(url_receipt(priced=False), prices=None)
    text = whole(of)
    assert "µs each" not in text
    assert "n/a" not in text
    assert "per request qty" in text
    assert line(of, "hop Post.objects.acount") == "hop Post.objects.acount blog/views.py:31 1"
    assert "CPU per request" not in text


def test_a_wrapper_is_explained_where_there_is_one() -> None:
    wrapper = item(Amount.WRAPPERS, COUNT, 1, 110)
    of = receipt(url_receipt(items=(*url_receipt().items, wrapper)))
    shown = line(of, "DB wrapper Post.objects.acount")
    assert shown == "DB wrapper Post.objects.acount blog/views.py:31 1 110 ±11 110 ±11"
    assert "A new thread makes one for its first query" in whole(of)
    assert "DB wrapper" not in whole(receipt())


def test_a_request_without_tolls_says_so() -> None:
    amounts = (Amount.HOPS, Amount.THREADS, Amount.CONNECTIONS, Amount.WRAPPERS)
    counts = {a: steady(0) for a in amounts}
    of = receipt(url_receipt(items=(), counted=counts, tolls=interval(0), time_line=None))
    assert "No hop, thread or connection per request." in whole(of)


def test_what_cannot_be_seen_from_outside_is_not_called_nothing() -> None:
    outside = {Amount.CPU_US: varying({"400": 10, "500": 10}), Amount.BYTES_OUT: steady(100)}
    of = receipt(url_receipt(priced=False, items=(), counted=outside, time_line=None), prices=None)
    text = whole(of)
    assert text.count("cannot be seen from outside") == 2
    assert "400 to 500 µs of CPU" in text
    assert "No hop" not in text
    assert "No toll" not in text
    bare = whole(msgspec.structs.replace(of, served=Served(None, url="http://127.0.0.1:8000")))
    assert "Versions" not in bare


def test_tolls_that_have_no_price_are_not_said_to_cost_nothing() -> None:
    taken = (item(Amount.HOPS, COUNT, 4, None),)
    of = receipt(url_receipt(items=taken, tolls=interval(0), cpu=None, rate_per_s=None))
    text = whole(of)
    assert "GET /api/posts/ takes 4 hops per request. Nothing was priced" in text
    assert "Tolls" not in text
    assert "µs each" not in text


def test_without_cpu_the_headline_tells_the_price_of_the_tolls() -> None:
    text = whole(receipt(url_receipt(cpu=None, rate_per_s=None)))
    assert "takes 16 hops, 2 threads and 1 connection per request." in text
    assert "By the prices below, that is 4,170 ±99 µs of CPU." in text


def test_prices_of_a_kept_run_are_called_so() -> None:
    kept = msgspec.structs.replace(PRICES, source="bridge-quick-1")
    assert "- Prices: of the kept run bridge-quick-1." in till(receipt(prices=kept))
    assert "- Prices: measured here." in till(receipt())
    nothing = receipt(url_receipt(priced=False), prices=kept)
    assert "Prices:" not in whole(nothing)


@pytest.mark.parametrize(
    ("kinds", "title"),
    [
        ((CauseKind.LIFE_CYCLE,), "THE FRAMEWORK, FOR EVERY REQUEST"),
        ((CauseKind.SERVER,), "THE SERVER, FOR EVERY REQUEST"),
        ((CauseKind.CALL, CauseKind.SERVER), "THE FRAMEWORK AND THE SERVER, FOR EVERY REQUEST"),
        ((), ""),
    ],
)
def test_without_a_known_framework_none_is_named(kinds: tuple[CauseKind, ...], title: str) -> None:
    served = Served("shop:application", protocol="wsgi")
    causes = [Cause(kind, f"shop.{kind}", project=False) for kind in kinds]
    taken = (item(Amount.HOPS, COUNT, 1, 46), *(item(Amount.HOPS, c, 1, 46) for c in causes))
    of = receipt(url_receipt(items=taken), served=served)
    found = [text for text in till(of) if "EVERY REQUEST" in text]
    assert [" ".join(text.split()[:-1]) for text in found] == ([title] if title else [])
    assert "shop:application" in receipt_page(of)


def test_packages_of_an_environment_of_ours_are_marked() -> None:
    text = whole(receipt())
    assert "uvicorn 0.38.0*" in text
    assert "* From an environment of bridgetoll's own: uvicorn 0.38.0." in text


HUGE = Interval(1_234_567.0, 1_000_000.0, 1_469_134.0, 100.0, 6)
LONG = Cause(CauseKind.MIDDLEWARE, f"mysite.{'very.' * 20}{'Long' * 30}", f"{'dir/' * 30}a.py", 1)
MOST: dict[str, Any] = {
    "items": (
        msgspec.structs.replace(item(Amount.CONNECTIONS, LONG, 1234.5, 1), price=HUGE, total=HUGE),
        item(Amount.LOOPS, msgspec.structs.replace(LONG, name="名前" * 60), 1, 1),
    ),
    "tolls": HUGE,
    "cpu": HUGE,
    "against": against(1),
}


@pytest.mark.parametrize("priced", [True, False])
def test_no_line_is_wider_than_80_columns_and_no_class_is_cut(priced: bool) -> None:
    request = SentRequest("POST", f"/{'long/' * 60}?\x1b[2J", headers=("H" * 200,), form=("f",))
    about: dict[str, Any] = MOST if priced else {"items": MOST["items"]}
    of = receipt(
        url_receipt(request, priced=priced, **about),
        url_receipt(ROOT, priced=priced),
        notes=("long " * 60, "w" * 200),
        recommendations=(recommended(),),
        other=msgspec.structs.replace(WSGI, app="a" * 100),
    )
    lines = till(of)
    assert max(map(cell_len, lines)) <= 80
    assert "Long" * 30 in "".join(text.strip() for text in lines)
    assert all(text.isprintable() for text in lines)

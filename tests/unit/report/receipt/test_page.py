"""The receipt as a page: what it says, and that nothing in it runs or loads."""

import base64
import hashlib
import re
from html import unescape

import msgspec

from harness.analysis.receipt.receipt import Cause, CauseKind, TimeLine
from harness.records.observation import Amount
from harness.report.receipt.page import receipt_page
from tests.toys.receipts import (
    ROOT,
    WSGI,
    against,
    interval,
    item,
    receipt,
    recommended,
    url_receipt,
)

HOSTILE = "<script>alert(1)</script>"


def plain(html: str) -> str:
    """Its text, without markup."""
    text = re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.S)
    return " ".join(unescape(text).split())


def test_the_answer_the_items_and_the_sums_are_on_it() -> None:
    of = receipt(url_receipt(against=against(0.4)), url_receipt(ROOT), other=WSGI)
    text = plain(receipt_page(of))
    assert "GET /api/posts/ spends 4,170 of its 4,910 µs of CPU on tolls." in text
    assert "1 connection costs most: 3,220 µs." in text
    assert "Django's own life cycle" in text
    assert "0.40 times (±5 %) as much: cheaper" in text
    assert (
        "100 connections, no threads, no tasks and 1.2 MiB of memory, after 100 more requests."
        in text
    )


def test_each_url_has_a_picture_that_is_text_too() -> None:
    html = receipt_page(receipt(url_receipt(), url_receipt(ROOT)))
    assert html.count('<svg class="wide" role="img"') == 2
    assert html.count('<svg class="narrow" role="img"') == 2
    assert "Time line of one request: 0.12 ms request_started" in html
    identifiers = re.findall(r' id="([^"]+)"', html)
    assert len(identifiers) == len(set(identifiers))


def test_a_request_without_a_span_has_no_picture() -> None:
    html = receipt_page(receipt(url_receipt(time_line=TimeLine(900, ()))))
    assert "Time line of one request" not in html


def test_the_policy_allows_its_own_style_and_nothing_else() -> None:
    html = receipt_page(receipt(recommendations=(recommended(),)))
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)
    style = re.search(r"<style>(.*?)</style>", html, re.S)
    assert policy is not None
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy[1]
    assert "default-src 'none'" in policy[1]
    assert " style=" not in html
    assert "<script" not in html
    assert "href=" not in html


def test_without_prices_the_counts_remain() -> None:
    text = plain(receipt_page(receipt(url_receipt(priced=False), prices=None)))
    assert "µs each" not in text
    assert "GET /api/posts/ takes 16 hops, 2 threads and 1 connection per request." in text


def test_a_request_that_pays_nothing_says_so() -> None:
    of = receipt(url_receipt(items=(), tolls=interval(0), time_line=None))
    assert "No request pays a toll" in plain(receipt_page(of))


def test_texts_are_escaped() -> None:
    hostile = Cause(CauseKind.CALL, HOSTILE, HOSTILE, 1)
    request = msgspec.structs.replace(ROOT, target=f"/{HOSTILE}", headers=(HOSTILE,))
    line = url_receipt().time_line
    assert line is not None
    spans = tuple(msgspec.structs.replace(span, cause=hostile) for span in line.spans)
    of = receipt(
        url_receipt(
            request,
            items=(item(Amount.HOPS, hostile, 1, 46),),
            time_line=msgspec.structs.replace(line, spans=spans),
        ),
        notes=(HOSTILE,),
        made_at=HOSTILE,
        machine={"processor": HOSTILE},
    )
    html = receipt_page(of)
    assert "<script" not in html
    assert "alert(1)" in html

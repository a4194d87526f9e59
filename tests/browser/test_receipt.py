"""A receipt's page in a browser: without a script, without a network, readable on a phone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from harness.report.receipt.page import receipt_page
from tests.browser.axe import violations
from tests.browser.conftest import Watched
from tests.toys.receipts import ROOT, WSGI, against, receipt, recommended, url_receipt

SMALLEST = 11
"""Pixels of the smallest text in a picture."""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    of = receipt(
        url_receipt(against=against(0.4)),
        url_receipt(ROOT, priced=False),
        other=WSGI,
        recommendations=(recommended(), recommended("connections-left-behind", None)),
    )
    file = tmp_path_factory.mktemp("receipt") / "receipt.html"
    file.write_text(receipt_page(of), encoding="utf-8")
    return file


@pytest.fixture(
    params=[(1200, 800, "light"), (390, 844, "dark")], ids=["desk", "phone"], scope="module"
)
def shown(browser: Browser, page: Path, request: pytest.FixtureRequest) -> Iterator[Watched]:
    width, height, theme = request.param
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=theme,
        java_script_enabled=True,
        is_mobile=width < 500,
    )
    watched = Watched(context.new_page())
    watched.page.goto(page.as_uri())
    watched.page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true })")
    yield watched
    context.close()


def test_it_asks_for_nothing_complains_of_nothing_and_fits(shown: Watched) -> None:
    assert (shown.complaints, shown.requests) == ([], [])
    size = shown.page.viewport_size
    assert size is not None
    assert shown.page.evaluate("document.documentElement.scrollWidth") <= size["width"]


def test_the_answer_and_the_changes_are_on_the_first_screen(shown: Watched) -> None:
    size = shown.page.viewport_size
    assert size is not None
    for selector in ("h1", ".changes"):
        box = shown.page.locator(selector).bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= size["height"], selector


def test_axe_finds_no_violation(shown: Watched) -> None:
    assert violations(shown.page) == []


def test_texts_of_a_picture_are_large_enough_and_do_not_touch(shown: Watched) -> None:
    texts = shown.page.evaluate(
        """() => [...document.querySelectorAll('.picture > svg')]
            .filter((svg) => svg.getBoundingClientRect().width > 0)
            .map((svg) => ({
                width: svg.getBoundingClientRect().width,
                scale: svg.getBoundingClientRect().width / svg.width.baseVal.value,
                texts: [...svg.querySelectorAll('text')].filter((t) => t.textContent).map((t) => {
                    const box = t.getBoundingClientRect(), all = svg.getBoundingClientRect();
                    return {
                        text: t.textContent, size: parseFloat(getComputedStyle(t).fontSize),
                        left: box.left - all.left, right: box.right - all.left,
                        top: box.top, bottom: box.bottom,
                    };
                }),
            }))"""
    )
    assert len(texts) == 2
    for picture in texts:
        assert len(picture["texts"]) >= 28
        for text in picture["texts"]:
            assert text["size"] * picture["scale"] >= SMALLEST, text
            assert 0 <= text["left"] < text["right"] <= picture["width"] + 1, text
        for one in picture["texts"]:
            for other in picture["texts"]:
                apart = (
                    one["right"] <= other["left"] or other["right"] <= one["left"]
                    or one["bottom"] <= other["top"] + 3 or other["bottom"] <= one["top"] + 3
                )  # fmt: skip
                assert one is other or apart, (one, other)

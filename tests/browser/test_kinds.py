"""Pages of every kind of study: both sizes, both themes, paper, and what a page must never do."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, ViewportSize

from tests.browser.axe import violations
from tests.browser.conftest import Watched
from tests.toys.kinds import KINDS, ranking, titled
from tests.toys.pages import check, written

DESK: ViewportSize = {"width": 1200, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
FOLDED = {"causal": 6_000, "sixty": 6_000}
"""Pixels that a page of this kind may be high before anything is unfolded."""
MOST = 4_000
MAIN = ("ranking", "causal", "sweep", "replication")
"""Kinds that are opened in both themes at both sizes; the others once at each size."""
LONG = ("A title of three hundred characters " * 9)[:300].strip()
RTL = "كم تكلف خيوط جانغو؟"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("kinds")
    made: dict[str, Path] = {}
    for kind, make in KINDS.items():
        result = written(folder / kind, *make())
        check(result, folder / kind)
        made[kind] = result.report.page
    for kind, title in (("long", LONG), ("rtl", RTL), ("unbroken", "W" * 300)):
        made[kind] = written(folder / kind, *titled(ranking(), title, title)).report.page
    return made


ALL = [*KINDS, "long", "rtl", "unbroken"]


@pytest.mark.parametrize("kind", ALL)
def test_a_page_of_any_kind_is_in_order(
    kind: str, pages: dict[str, Path], browser: Browser
) -> None:
    """No message, no request, no sideways scrolling, no violation, folded, and one headline."""
    usual = ((DESK, "light"), (PHONE, "dark"))
    for size, theme in (*usual, *(((DESK, "dark"), (PHONE, "light")) if kind in MAIN else ())):
        page = browser.new_page(viewport=size, color_scheme=theme)
        watched = Watched(page)
        watched.open(pages[kind])
        wide = page.evaluate("document.documentElement.scrollWidth")
        high = page.evaluate("document.documentElement.scrollHeight")
        headline = page.locator("h1").bounding_box()
        found = violations(page)
        sentences = page.locator("h1 span").count()
        page.close()
        where = f"{kind}, {size['width']}, {theme}"
        assert watched.complaints == [], where
        assert watched.requests == [], where
        assert wide <= size["width"], where
        assert found == [], where
        assert 1 <= sentences <= 2
        assert headline is not None
        assert headline["y"] + headline["height"] < size["height"] / 2, where
        if size is DESK:
            assert high <= FOLDED.get(kind, MOST), where


@pytest.mark.parametrize("kind", MAIN)
def test_the_hero_is_on_the_first_screen(
    kind: str, pages: dict[str, Path], browser: Browser
) -> None:
    for size in (DESK, PHONE):
        page = browser.new_page(viewport=size)
        Watched(page).open(pages[kind])
        shown = page.locator("#heroes img:visible").first
        box, alternative = shown.bounding_box(), shown.get_attribute("alt")
        page.close()
        assert box is not None
        assert box["y"] < size["height"] * 0.6
        assert box["width"] > 250
        assert alternative


@pytest.mark.parametrize(
    "kind", ["ranking", "causal", "sweep", "replication", "failures", "sixty", "unbroken"]
)
def test_unfolded_it_is_in_order_too(kind: str, pages: dict[str, Path], browser: Browser) -> None:
    page = browser.new_page(viewport=DESK)
    watched = Watched(page)
    watched.open(pages[kind])
    page.evaluate("for (const d of document.querySelectorAll('details')) d.open = true")
    page.wait_for_timeout(200)
    watched.settle()
    if page.locator("#x-trials").count():
        page.wait_for_selector("#x-trials svg.marks[aria-label]")
    found, wide = violations(page), page.evaluate("document.documentElement.scrollWidth")
    page.close()
    assert watched.complaints == []
    assert found == []
    assert wide <= DESK["width"]


@pytest.mark.parametrize("kind", ALL)
def test_on_paper_nothing_is_cut_off(kind: str, pages: dict[str, Path], watched: Watched) -> None:
    watched.open(pages[kind])
    page = watched.page
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 700, "height": 1000})
    cut = page.evaluate(
        "[...document.querySelectorAll('main table')].filter("
        "(t) => t.offsetParent && t.getBoundingClientRect().right > innerWidth + 1).length"
    )
    assert cut == 0
    assert page.pdf().startswith(b"%PDF")


def test_more_than_a_dozen_stacks_are_grouped_and_a_group_unfolds(
    pages: dict[str, Path], watched: Watched
) -> None:
    watched.open(pages["sixty"])
    page = watched.page
    assert page.locator("#t tbody tr").count() == 4
    page.get_by_role("button", name="Alpha: 15 stacks").click()
    assert page.locator("#t tbody tr").count() == 19
    assert page.evaluate("document.activeElement.getAttribute('aria-expanded')") == "true"


def test_what_answered_nothing_is_a_row_with_its_reason(
    pages: dict[str, Path], watched: Watched
) -> None:
    watched.open(pages["failures"])
    row = watched.page.locator("#t tbody tr", has_text="c/dead").inner_text()
    assert "no correct answer" in row
    watched.open(pages["nothing-but-failures"])
    assert watched.page.get_by_text("no correct answer").count() >= 2


def test_without_javascript_the_answer_stands(pages: dict[str, Path], browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False, viewport=DESK)
    page = context.new_page()
    page.goto(pages["ranking"].as_uri())
    headline, pictures = page.locator("h1").inner_text(), page.locator("#heroes img").count()
    rows = (
        page.locator("noscript table tbody tr").count()
        or page.locator("main table tbody tr").count()
    )
    context.close()
    assert "b/lean" in headline
    assert pictures == 2
    assert rows >= 4

"""Pages of every kind of study: both sizes, both themes, paper, and what a page must never do."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, Page, ViewportSize

from tests.browser.axe import CONTRAST, violations
from tests.browser.conftest import PHONE, Theme, Watched, watching
from tests.toys.kinds import KINDS, ranking, titled
from tests.toys.pages import check, written

DESK: ViewportSize = {"width": 1200, "height": 800}
FOLDED = {"causal": 6_000, "sixty": 6_000}
"""Pixels that a page of this kind may be high before anything is unfolded."""
MOST = 4_000
MAIN = ("ranking", "causal", "sweep", "replication")
"""Kinds that are shown in both themes at both sizes; the others in one at each size."""
UNFOLDED = (*MAIN, "failures", "sixty", "unbroken")
LONG = ("A title of three hundred characters " * 9)[:300].strip()
RTL = "كم تكلف خيوط جانغو؟"


class Opened(NamedTuple):
    """A page that is shown."""

    kind: str
    watched: Watched
    size: ViewportSize
    theme: Theme


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


TITLED = {"long", "rtl", "unbroken"}
"""Kinds that differ from `ranking` in a text alone, of which axe has nothing to say."""
ALL = [*KINDS, *sorted(TITLED)]
SCREENS: dict[str, tuple[ViewportSize, Theme]] = {"desk": (DESK, "light"), "phone": (PHONE, "dark")}
OTHER: dict[Theme, Theme] = {"light": "dark", "dark": "light"}


def on(kinds: Sequence[str], screens: Iterable[str] = SCREENS) -> pytest.MarkDecorator:
    """The test is of these kinds on these screens."""
    shown = [(kind, screen) for kind in kinds for screen in screens]
    return pytest.mark.parametrize("opened", shown, ids="-".join, indirect=True, scope="module")


@pytest.fixture(scope="module")
def window(browser: Browser) -> Iterator[Page]:
    """One page for all kinds: a new one takes longer than to open them."""
    page = browser.new_page()
    yield page
    page.close()


@pytest.fixture(scope="module")
def opened(
    request: pytest.FixtureRequest, pages: dict[str, Path], window: Page
) -> Iterator[Opened]:
    """A page of a kind on a screen, opened once for the tests of both; the last one unfolds it."""
    kind, screen = request.param
    size, theme = SCREENS[screen]
    window.set_viewport_size(size)
    with watching(window, theme) as watched:
        watched.open(pages[kind])
        yield Opened(kind, watched, size, theme)


@on(ALL)
def test_a_page_of_any_kind_is_in_order(opened: Opened) -> None:
    """No message, no request, no sideways scrolling, no violation, folded, and one headline."""
    page, size = opened.watched.page, opened.size
    headline = page.locator("h1").bounding_box()
    assert opened.watched.complaints == []
    assert opened.watched.requests == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    assert opened.kind in TITLED or violations(page) == []
    assert 1 <= page.locator("h1 span").count() <= 2
    assert headline is not None
    assert headline["y"] + headline["height"] < size["height"] / 2
    if size is DESK:
        high = page.evaluate("document.documentElement.scrollHeight")
        assert high <= FOLDED.get(opened.kind, MOST)


@on(MAIN)
def test_in_the_other_theme_it_can_be_read_too(opened: Opened) -> None:
    """A theme changes colours and nothing else; pictures go with it."""
    page = opened.watched.page
    page.emulate_media(color_scheme=OTHER[opened.theme])
    pale = violations(page, CONTRAST)
    wide = page.evaluate("document.documentElement.scrollWidth")
    page.emulate_media(color_scheme=opened.theme)
    assert pale == []
    assert wide <= opened.size["width"]
    assert opened.watched.complaints == []
    assert opened.watched.requests == []


@on(MAIN)
def test_the_hero_is_on_the_first_screen(opened: Opened) -> None:
    shown = opened.watched.page.locator("#heroes img:visible").first
    box, alternative = shown.bounding_box(), shown.get_attribute("alt")
    assert box is not None
    assert box["y"] < opened.size["height"] * 0.6
    assert box["width"] > 250
    assert alternative


@on(ALL, ["desk"])
def test_on_paper_nothing_is_cut_off(opened: Opened) -> None:
    page = opened.watched.page
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 700, "height": 1000})
    cut = page.evaluate(
        "[...document.querySelectorAll('main table')].filter("
        "(t) => t.offsetParent && t.getBoundingClientRect().right > innerWidth + 1).length"
    )
    printed = page.pdf()
    page.emulate_media(media="screen")
    page.set_viewport_size(DESK)
    assert cut == 0
    assert printed.startswith(b"%PDF")


@on(UNFOLDED, ["desk"])
def test_unfolded_it_is_in_order_too(opened: Opened) -> None:
    page = opened.watched.page
    opened.watched.unfold()
    if page.locator("#x-trials").count():
        page.wait_for_selector("#x-trials svg.marks[aria-label]")
    assert opened.watched.complaints == []
    assert page.evaluate("document.documentElement.scrollWidth") <= DESK["width"]
    if opened.kind not in {*TITLED, "sixty"}:  # its thousands of cells are those of the others
        assert violations(page) == []


def test_a_stack_of_each_of_many_frameworks_has_its_row_on_the_first_screen(
    pages: dict[str, Path], watched: Watched
) -> None:
    watched.open(pages["frameworks"])
    page = watched.page
    page.set_viewport_size(DESK)
    shown = page.locator("#heroes img:visible").first
    box, alternative = shown.bounding_box(), shown.get_attribute("alt")
    assert box is not None
    assert box["y"] + box["height"] <= DESK["height"]
    assert alternative is not None
    names = [row.split("\t")[0] for row in page.locator("#t tbody tr").all_inner_texts()]
    assert len(names) == 19
    assert all(name in alternative for name in names)
    page.locator("#x-baseline").select_option("none")
    watched.settle()
    drawn = page.locator("#heroes .live svg").first
    assert set(names) <= set(drawn.locator("text").all_text_contents())
    live = drawn.bounding_box()
    assert live is not None
    assert live["height"] <= box["height"] * 1.2


def test_more_than_two_dozen_stacks_are_grouped_and_a_group_unfolds(
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

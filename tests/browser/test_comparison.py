"""The page on two runs in a browser: its first screen, without a script and without a network."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from playwright.sync_api import Browser, Page

from harness.analysis.runs import RunTrials
from harness.report.comparison.compared import ComparedRuns
from harness.report.comparison.write import write_comparison
from tests.browser.axe import violations
from tests.browser.conftest import Theme, Watched, watching
from tests.toys.compared import ENDPOINTS, compared, side

SIZES = {"desk": (1200, 800), "phone": (390, 844)}
COST = {f"framework{n}/stack": 400.0 + 20 * n for n in range(6)}
HOSTILE = "<script>document.title = 'run'</script>" + "long " * 60
RIGHT_TO_LEFT = "ספרייה/גרסה"


def planted() -> ComparedRuns:
    """One variant slower and one faster, on every endpoint."""
    changed = {"framework1/stack": 480.0, "framework2/stack": 400.0}
    after = side(
        "after-2", COST | changed, endpoints=ENDPOINTS, seed=20,
        changed=["framework1/", "framework2/"], blocks=4,
    )  # fmt: skip
    return compared(side("before-1", COST, endpoints=ENDPOINTS, blocks=4), after)


def sixty() -> ComparedRuns:
    cost = {f"framework{n // 5}/variant-{n}": 400.0 + n for n in range(60)}
    slower = {name: us * (1.2 if n % 9 == 4 else 1) for n, (name, us) in enumerate(cost.items())}
    one = side("before-1", cost, blocks=3)
    two = side("after-2", slower, blocks=3, seed=9)
    unchanged = [name for name in cost if slower[name] == cost[name]]
    return compared(one, two, named=unchanged)


def one_block() -> ComparedRuns:
    return compared(side("before-1", COST, blocks=1), side("after-2", COST, blocks=4, seed=9))


def nothing_shared() -> ComparedRuns:
    return compared(side("before-1", COST), side("after-2", {"x/a": 500.0, "y/b": 500.0}))


def hostile() -> ComparedRuns:
    cost = {"<b>a</b>/base": 500.0, RIGHT_TO_LEFT: 500.0, "c/" + "long-" * 40: 400.0}
    one, two = (
        side("before-1", cost, seed=1),
        side("after-2", cost | {RIGHT_TO_LEFT: 600.0}, seed=9, changed=["ספרייה/"]),
    )
    return compared(titled(one), titled(two, machine={"processor": HOSTILE, "processors": 2}))


def titled(of: RunTrials, **about: Any) -> RunTrials:
    study = msgspec.structs.replace(of.run.study, title=HOSTILE)
    run = msgspec.structs.replace(of.run, study=study, command=HOSTILE, **about)
    return msgspec.structs.replace(of, run=run)


MADE = {
    "planted": planted, "sixty": sixty, "one_block": one_block, "nothing": nothing_shared,
    "hostile": hostile,
}  # fmt: skip


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("comparisons")
    return {name: write_comparison(make(), folder / name) for name, make in MADE.items()}


class Shown(NamedTuple):
    """A comparison on a screen, and how large that is."""

    name: str
    watched: Watched
    width: int
    height: int


THEMES: dict[str, Theme] = {"desk": "light", "phone": "dark"}


def on_screens(names: Iterable[str]) -> pytest.MarkDecorator:
    """The test is of these comparisons on both screens, each in a theme of its own."""
    shown = [(name, size) for size in SIZES for name in names]
    return pytest.mark.parametrize("shown", shown, ids="-".join, indirect=True, scope="module")


@pytest.fixture(scope="module")
def desk_page(browser: Browser) -> Iterator[Page]:
    width, height = SIZES["desk"]
    page = browser.new_page(viewport={"width": width, "height": height})
    yield page
    page.close()


@pytest.fixture(scope="module")
def shown(
    request: pytest.FixtureRequest, pages: dict[str, Path], desk_page: Page, phone_page: Page
) -> Iterator[Shown]:
    """A page, opened once for the tests of it; the last one unfolds it."""
    name, size = request.param
    page = phone_page if size == "phone" else desk_page
    with watching(page, THEMES[size]) as watched:
        page.goto(pages[name].as_uri())
        page.evaluate("Promise.all([...document.images].map((image) => image.decode()))")
        yield Shown(name, watched, *SIZES[size])


@on_screens(MADE)
def test_every_comparison_is_shown_without_a_complaint_or_a_request(shown: Shown) -> None:
    page = shown.watched.page
    assert shown.watched.complaints == []
    assert shown.watched.requests == []
    assert page.title() != "run"
    assert page.evaluate("document.documentElement.scrollWidth") <= shown.width


@on_screens(["planted", "sixty", "one_block"])
def test_headline_picture_and_caution_are_on_the_first_screen(shown: Shown) -> None:
    page = shown.watched.page
    for selector in ["h1", "figure img", *([".caution"] if shown.name != "planted" else [])]:
        box = page.locator(selector).first.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= shown.height, selector
        assert box["x"] + box["width"] <= shown.width, selector
    drawn = page.locator("figure img").first
    assert drawn.evaluate("(image) => image.naturalWidth") > 300


@on_screens(MADE)
def test_axe_finds_no_violation(shown: Shown) -> None:
    page = shown.watched.page
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true })")
    assert violations(page) == []


def test_a_phone_gets_the_narrow_picture_at_its_own_size(
    watched: Watched, pages: dict[str, Path]
) -> None:
    widths, page = {}, watched.page
    for name, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        page.goto(pages["planted"].as_uri())
        image = page.locator("figure img").first
        image.evaluate("(image) => image.decode()")
        natural, shown = image.evaluate("(image) => [image.naturalWidth, image.clientWidth]")
        widths[name] = natural
        assert shown / natural > 0.9  # texts stay as large as they were drawn
    assert widths["phone"] < 400 < widths["desk"]


def test_what_is_folded_opens_by_its_link_and_by_keyboard(
    watched: Watched, pages: dict[str, Path]
) -> None:
    page = watched.page
    page.goto(pages["one_block"].as_uri())
    assert not page.locator("#ratio").is_visible()
    page.locator(".caution a").click()
    assert page.locator("#ratio").is_visible()
    environment = page.locator("details", has_text="Environment of both runs")
    environment.locator("summary").focus()
    page.keyboard.press("Enter")
    assert environment.locator("table").is_visible()


def test_the_page_needs_no_script(browser: Browser, pages: dict[str, Path]) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(pages["planted"].as_uri())
    assert "slower than A in 3 of 18 pairs" in page.locator("h1").inner_text()
    assert page.locator("tbody tr:not(.group)").count() >= 18
    alternative = page.locator("figure img").first.get_attribute("alt")
    assert alternative is not None
    assert "framework1/stack (A read) 1.1" in alternative
    context.close()


def test_sixty_variants_stay_short_until_they_are_unfolded(
    watched: Watched, pages: dict[str, Path]
) -> None:
    page = watched.page
    page.set_viewport_size({"width": 1200, "height": 800})
    page.goto(pages["sixty"].as_uri())
    assert page.evaluate("document.documentElement.scrollHeight") < 4_000
    assert page.locator("tbody tr:not(.group) th[scope=row]").count() >= 60


def test_hostile_and_right_to_left_names_are_text(watched: Watched, pages: dict[str, Path]) -> None:
    page = watched.page
    page.goto(pages["hostile"].as_uri())
    assert page.get_by_text("<b>a</b>").count() >= 1
    row = page.locator("tbody tr", has_text="גרסה")
    assert "slower" in row.first.inner_text()


def test_paper_has_what_was_folded(watched: Watched, pages: dict[str, Path]) -> None:
    page = watched.page
    page.set_viewport_size({"width": 794, "height": 1123})
    page.goto(pages["planted"].as_uri())
    page.emulate_media(media="print")
    assert page.get_by_text("compares the two runs again").is_visible()
    cut = page.evaluate(
        "[...document.querySelectorAll('table')].filter("
        "(t) => t.getBoundingClientRect().right > innerWidth + 1).length"
    )
    assert cut == 0
    assert page.pdf().startswith(b"%PDF")

"""The page on two runs in a browser: its first screen, without a script and without a network."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from playwright.sync_api import Browser

from harness.analysis.runs import RunTrials
from harness.report.comparison.compared import ComparedRuns
from harness.report.comparison.write import write_comparison
from tests.browser.axe import violations
from tests.browser.conftest import Watched
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


@pytest.fixture(params=[("desk", "light"), ("phone", "dark")], ids=str)
def screen(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Watched]:
    """A browser without JavaScript of its own for the page, in one size and theme."""
    size, theme = request.param
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=theme,
        is_mobile=size == "phone",
    )
    yield Watched(context.new_page())
    context.close()


def show(screen: Watched, page: Path) -> None:
    screen.page.goto(page.as_uri())
    screen.page.evaluate("Promise.all([...document.images].map((image) => image.decode()))")


@pytest.mark.parametrize("name", MADE)
def test_every_comparison_is_shown_without_a_complaint_or_a_request(
    screen: Watched, pages: dict[str, Path], name: str
) -> None:
    show(screen, pages[name])
    assert screen.complaints == []
    assert screen.requests == []
    assert screen.page.title() != "run"
    width = screen.page.viewport_size
    assert width is not None
    assert screen.page.evaluate("document.documentElement.scrollWidth") <= width["width"]


@pytest.mark.parametrize("name", ["planted", "sixty", "one_block"])
def test_headline_picture_and_caution_are_on_the_first_screen(
    screen: Watched, pages: dict[str, Path], name: str
) -> None:
    show(screen, pages[name])
    size = screen.page.viewport_size
    assert size is not None
    shown = ["h1", "figure img", *([".caution"] if name != "planted" else [])]
    for selector in shown:
        box = screen.page.locator(selector).first.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= size["height"], selector
        assert box["x"] + box["width"] <= size["width"], selector
    drawn = screen.page.locator("figure img").first
    assert drawn.evaluate("(image) => image.naturalWidth") > 300


def test_a_phone_gets_the_narrow_picture_at_its_own_size(
    browser: Browser, pages: dict[str, Path]
) -> None:
    widths = {}
    for name, (width, height) in SIZES.items():
        page = browser.new_page(viewport={"width": width, "height": height})
        page.goto(pages["planted"].as_uri())
        image = page.locator("figure img").first
        image.evaluate("(image) => image.decode()")
        natural, shown = image.evaluate("(image) => [image.naturalWidth, image.clientWidth]")
        widths[name] = natural
        assert shown / natural > 0.9  # texts stay as large as they were drawn
        page.close()
    assert widths["phone"] < 400 < widths["desk"]


@pytest.mark.parametrize("name", MADE)
def test_axe_finds_no_violation(screen: Watched, pages: dict[str, Path], name: str) -> None:
    show(screen, pages[name])
    screen.page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true })")
    assert violations(screen.page) == []


def test_what_is_folded_opens_by_its_link_and_by_keyboard(
    browser: Browser, pages: dict[str, Path]
) -> None:
    page = browser.new_page()
    page.goto(pages["one_block"].as_uri())
    assert not page.locator("#ratio").is_visible()
    page.locator(".caution a").click()
    assert page.locator("#ratio").is_visible()
    environment = page.locator("details", has_text="Environment of both runs")
    environment.locator("summary").focus()
    page.keyboard.press("Enter")
    assert environment.locator("table").is_visible()
    page.close()


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
    browser: Browser, pages: dict[str, Path]
) -> None:
    page = browser.new_page(viewport={"width": 1200, "height": 800})
    page.goto(pages["sixty"].as_uri())
    assert page.evaluate("document.documentElement.scrollHeight") < 4_000
    assert page.locator("tbody tr:not(.group) th[scope=row]").count() >= 60
    page.close()


def test_hostile_and_right_to_left_names_are_text(browser: Browser, pages: dict[str, Path]) -> None:
    page = browser.new_page()
    page.goto(pages["hostile"].as_uri())
    assert page.get_by_text("<b>a</b>").count() >= 1
    row = page.locator("tbody tr", has_text="גרסה")
    assert "slower" in row.first.inner_text()
    page.close()


def test_paper_has_what_was_folded(browser: Browser, pages: dict[str, Path]) -> None:
    page = browser.new_page(viewport={"width": 794, "height": 1123})
    page.goto(pages["planted"].as_uri())
    page.emulate_media(media="print")
    assert page.get_by_text("compares the two runs again").is_visible()
    cut = page.evaluate(
        "[...document.querySelectorAll('table')].filter("
        "(t) => t.getBoundingClientRect().right > innerWidth + 1).length"
    )
    assert cut == 0
    assert page.pdf().startswith(b"%PDF")
    page.close()

"""Debian's Chromium, driven by Playwright; pages from disk, and no network."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Error,
    Page,
    Route,
    ViewportSize,
    sync_playwright,
)

from tests.waiting import PATIENCE_S

type Theme = Literal["light", "dark"]
PHONE: ViewportSize = {"width": 390, "height": 844}
_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")

_UNFOLD = """() => Promise.all(
  [...document.querySelectorAll("details:not([open])")].map((folded) => new Promise((heard) => {
    folded.addEventListener("toggle", heard, { once: true });
    folded.open = true;
  }))
)"""
"""The page hears of each `toggle` before this does, and begins to draw."""


class Watched:
    """A page, with everything that it complained of or asked for."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.set_default_timeout(PATIENCE_S * 1e3)
        page.on("console", self._heard)
        page.on("pageerror", self._failed)
        page.route("**/*", self._route)

    def leave(self) -> None:
        """Watch it no more, and let it show nothing, as it did before."""
        self.page.goto("about:blank")
        self.page.remove_listener("console", self._heard)
        self.page.remove_listener("pageerror", self._failed)
        self.page.unroute("**/*", self._route)

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _failed(self, error: Error) -> None:
        self.complaints.append(str(error))

    def _route(self, route: Route) -> None:
        url = route.request.url
        if not url.startswith(("file:", "data:", "blob:")):
            self.requests.append(url)
            route.abort()
        else:
            route.continue_()

    def open(self, path: Path, address: str = "") -> None:
        """Load it from disk, with an end of the address, and wait until it has drawn."""
        self.page.goto("about:blank")
        self.page.goto(path.as_uri() + address)
        self.settle()

    def unfold(self) -> None:
        """Open every section, and wait until all is drawn that was folded."""
        self.page.evaluate(_UNFOLD)
        self.settle()

    def settle(self) -> None:
        """Wait until all is drawn that was asked for."""
        self.page.wait_for_function("() => document.documentElement.dataset.page === 'ready'")


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    program = next((found for name in _PROGRAMS if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip("there is no Chromium here; `apt-get install chromium` to run these")
    sandbox = [] if os.geteuid() else ["--no-sandbox"]  # Chromium's own does not work for root
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program, args=sandbox)
        yield launched
        launched.close()


@pytest.fixture(scope="package")
def usual_page(browser: Browser) -> Iterator[Page]:
    """One page for many tests: a new one takes several processes."""
    page = browser.new_page()
    yield page
    page.close()


@pytest.fixture(scope="package")
def phone_page(browser: Browser) -> Iterator[Page]:
    """One page for many tests as a phone shows it."""
    page = browser.new_page(viewport=PHONE, is_mobile=True)
    yield page
    page.close()


@pytest.fixture
def phone(phone_page: Page) -> Iterator[Watched]:
    """An empty page on a phone."""
    with watching(phone_page) as page:
        yield page


@contextmanager
def watching(page: Page, theme: Theme | None = None) -> Iterator[Watched]:
    """Watch a page within the block, in a theme of its own; afterwards it is as it was before."""
    size = page.viewport_size
    page.emulate_media(media="null", color_scheme=theme or "null")
    watched = Watched(page)
    yield watched
    watched.leave()
    if size is not None:
        page.set_viewport_size(size)
    page.emulate_media(media="null", color_scheme="null")


@pytest.fixture
def watched(usual_page: Page) -> Iterator[Watched]:
    """An empty page on a usual screen; all that a page keeps is in its address."""
    usual_page.set_viewport_size({"width": 1100, "height": 900})
    with watching(usual_page) as page:
        yield page

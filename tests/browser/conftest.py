"""Debian's Chromium, driven by Playwright; pages from disk, and no network."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, sync_playwright

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


class Watched:
    """A page, with everything that it complained of or asked for."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: self._heard(message.type, message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.route("**/*", self._route)

    def _heard(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(text)

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


@pytest.fixture
def watched(browser: Browser) -> Iterator[Watched]:
    page = browser.new_page(viewport={"width": 1100, "height": 900})
    yield Watched(page)
    page.close()

"""Accessibility of a page, as far as axe-core can tell."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

_RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"],
    "resultTypes": ["violations"],
}
"""WCAG 2.1, levels A and AA."""


def violations(page: Page) -> list[str]:
    """A line for each rule that the page violates as it is shown now, with the elements."""
    found = Axe().run(page, options=_RULES).response["violations"]
    return [
        f"{rule['id']}: {rule['help']}: {', '.join(str(node['target']) for node in rule['nodes'])}"
        for rule in found
    ]

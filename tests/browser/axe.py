"""Accessibility of a page, as far as axe-core can tell."""

import json

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

_RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"],
    "resultTypes": ["violations"],
}
"""WCAG 2.1, levels A and AA."""
CONTRAST = {"runOnly": ["color-contrast"], "resultTypes": ["violations"]}
"""Of these, the one that a theme may violate."""


def violations(page: Page, rules: dict[str, list[str]] = _RULES) -> list[str]:
    """A line for each rule that the page violates as it is shown now, with the elements."""
    page.evaluate(Axe().axe_script)
    found = page.evaluate(f"axe.run({json.dumps(rules)}).then((found) => found.violations)")
    return [
        f"{rule['id']}: {rule['help']}: {', '.join(str(node['target']) for node in rule['nodes'])}"
        for rule in found
    ]

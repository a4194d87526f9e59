"""Accessibility of a page, as far as axe-core can tell."""

from functools import cache

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

_RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"],
    "resultTypes": ["violations"],
}
"""WCAG 2.1, levels A and AA."""
CONTRAST = {"runOnly": ["color-contrast"], "resultTypes": ["violations"]}
"""Of these, the one that a theme may violate."""
_CHECK = """async (rules) => {
  const controls = "input, select, textarea, button, a", signatures = new Map();
  const signature = (node) => {
    if (!signatures.has(node)) {
      const own = [node.tagName, node.getAttribute("class"), node.getAttribute("style"),
        node.getAttribute("fill"), node.textContent.trim() !== "", ...node.getAttributeNames()];
      signatures.set(node, JSON.stringify([own, [...node.children].map(signature)]));
    }
    return signatures.get(node);
  };
  const seen = new Map(), alike = [];
  for (const node of document.querySelectorAll("tr, li, svg.marks g, svg.marks text")) {
    if (!node.checkVisibility() || node.querySelector(controls)) continue;
    const siblings = seen.get(node.parentNode) ?? new Set();
    if (siblings.has(signature(node))) alike.push([node, node.getAttribute("style")]);
    seen.set(node.parentNode, siblings.add(signature(node)));
  }
  for (const [node] of alike) node.style.setProperty("display", "none", "important");
  const found = await axe.run(rules);
  for (const [node, style] of alike) {
    if (style === null) node.removeAttribute("style"); else node.setAttribute("style", style);
  }
  return found.violations;
}"""
"""Meanwhile it hides each row, item and part of a chart that has an earlier sibling of the same
elements, classes, styles and attributes. Their colours are equal, which axe takes long to find."""


@cache
def _script() -> str:
    text: str = Axe().axe_script
    return text


def violations(page: Page, rules: dict[str, list[str]] = _RULES) -> list[str]:
    """A line for each rule that the page violates as it is shown now, with the elements.

    Of rows that are alike, axe sees the first.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(_script())
    return [
        f"{rule['id']}: {rule['help']}: {', '.join(str(node['target']) for node in rule['nodes'])}"
        for rule in page.evaluate(_CHECK, rules)
    ]

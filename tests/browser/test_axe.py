"""The check of accessibility finds what it is there to find."""

from tests.browser.axe import violations
from tests.browser.conftest import Watched

_PAGE = (
    '<!doctype html><html lang="en"><head><title>x</title></head><body><main><h1>x</h1>{}</main>'
)


def test_a_page_in_order_violates_nothing(watched: Watched) -> None:
    watched.page.set_content(_PAGE.format("<label>Name <input></label>"))
    assert violations(watched.page) == []


def test_a_control_without_a_name_and_pale_text_are_named(watched: Watched) -> None:
    pale = '<p style="color: #bbb; background: #fff">pale</p>'
    watched.page.set_content(_PAGE.format(f"<select></select>{pale}"))
    found = " ".join(violations(watched.page))
    assert "select-name" in found
    assert "color-contrast" in found

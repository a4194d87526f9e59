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


def test_a_row_unlike_those_before_it_is_checked(watched: Watched) -> None:
    rows = '<tr><td>one</td></tr><tr><td>two</td></tr><tr><td class="x">pale</td></tr>'
    style = "<style>td { color: #000 } .x { color: #ccc }</style>"
    watched.page.set_content(_PAGE.format(f"{style}<table>{rows}</table>"))
    before = watched.page.content()
    assert len(violations(watched.page)) == 1
    assert watched.page.content() == before


def test_controls_are_checked_however_many_are_alike(watched: Watched) -> None:
    items = '<li><label for="a">A</label><input id="a"></li><li><label>B</label><input id="b"></li>'
    watched.page.set_content(_PAGE.format(f"<ul>{items}<li><input id='c'></li></ul>"))
    found = violations(watched.page)
    assert len(found) == 1
    assert "#b" in found[0]
    assert "#c" in found[0]

"""The report's files as texts, from templates; everything that comes from elsewhere is escaped."""

import re
from pathlib import Path
from typing import Any

import jinja2
import markupsafe

from harness.report.charts.specs import specifications
from harness.report.script import embedded, explorer_script, policy, vega

_MARKDOWN = (
    ("\\", "\\\\"), ("&", "&amp;"), ("<", "&lt;"), ("|", "\\|"), ("`", "'"), ("[", "\\["),
    ("]", "\\]"), ("~", "\\~"), ("#", "\\#"), ("://", ":&#8203;//"), ("www.", "www&#8203;."),
    ("\r", " "), ("\n", " "), ("*", "\\*"), ("$", "&#36;"), ("@", "&#64;"),
)  # fmt: skip
"""Backslashes first. What is text must not become a link, a fence, a heading or another cell; nor
emphasis, a formula or an address."""
_EMPHASIS = re.compile(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
"""Underscores within a word are nothing to Markdown."""
_BEGINS_BLOCK = re.compile(r"^(\s*)([-+>=]|\d+[.)](?=\s|$))")
"""At the beginning of a line: a list, a quotation, a rule."""
_TEMPLATES = Path(__file__).with_name("templates")


def html(values: dict[str, Any], explored: dict[str, Any] | None, cache: Path) -> str:
    """The page: one file, nothing loaded from anywhere.

    Args:
        values: what `view` laid out.
        explored: the explorer's data; None for a page without.
        cache: where the charts' library is kept.
    """
    scripts = [] if explored is None else [vega(cache), explorer_script()]
    return (
        environment(_TEMPLATES, escape=True)
        .get_template("page.html")
        .render(
            values,
            policy=markupsafe.Markup(policy(scripts)),
            scripts=[markupsafe.Markup(script) for script in scripts],
            explored=None if explored is None else embedded(explored),
            specifications=embedded(specifications()) if explored else None,
        )
    )


def markdown(values: dict[str, Any]) -> str:
    """The same in Markdown."""
    return environment(_TEMPLATES, escape=False).get_template("report.md").render(values)


def environment(templates: Path, *, escape: bool) -> jinja2.Environment:
    """Pages escape as HTML; in Markdown every value becomes text that is nothing else.

    There a code span's text goes through the filter `code`.
    """
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates),
        autoescape=escape,
        finalize=None if escape else _markdown_text,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters["code"] = _code
    return made


def _markdown_text(value: object) -> str:
    """Text that can neither end a table's cell nor become a link, an image or HTML."""
    if isinstance(value, _Verbatim):
        return value
    text = str(value)
    for character, replacement in _MARKDOWN:
        text = text.replace(character, replacement)
    text = _EMPHASIS.sub(r"\\_", text)
    return _BEGINS_BLOCK.sub(_escaped, text)


def _escaped(begin: re.Match[str]) -> str:
    space, mark = begin.groups()
    return f"{space}{mark[:-1]}\\{mark[-1]}"


class _Verbatim(str):
    """Text of a code span, in which nothing means anything but what would end it."""

    __slots__ = ()


def _code(value: object) -> str:
    return _Verbatim(" ".join(str(value).replace("`", "'").split()))

"""The report's page and Markdown, from templates that escape every value."""

import hashlib
import re
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jinja2
import markupsafe

from harness.base.errors import UsageError
from harness.base.workspace import cache_folder
from harness.report import policy
from harness.report.compiled import CompiledTemplates
from harness.report.script import packed, page_charts, page_script, vega

_MARKDOWN = (
    ("\\", "\\\\"), ("&", "&amp;"), ("<", "&lt;"), ("|", "\\|"), ("`", "'"), ("[", "\\["),
    ("]", "\\]"), ("~", "\\~"), ("#", "\\#"), ("://", ":&#8203;//"), ("www.", "www&#8203;."),
    ("\r", " "), ("\n", " "), ("*", "\\*"), ("$", "&#36;"), ("@", "&#64;"),
)  # fmt: skip
"""Backslashes first. Text must not become a link, a fence, a heading, a table's cell, emphasis, a
formula or an address."""
_EMPHASIS = re.compile(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
"""Markdown ignores underscores within a word."""
_BEGINS_BLOCK = re.compile(r"^(\s*)([-+>=]|\d+[.)](?=\s|$))")
"""Marks that begin a list, a quotation or a rule at the start of a line."""
_TEMPLATES = Path(__file__).with_name("templates")
BASE_STYLE = _TEMPLATES / "base.css"
"""Rules that the page of a run shares with the page on two runs."""


def html(values: dict[str, Any], explored: dict[str, Any] | None, cache: Path) -> str:
    """The page: one file that makes no request.

    Args:
        values: see `view.template_values`.
        explored: see `data.explorer.explorer_data`; None without any estimate.
        cache: keeps the library that draws the page's charts.
    """
    script, library = page_script(), None if explored is None else vega(cache)
    allowed = [script] if library is None else [script, library]
    return (
        environment(_TEMPLATES, escape=True)
        .get_template("page.html")
        .render(
            values,
            policy=markupsafe.Markup(policy.of_scripts(allowed)),
            script=markupsafe.Markup(script),
            library=None if library is None else markupsafe.Markup(packed(library)),
            explored=explored,
            page_charts=None if explored is None else page_charts(values["run"]),
        )
    )


def markdown(values: dict[str, Any]) -> str:
    """The report as Markdown."""
    return environment(_TEMPLATES, escape=False).get_template("report.md").render(values)


@cache
def environment(templates: Path, *, escape: bool) -> jinja2.Environment:
    """Templates of pages, or of Markdown.

    In pages values are escaped as HTML, and `tojson` makes JSON for script elements: compact, in
    the given order, and an error for a value that JSON does not have. In Markdown values become
    plain text; the text of a code span goes through the filter `code`. Templates elsewhere may
    include those of the report.
    """
    jinja = jinja2.Environment(
        loader=jinja2.FileSystemLoader([templates, _TEMPLATES]),
        autoescape=escape,
        finalize=None if escape else _markdown_text,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        bytecode_cache=_compiled(escape=escape),
    )
    jinja.filters["code"] = _code
    jinja.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    return jinja


def _compiled(*, escape: bool) -> CompiledTemplates | None:
    """Templates as this module compiles them; None where there is no cache."""
    own = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    try:
        folder = cache_folder() / "page"
    except UsageError:
        return None
    return CompiledTemplates(folder, (version("jinja2"), own, str(escape)))


def _markdown_text(value: object) -> str:
    """Plain text: it cannot end a table's cell or become a link, an image or HTML."""
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
    """Text of a code span, where only a backtick and a line's end have a meaning."""

    __slots__ = ()


def _code(value: object) -> str:
    return _Verbatim(" ".join(str(value).replace("`", "'").split()))

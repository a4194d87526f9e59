"""A receipt as one offline page without a script, from a template that escapes every value."""

import markupsafe

from harness.analysis.receipt.receipt import Receipt
from harness.report import policy
from harness.report.receipt.time_line import time_line_picture
from harness.report.receipt.view import TEMPLATES, receipt_values
from harness.report.render import BASE_STYLE, environment

_KEY = (
    ("own", "your project"), ("cycle", "the framework, for every request"), ("wait", "waits"),
    ("statement", "statement to the database"),
)  # fmt: skip
"""Tones of the pictures and what they stand for."""
_LOOP, _THREAD = ("event loop", "loop"), ("the request's thread", "thread")
"""The first lane's name, on a desk and on a phone."""


def receipt_page(receipt: Receipt) -> str:
    """One file that makes no request, with a picture of one request to each URL."""
    styles = (BASE_STYLE, TEMPLATES / "page.css")
    style = "".join(path.read_text(encoding="utf-8") for path in styles)
    long, short = _THREAD if receipt.served.protocol == "wsgi" else _LOOP
    pictures = [
        None
        if (line := url.time_line) is None or not line.spans
        else {
            "wide": time_line_picture(line, long),
            "narrow": time_line_picture(line, short, narrow=True),
        }
        for url in receipt.urls
    ]
    return (
        environment(TEMPLATES, escape=True)
        .get_template("page.html")
        .render(
            receipt_values(receipt),
            policy=markupsafe.Markup(policy.of_style(style, pictures=False)),
            style=markupsafe.Markup(style),
            pictures=pictures,
            key=_KEY,
        )
    )

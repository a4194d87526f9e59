"""A receipt as Markdown: a short table for each URL, and the details folded."""

from harness.analysis.receipt.receipt import Receipt
from harness.report.receipt.view import TEMPLATES, receipt_values
from harness.report.render import environment


def receipt_markdown(receipt: Receipt) -> str:
    """The receipt for a pull request, as GitHub and GitLab render it."""
    template = environment(TEMPLATES, escape=False).get_template("receipt.md")
    return template.render(receipt_values(receipt))

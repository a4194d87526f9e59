"""The receipt in a pull request."""

import re

from harness.analysis.receipt.receipt import Cause, CauseKind
from harness.records.observation import Amount
from harness.report.receipt.markdown import receipt_markdown
from tests.toys.receipts import ROOT, WSGI, against, item, receipt, recommended, url_receipt


def rows(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_each_url_has_a_table_and_the_rest_is_folded() -> None:
    text = receipt_markdown(receipt(url_receipt(), url_receipt(ROOT)))
    shown, folded = text.split("<details>")
    assert shown.count("\n## ") == 2
    assert "GET /api/posts/ · headers Authorization" in folded
    assert "round trips of SQLite" in folded
    assert folded.rstrip().endswith("</details>")


def test_every_row_of_a_table_has_as_many_cells_as_its_head() -> None:
    for of, cells in (
        (receipt(url_receipt(against=against(0.4)), other=WSGI), 4),
        (receipt(url_receipt(priced=False), prices=None), 2),
    ):
        assert {len(row) for row in rows(receipt_markdown(of))} == {cells}


def test_figures_stand_in_their_columns() -> None:
    found = rows(receipt_markdown(receipt()))
    assert ["hop: `Post.objects.acount` blog/views.py:31", "1", "46 ±5", "46 ±5"] in found
    assert ["**Tolls**", "", "", "**4,170 ±99**"] in found


def test_what_to_change_is_a_list() -> None:
    text = receipt_markdown(receipt(recommendations=(recommended(), recommended("x", None))))
    assert "\n1. Put a sync-only middleware last" in text
    assert "\n2. Put" in text
    assert "**Up to 506 ±51 µs per request.**" in text


def test_names_stay_text() -> None:
    hostile = Cause(CauseKind.CALL, "a`|b", "<script>|x.py", 1)
    text = receipt_markdown(receipt(url_receipt(items=(item(Amount.HOPS, hostile, 1, 46),))))
    assert "<script>" not in text
    assert {len(row) for row in rows(text)} == {4}

from pathlib import Path
from typing import Any

import pytest

from harness.analysis.analyse import analyse
from harness.report.answer.heroes import heroes
from harness.report.drawing.figures import Figures
from harness.report.render import html, markdown
from harness.report.sections.causes import causes_values, cost_sheet
from harness.report.view import template_values
from tests.toys.ladder import BRIDGE, NO_POOL, STOCK, ladder_run, ladder_study, ladder_trials
from tests.toys.runs import make_run

pytestmark = pytest.mark.usefixtures("undrawn_unless_asked")
RUN = ladder_run(ladder_study(blocks=3))
ANALYSIS = analyse(RUN, ladder_trials(RUN, noise=0.01))


def test_each_condition_has_its_sentences_charts_and_contrasts() -> None:
    shown = causes_values(RUN, ANALYSIS.causes, Figures())
    (read,) = [c for c in shown["conditions"].values() if c["title"].startswith("io_read")]
    assert "the server CPU of lean/raw" in read["sentences"][0]
    assert len(read["charts"]) == 3
    assert read["declared"][0]["title"] == BRIDGE.title
    assert read["declared"][0]["bundle"]
    assert all(not row["bundle"] for row in read["derived"])


def test_the_cost_sheet_has_a_row_per_variant_and_endpoint() -> None:
    sheet = cost_sheet(RUN.audits)
    rows = {(row["variant"], row["endpoint"]): row["values"] for row in sheet["rows"]}
    columns = sheet["columns"]
    assert dict(zip(columns, rows[NO_POOL, "io_read"], strict=True))["connects"] == "1"
    assert dict(zip(columns, rows[STOCK, "noop"], strict=True))["hops"] == "2"


def page(values: dict[str, Any]) -> str:
    """Without the explorer."""
    return html(values, None, Path())


@pytest.mark.parametrize("render", [page, markdown])
def test_page_and_markdown_tell_the_same(render: object) -> None:
    assert callable(render)
    figures = Figures()
    values = template_values(RUN, ANALYSIS, [], figures, heroes(RUN, ANALYSIS, figures))
    figures.finish()
    text = render(values)
    for wanted in (
        "all of the bridge",
        "thread started",
        "hreads",
        "not identified without",
    ):
        assert wanted in text


def test_a_run_without_causes_has_no_empty_sections() -> None:
    run = make_run()
    text = page(template_values(run, analyse(run, []), [], Figures(), []))
    for unwanted in ("Price list", "Counts per request", "Two predictions", "Declared contrasts"):
        assert unwanted not in text

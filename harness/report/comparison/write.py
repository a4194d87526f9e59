"""The folder of a page on two runs: the page, its pictures, and the same as data."""

from pathlib import Path
from typing import Any

import msgspec

from harness.report.answer.hero import Hero
from harness.report.charts.forest import ForestRow, forest_alternative, forest_chart
from harness.report.comparison.compared import ComparedRuns
from harness.report.comparison.hero import foremost, forest_axis, forest_rows
from harness.report.comparison.page import comparison_page
from harness.report.drawing.figures import Figures
from harness.report.folder import Owner, ReportFolder, owned_folder
from harness.report.words.comparison import count_pairs

OWNER = Owner("bridgetoll compare", ".bridgetoll-comparison")
_DESK, _PHONE = 24, 8
"""Rows of the first picture: so many fit on a first screen."""


def write_comparison(compared: ComparedRuns, target: Path) -> Path:
    """Write the page; returns its path.

    Args:
        compared: the runs.
        target: created if missing.

    Raises:
        UsageError: the folder is a run's, or holds files of something else.
        StoreFailed: it cannot be written.
        DrawingFailed: a picture cannot be drawn.
    """
    folder = ReportFolder(owned_folder(target, OWNER))
    with Figures() as figures:
        hero, every = _pictures(compared, figures)
        figures.finish()
    names = [
        folder.write(f"figures/{figure.stem}.{kind}", body).name
        for figure in figures.all
        for kind, body in (("svg", figure.svg), ("png", figure.png))
    ]
    folder.drop_others("figures", names)
    folder.write("comparison.json", json_text(compared.data))
    return folder.write("index.html", comparison_page(compared, hero, every))


def json_text(data: dict[str, Any]) -> str:
    """Data as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(data), indent=2).decode() + "\n"


def _pictures(
    compared: ComparedRuns, figures: Figures
) -> tuple[Hero | None, dict[str, Any] | None]:
    """The first picture, with its narrow form; and one of all pairs, if the first has not all."""
    comparison = compared.comparison
    rows = forest_rows(comparison)
    if not rows:
        return None, None
    pictures = [
        _add("forest", compared, forest_rows(comparison, foremost(comparison, _DESK)), figures),
        _add(
            "forest-phone", compared, forest_rows(comparison, foremost(comparison, _PHONE)),
            figures, phone=True,
        ),
    ]  # fmt: skip
    every = None
    if len(rows) > _DESK:
        every = _add("forest-every-pair", compared, rows, figures)
    return Hero(figure=pictures[0], narrow=pictures[1]), every


def _add(
    stem: str,
    compared: ComparedRuns,
    rows: list[ForestRow],
    figures: Figures,
    *,
    phone: bool = False,
) -> dict[str, Any]:
    axis, total = forest_axis(compared.comparison), len(compared.comparison.pairs)
    if len(rows) == total:
        known = any(row.low is not None for row in rows)
        title = f"{axis.title}, {'with 95 % intervals' if known else 'without intervals'}"
    else:
        title = f"{axis.title}: the {len(rows)} of {count_pairs(total)} furthest from 1"
    chart = forest_chart(rows, axis, phone=phone)
    return figures.add(stem, title, chart, forest_alternative(rows, axis), wide=True)

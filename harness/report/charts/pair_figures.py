"""Every pair as files: for articles, and for Markdown, which runs no script."""

from collections.abc import Mapping
from typing import Any

from harness.report.charts.pairs import alternative, pair_chart
from harness.report.drawing.figures import Figures


def pair_figures(
    explored: Mapping[str, Any] | None, figures: Figures
) -> dict[str, list[dict[str, Any]]]:
    """A chart of every pair for each condition and measure that it ranks by.

    Args:
        explored: what the page's explorer is given; None where there is nothing to show.
        figures: where the charts are kept.

    Returns:
        By the name of the condition, what the templates show of each.
    """
    if explored is None:
        return {}
    return {
        condition["name"]: _pairs(condition, explored, figures)
        for condition in explored["conditions"]
    }


def _pairs(
    condition: Mapping[str, Any], explored: Mapping[str, Any], figures: Figures
) -> list[dict[str, Any]]:
    made = []
    for measure in condition["ranked"]:
        found = condition["measures"].get(measure)
        if found is None or len(found["entries"]) < 2:
            continue
        heading = explored["measures"][measure]["heading"]
        made.append(
            figures.add(
                f"{condition['name']}-pairs-{measure}",
                f"Every pair by {heading}",
                pair_chart(found, heading),
                alternative(found, heading),
            )
        )
    return made

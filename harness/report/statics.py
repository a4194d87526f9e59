"""The explorer's charts as files: for articles, and for Markdown, which runs no script."""

from collections.abc import Callable, Mapping
from typing import Any

from harness.report import words
from harness.report.figures import Figures
from harness.report.pair_chart import alternative, pair_chart
from harness.report.specs import filled, specifications

_WIDTH = 640
type _Rows = list[dict[str, Any]]


def statics(
    explored: Mapping[str, Any] | None, figures: Figures
) -> dict[str, list[dict[str, Any]]]:
    """Four charts of every condition: its pairs, trials, latencies and processors.

    Args:
        explored: what the page's explorer is given; None where there is nothing to show.
        figures: where the charts are kept.

    Returns:
        By the name of the condition, what the templates show of each.
    """
    if explored is None:
        return {}
    templates = specifications()
    return {
        condition["name"]: [
            *_pairs(condition, explored, figures),
            *_plots(condition, explored, templates, figures),
        ]
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


def _plots(
    condition: Mapping[str, Any],
    explored: Mapping[str, Any],
    templates: Mapping[str, dict[str, Any]],
    figures: Figures,
) -> list[dict[str, Any]]:
    offered = condition["measures"]
    measure = next((m for m in condition["ranked"] if m in offered), next(iter(offered)))
    heading = explored["measures"][measure]["heading"]
    made = []
    for name, title, rows in (
        ("trials", f"Every trial by {heading}", _trials(condition, explored, measure)),
        ("latencies", "Latency by percentile, all blocks pooled", _latencies(condition)),
        ("resources", "Who used the processors", _resources(condition)),
    ):
        if not rows:
            continue
        spec = filled(templates[name], {"rows": rows}, explored, heading, _WIDTH)
        told = _SAID[name](condition)
        made.append(figures.add(f"{condition['name']}-{name}", title, spec, told))
    return made


def _trials(condition: Mapping[str, Any], explored: Mapping[str, Any], measure: str) -> _Rows:
    return [
        {
            "variant": _twin(trial["entry"], explored),
            "block": trial["block"],
            "attempt": trial["attempt"],
            "value": trial["values"][measure],
            "standing": trial["standing"],
        }
        for trial in condition["trials"]
        if measure in trial["values"]
    ]


def _twin(entry: str, explored: Mapping[str, Any]) -> str:
    """The hidden duplicate has the colour of the baseline."""
    return str(explored["baseline"] if entry == explored["duplicate"] else entry)


def _latencies(condition: Mapping[str, Any]) -> _Rows:
    return [
        {"variant": name, "percentile": at, "value": ms, "inverse": 1 / (1 - at / 100)}
        for name, found in condition["latencies"].items()
        for at, ms in found
    ]


def _resources(condition: Mapping[str, Any]) -> _Rows:
    return [
        {
            "variant": name,
            "role": role,
            "value": value,
            "at": at,
            "limit": condition["limits"][name],
        }
        for name, used in condition["shares"].items()
        for at, (role, value) in enumerate((used or {}).items())
        if value
    ]


def _trials_said(condition: Mapping[str, Any]) -> str:
    standings = [trial["standing"] for trial in condition["trials"]]
    told = [f"{standings.count(each)} {each}" for each in dict.fromkeys(standings)]
    return f"{len(standings)} trials: {'; '.join(told)}."


def _latencies_said(condition: Mapping[str, Any]) -> str:
    told = [
        f"{name} {words.number(ms)} ms"
        for name, found in condition["latencies"].items()
        for p, ms in found
        if p == 99 and ms is not None
    ]
    return (
        f"99th percentile of all blocks pooled: {', '.join(told) or 'not known'}. "
        "The table has the mean over blocks."
    )


def _resources_said(condition: Mapping[str, Any]) -> str:
    told = [
        f"{name}: {_used(condition['shares'][name])}limited by {limit}"
        for name, limit in condition["limits"].items()
    ]
    return f"Processors used: {'; '.join(told)}."


def _used(shares: Mapping[str, float | None] | None) -> str:
    known = [(role, value) for role, value in (shares or {}).items() if value]
    return "".join(f"{role} {value:.2g}, " for role, value in known)


_SAID: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "trials": _trials_said,
    "latencies": _latencies_said,
    "resources": _resources_said,
}

"""Single trials as files: each trial, latencies by percentile, and who used the processors."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness.analysis.measures import Measure, ranked
from harness.inputs.study import Condition
from harness.records.plan import DUPLICATE
from harness.records.run import Run
from harness.report.charts.intervals import colours, dashes
from harness.report.charts.specs import filled, specifications
from harness.report.data.seen import MEASURES
from harness.report.drawing.figures import Figures
from harness.report.words import numbers

_WIDTH = 640
type _Rows = list[dict[str, Any]]


def plots(
    run: Run, shown: Mapping[Condition, Mapping[str, Any]], figures: Figures
) -> dict[str, list[dict[str, Any]]]:
    """Three charts of every condition.

    Args:
        run: what was measured.
        shown: what single trials show, by condition.
        figures: where the charts are kept.

    Returns:
        By the name of the condition, what the templates show of each.
    """
    return {
        condition.name: _plots(run, condition, found, figures) for condition, found in shown.items()
    }


def _plots(
    run: Run, condition: Condition, found: Mapping[str, Any], figures: Figures
) -> list[dict[str, Any]]:
    order, templates = run.measured, specifications()
    palette = {"colours": colours(order), "dashes": dashes(order)}
    measure = _measure(condition, found["trials"])
    made = []
    for name, title, rows in (
        ("trials", f"Every trial by {measure.heading}", _trials(run, found["trials"], measure)),
        ("latencies", "Latency by percentile, all blocks pooled", _latencies(found)),
        ("resources", "Who used the processors", _resources(found)),
    ):
        if not rows:
            continue
        spec = filled(templates[name], {"rows": rows}, palette, measure.heading, _WIDTH)
        told = _SAID[name](found)
        made.append(figures.add(f"{condition.name}-{name}", title, spec, told))
    return made


def _measure(condition: Condition, trials: Sequence[Mapping[str, Any]]) -> Measure:
    """The first by which there is something to rank, or anything to see."""
    candidates = (*ranked(condition), *MEASURES)
    known = (m for m in candidates if any(m.value in trial["values"] for trial in trials))
    return next(known, candidates[0])


def _trials(run: Run, trials: Sequence[Mapping[str, Any]], measure: Measure) -> _Rows:
    return [
        {
            "variant": _twin(run, trial["entry"]),
            "block": trial["block"],
            "attempt": trial["attempt"],
            "value": trial["values"][measure.value],
            "standing": trial["standing"],
        }
        for trial in trials
        if measure.value in trial["values"]
    ]


def _twin(run: Run, entry: str) -> str:
    """The hidden duplicate has the colour of the baseline."""
    return run.study.baseline if entry == run.study.baseline + DUPLICATE else entry


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
        f"{name} {numbers.number(ms)} ms"
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

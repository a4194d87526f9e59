"""What the page's explorer is given: every estimate, pair and trial of a run, as plain JSON.

Numbers are rounded to what a reader can use; the exact ones stand in `summary.json`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from harness.analysis.analyse import Analysis, ConditionResult
from harness.analysis.condition import Piece
from harness.analysis.labels.trials import Standing
from harness.analysis.measures import Measure, ranked
from harness.analysis.stats.pairs import Floats, pairs
from harness.analysis.stats.ties import letters
from harness.analysis.variants import Comparison
from harness.inputs.study import Condition
from harness.records.run import Run
from harness.report.charts.intervals import colours, dashes
from harness.report.data.seen import MEASURES, rounded
from harness.report.words import conditions

_NO_COMPARISON = "under this load it does not compare variants"


def explorer(
    run: Run,
    analysis: Analysis,
    pieces: Sequence[Piece],
    shown: Mapping[Condition, dict[str, Any]],
) -> dict[str, Any] | None:
    """Everything that the page's script shows; None where nothing can be explored.

    Args:
        run, analysis: what was measured, and what came of it.
        pieces: the attempts that count.
        shown: what single trials show, by condition; see `seen`.
    """
    told = (c.estimates for r in analysis.conditions for c in r.comparisons.values())
    if not any(told):
        return None
    order = run.measured
    by_condition = {piece.condition: piece for piece in pieces}
    return {
        "baseline": analysis.baseline,
        "duplicate": analysis.duplicate,
        "titles": {name: run.variants[name].title for name in order},
        "colours": colours(order),
        "dashes": dashes(order),
        "measures": {m.value: _measure(m) for m in MEASURES},
        "standings": [standing.value for standing in Standing],
        "conditions": [
            _condition(result, by_condition[result.condition], order) | shown[result.condition]
            for result in analysis.conditions
            if any(result.comparisons[m].estimates for m in MEASURES)
        ],
    }


def _measure(measure: Measure) -> dict[str, Any]:
    return {"heading": measure.heading, "lower": measure.lower_is_better}


def _condition(result: ConditionResult, piece: Piece, order: Sequence[str]) -> dict[str, Any]:
    condition = result.condition
    present = [name for name in order if name in result.trials]
    offered = [m for m in MEASURES if result.comparisons[m].estimates]
    return {
        "name": condition.name,
        "endpoint": condition.endpoint,
        "load": conditions.condition_title(condition).removeprefix(f"{condition.endpoint}, "),
        "ranked": [m.value for m in ranked(condition)],
        "entries": present,
        "measures": {
            m.value: _comparison(result.comparisons[m], piece, m, present) for m in offered
        },
    }


def _comparison(
    comparison: Comparison, piece: Piece, measure: Measure, present: Sequence[str]
) -> dict[str, Any]:
    compares = measure in ranked(piece.condition)
    entries = [name for name in present if name in comparison.estimates]
    found = pairs(piece.means(measure), entries)
    return {
        "entries": entries,
        "estimates": [_interval(comparison, name) for name in entries],
        "points": [
            {str(b): rounded(v) for b, v in comparison.points.get(name, {}).items()}
            for name in entries
        ],
        "letters": [letters(comparison.groups, name) for name in entries],
        "groups": [
            [at for at, group in enumerate(comparison.groups) if name in group] for name in entries
        ],
        "ranking": list(comparison.ranking),
        "unsaid": comparison.unsaid or (None if compares else _NO_COMPARISON),
        "floor": rounded(comparison.noise_floor),
        "ratio": _matrix(found.mean),
        "low": _matrix(found.low),
        "high": _matrix(found.high),
    }


def _interval(comparison: Comparison, name: str) -> list[float | None]:
    estimate = comparison.estimates[name]
    return [rounded(estimate.mean), rounded(estimate.low), rounded(estimate.high)]


def _matrix(values: Floats) -> list[list[float | None]]:
    return [[rounded(float(value)) for value in row] for row in values]

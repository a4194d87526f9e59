"""What the page's explorer is given: every estimate, pair and trial of a run, as plain JSON.

Numbers are rounded to what a reader can use; the exact ones stand in `summary.json`.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from harness.analysis.histogram import quantiles_ms
from harness.analysis.labelled import LabelledTrial, Standing
from harness.analysis.measures import Measure, answered_share, ranked, trial_value
from harness.analysis.pairs import Floats, pairs
from harness.analysis.pieces import Piece
from harness.analysis.ratios import Comparison
from harness.analysis.results import Analysis, ConditionResult
from harness.analysis.shares import shares
from harness.analysis.ties import letters
from harness.records import Run
from harness.report import words
from harness.report.charts import colours, dashes
from harness.trial_files import trial_file

MEASURES = (
    Measure.CPU, Measure.THROUGHPUT, Measure.P99, Measure.MEMORY, Measure.SUSTAINED, Measure.SECOND,
)  # fmt: skip
"""Those that the explorer offers, where a condition has them."""
_DIGITS = 4
_NO_COMPARISON = "under this load it does not compare variants"
_SUPERSEDED = "another attempt counts in its place"


def explorer(
    run: Run, analysis: Analysis, pieces: Sequence[Piece], trials: Sequence[LabelledTrial]
) -> dict[str, Any] | None:
    """Everything that the page's script shows; None where nothing can be explored.

    Args:
        run, analysis: what was measured, and what came of it.
        pieces: the attempts that count.
        trials: all of them, labelled.
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
            _condition(
                run,
                result,
                by_condition[result.condition],
                order,
                [each for each in trials if each.trial.condition == result.condition],
            )
            for result in analysis.conditions
            if any(result.comparisons[m].estimates for m in MEASURES)
        ],
    }


def _measure(measure: Measure) -> dict[str, Any]:
    return {"heading": measure.heading, "lower": measure.lower_is_better}


def _condition(
    run: Run,
    result: ConditionResult,
    piece: Piece,
    order: Sequence[str],
    trials: Sequence[LabelledTrial],
) -> dict[str, Any]:
    condition = result.condition
    present = [name for name in order if name in result.trials]
    offered = [m for m in MEASURES if result.comparisons[m].estimates]
    return {
        "name": condition.name,
        "endpoint": condition.endpoint,
        "load": words.condition_title(condition).removeprefix(f"{condition.endpoint}, "),
        "ranked": [m.value for m in ranked(condition)],
        "entries": present,
        "measures": {
            m.value: _comparison(result.comparisons[m], piece, m, present) for m in offered
        },
        "trials": [_trial(each) for each in trials],
        "shares": {name: _shares(run, piece, name) for name in present},
        "limits": {
            name: ", ".join(f.label for f in result.limits(name)) or words.NO_LIMIT
            for name in present
        },
        "latencies": {name: _latencies(piece, name) for name in present},
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
            {str(b): _rounded(v) for b, v in comparison.points.get(name, {}).items()}
            for name in entries
        ],
        "letters": [letters(comparison.groups, name) for name in entries],
        "groups": [
            [at for at, group in enumerate(comparison.groups) if name in group] for name in entries
        ],
        "ranking": list(comparison.ranking),
        "unsaid": comparison.unsaid or (None if compares else _NO_COMPARISON),
        "floor": _rounded(comparison.noise_floor),
        "ratio": _matrix(found.mean),
        "low": _matrix(found.low),
        "high": _matrix(found.high),
    }


def _interval(comparison: Comparison, name: str) -> list[float | None]:
    estimate = comparison.estimates[name]
    return [_rounded(estimate.mean), _rounded(estimate.low), _rounded(estimate.high)]


def _matrix(values: Floats) -> list[list[float | None]]:
    return [[_rounded(float(value)) for value in row] for row in values]


def _rounded(value: float | None) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{_DIGITS}g}")


def _trial(each: LabelledTrial) -> dict[str, Any]:
    """One dot: where it stands by each measure, what became of it, and why."""
    trial = each.trial
    values = {m.value: _rounded(trial_value(m, trial)) for m in MEASURES}
    wrong = [f"{f.label}: {f.detail}" for f in each.disturbances]
    return {
        "entry": trial.entry,
        "block": trial.block,
        "attempt": trial.attempt,
        "file": trial_file(trial),
        "values": {name: value for name, value in values.items() if value is not None},
        "standing": each.standing.value,
        "labels": wrong if each.counted else [_SUPERSEDED, *wrong],
    }


def _shares(run: Run, piece: Piece, name: str) -> dict[str, float | None] | None:
    """Cores used by each role, as a mean over the trials."""
    cores = len(run.cores.all)
    used = [s for t in piece.good(name).values() if (s := shares(t, cores)) is not None]
    if not used:
        return None
    known = [s.database for s in used if s.database is not None]
    return {
        "server": _rounded(float(np.mean([s.server for s in used]))),
        "PostgreSQL": _rounded(float(np.mean(known))) if known else None,
        "generator": _rounded(float(np.mean([s.generator for s in used]))),
        "relay": _rounded(float(np.mean([s.relay for s in used]))),
    }


def _latencies(piece: Piece, name: str) -> list[list[float | None]]:
    """Percentile, and milliseconds, over all good trials of a variant together."""
    if piece.condition.objective is not None:
        return []  # its windows were at all sorts of rates
    kept = [t for t in piece.good(name).values() if t.latency_hdr]
    encoded = tuple(t.latency_hdr for t in kept if t.latency_hdr)
    return [[p, _rounded(ms)] for p, ms in quantiles_ms(encoded, answered_share(kept))]

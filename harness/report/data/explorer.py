"""The data of the page: every estimate, pair and trial of a run, as plain JSON.

Numbers are rounded for readers; `summary.json` has the exact ones.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from harness.analysis.analyse import Analysis, ConditionResult
from harness.analysis.condition import MeasuredCondition
from harness.analysis.labels.labels import limiting
from harness.analysis.labels.rules import shares
from harness.analysis.labels.trials import LabelledTrial, Standing
from harness.analysis.measures import Measure, answered_share, ranked, trial_value
from harness.analysis.stats.intervals import Interval
from harness.analysis.stats.pairs import Pairs
from harness.analysis.stats.ties import letters
from harness.analysis.stats.verdicts import Decision, Verdict
from harness.analysis.variants import Comparison
from harness.inputs import conditions, groups
from harness.inputs.factors import vocabulary
from harness.inputs.study import Condition
from harness.records.histogram import quantiles_ms
from harness.records.run import Run, VariantRecord
from harness.records.trial import trial_file
from harness.report.charts.dots import ROOMY
from harness.report.data.rounding import rounded
from harness.report.words import runs
from harness.report.words.notes import condition_notes
from harness.report.words.sentences import capital

MEASURES = (
    Measure.CPU, Measure.THROUGHPUT, Measure.P99, Measure.MEMORY, Measure.SUSTAINED, Measure.SECOND,
)  # fmt: skip
"""The page compares by those that a condition has."""
_COLUMNS = (
    (Measure.CPU, False), (Measure.THROUGHPUT, False), (Measure.SUSTAINED, False),
    (Measure.SECOND, False), (Measure.P99, False), (Measure.MEMORY, False), (Measure.P50, True),
    (Measure.DATABASE_CPU, True),
)  # fmt: skip
"""Of the table: the measure, and whether the column is shown on demand only."""
_DIGITS = 4
_NO_COMPARISON = "this load does not compare variants"
_SUPERSEDED = "another attempt counts in its place"


def trial_data(
    run: Run, measured_conditions: Sequence[MeasuredCondition], trials: Sequence[LabelledTrial]
) -> dict[Condition, dict[str, Any]]:
    """Single trials of each condition: standings, limits, latencies and use of the processors.

    They need no estimate, so their charts are drawn while estimates are computed. A condition
    whose trials all failed is left out.

    Args:
        run: what was measured.
        measured_conditions: the attempts that count.
        trials: all attempts, labelled.
    """
    return {
        measured.condition: _trials_of(
            run, measured, [item for item in trials if item.trial.condition == measured.condition]
        )
        for measured in measured_conditions
        if any(measured.good(entry) for entry in measured.trials)
    }


def _trials_of(
    run: Run, measured: MeasuredCondition, trials: Sequence[LabelledTrial]
) -> dict[str, Any]:
    present = [name for name in run.measured if name in measured.trials]
    counted = measured.label_counts()
    limits = {name: limiting(counted[name], len(measured.trials[name])) for name in present}
    return {
        "trials": [_trial(item) for item in trials],
        "shares": {name: _shares(run, measured, name) for name in present},
        "limits": {
            name: ", ".join(finding.label for finding in findings) or runs.NO_LIMIT
            for name, findings in limits.items()
        },
        "latencies": {name: _latencies(measured, name) for name in present},
    }


def _trial(labelled: LabelledTrial) -> dict[str, Any]:
    """One dot: its value by each measure, its standing, and the reasons for it."""
    trial = labelled.trial
    values = {m.value: _rounded(trial_value(m, trial)) for m in MEASURES}
    disturbances = [f"{f.label}: {f.detail}" for f in labelled.disturbances]
    return {
        "entry": trial.entry,
        "block": trial.block,
        "attempt": trial.attempt,
        "file": trial_file(trial),
        "values": {name: value for name, value in values.items() if value is not None},
        "standing": labelled.standing.value,
        "labels": disturbances if labelled.counted else [_SUPERSEDED, *disturbances],
    }


def _shares(run: Run, measured: MeasuredCondition, name: str) -> dict[str, float | None] | None:
    """Cores used by each role, as a mean over the trials."""
    cores = len(run.cores.all)
    used = [s for t in measured.good(name).values() if (s := shares(t, cores)) is not None]
    if not used:
        return None
    known = [s.database for s in used if s.database is not None]
    return {
        "server": _rounded(float(np.mean([s.server for s in used]))),
        "PostgreSQL": _rounded(float(np.mean(known))) if known else None,
        "generator": _rounded(float(np.mean([s.generator for s in used]))),
        "relay": _rounded(float(np.mean([s.relay for s in used]))),
    }


def _latencies(measured: MeasuredCondition, name: str) -> list[list[float | None]]:
    """Percentiles with their milliseconds, over all good trials of a variant together."""
    if measured.condition.objective is not None:
        return []  # the windows of a search have different rates
    good = [t for t in measured.good(name).values() if t.latency_hdr]
    encoded = tuple(t.latency_hdr for t in good if t.latency_hdr)
    return [[p, _rounded(ms)] for p, ms in quantiles_ms(encoded, answered_share(good))]


def explorer_data(
    run: Run,
    analysis: Analysis,
    measured_conditions: Sequence[MeasuredCondition],
    trials: Mapping[Condition, dict[str, Any]],
    first_shown: str | None = None,
    *,
    live: bool = True,
) -> dict[str, Any] | None:
    """Everything that the page's script shows; None for a run without any estimate.

    Args:
        run, analysis: what was measured, and its estimates.
        measured_conditions: the attempts that count.
        trials: see `trial_data`.
        first_shown: the name of the condition that the page shows first.
        live: whether the pictures of the first screen are dot plots.
    """
    if not any(c.estimates for r in analysis.conditions for c in r.comparisons.values()):
        return None
    order = run.study.everyone
    by_condition = {measured.condition: measured for measured in measured_conditions}
    shown = [r for r in analysis.conditions if any(r.comparisons[m].estimates for m in MEASURES)]
    first = next((r.condition for r in shown if r.condition.name == first_shown), None)
    first = shown[0].condition if first is None else first
    return {
        "live": live,
        "most": groups.MOST,
        "roomy": ROOMY,
        "first": {"endpoint": first.endpoint, "name": first.name},
        "endpoints": {r.condition.endpoint: r.condition.endpoint for r in shown},
        "variants": _variants(run),
        "columns": [{"measure": m.value, "extra": extra} for m, extra in _COLUMNS],
        "baseline": analysis.baseline,
        "duplicate": analysis.duplicate,
        "margin": analysis.margin,
        "verdicts": {verdict.name: verdict.value for verdict in Verdict},
        "measures": {
            m.value: {"heading": m.heading, "short": m.short, "lower": m.lower_is_better}
            for m in dict.fromkeys((*MEASURES, *(m for m, _ in _COLUMNS)))
        },
        "standings": [standing.value for standing in Standing],
        "conditions": [
            _estimates_of(result, by_condition[result.condition], order)
            | _words(run, result, [other.condition for other in shown])
            | trials[result.condition]
            for result in shown
        ],
    }


FACETS = ("framework", "data", "server", "views")
"""Factors by which variants are filtered."""


def facet_titles() -> dict[str, str]:
    """The title of each filter."""
    return {facet: capital(vocabulary().factors[facet].title) for facet in FACETS}


def _variants(run: Run) -> dict[str, dict[str, str]]:
    """Of each variant its title, its group, and its value of each facet."""
    of_group = groups.groups_of(run.variants)
    return {
        name: {"title": variant.title, "group": of_group[name]} | facets_of(variant)
        for name, variant in run.variants.items()
    }


def facets_of(variant: VariantRecord) -> dict[str, str]:
    """A variant's value of each facet; `none` where a factor does not apply to it."""
    known = {"framework": variant.framework, "server": variant.server}
    return {facet: known.get(facet) or variant.factors.get(facet, "none") for facet in FACETS}


def _words(run: Run, result: ConditionResult, among: Sequence[Condition]) -> dict[str, Any]:
    """What the table says beside the estimates."""
    brief = conditions.brief(result.condition, among)
    return {
        "title": conditions.condition_title(result.condition),
        "brief": capital(brief),
        "notes": condition_notes(run, result),
        "values": {
            measure.value: {name: _bounds(result.comparisons[measure], name) for name in known}
            for measure, _ in _COLUMNS
            if (known := result.comparisons[measure].estimates)
        },
        "facts": {
            name: {
                "errors": _error_share(result, name),
                "threads": _text(result.threads.get(name)),
                "trials": _text(result.trials.get(name)),
            }
            for name in result.planned
        },
    }


def _error_share(result: ConditionResult, name: str) -> str | None:
    share = result.errors.get(name)
    return None if share is None else f"{share:.2%}" if share else "0"


def _text(value: int | None) -> str | None:
    return None if value is None else str(value)


def _estimates_of(
    result: ConditionResult, measured: MeasuredCondition, order: Sequence[str]
) -> dict[str, Any]:
    condition = result.condition
    present = [name for name in order if name in result.planned]
    offered = [m for m in MEASURES if result.comparisons[m].estimates]
    return {
        "name": condition.name,
        "endpoint": condition.endpoint,
        "load": conditions.condition_title(condition).removeprefix(f"{condition.endpoint}, "),
        "ranked": [m.value for m in ranked(condition)],
        "entries": present,
        "missing": {
            item.entry: f"{item.word}: {item.reason}"
            for item in result.missing
            if item.entry in present
        },
        "measures": {
            m.value: _comparison(result.comparisons[m], measured, m, present) for m in offered
        },
    }


def _comparison(
    comparison: Comparison, measured: MeasuredCondition, measure: Measure, present: Sequence[str]
) -> dict[str, Any]:
    compares = measure in ranked(measured.condition)
    entries = [name for name in present if name in comparison.estimates]
    return {
        "entries": entries,
        "estimates": [_bounds(comparison, name) for name in entries],
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
        "to_baseline": [_decision(comparison.decisions.get(name)) for name in entries],
        **_pairs(measured.pairs(measure), entries),
    }


def _bounds(comparison: Comparison, name: str) -> list[float | None]:
    estimate = comparison.estimates[name]
    return [_rounded(estimate.mean), _rounded(estimate.low), _rounded(estimate.high)]


def _decision(decision: Decision | None) -> list[Any] | None:
    """A verdict, and how far from 1 the ratio may be."""
    return None if decision is None else [decision.verdict.value, _rounded(decision.at_most)]


def _pairs(pairs: Pairs, entries: Sequence[str]) -> dict[str, list[list[Any]]]:
    """Tables of the row's entry against the column's; null without a block in common."""
    cells = [
        [(pairs.effect(one, other), pairs.decision(one, other)) for other in entries]
        for one in entries
    ]

    def table(value: Callable[[Interval, Decision], Any]) -> list[list[Any]]:
        return [
            [
                None if effect is None or decision is None else value(effect.interval(), decision)
                for effect, decision in row
            ]
            for row in cells
        ]

    return {
        "ratio": table(lambda effect, _: _rounded(effect.exp().mean)),
        "low": table(lambda effect, _: _rounded(effect.exp().low)),
        "high": table(lambda effect, _: _rounded(effect.exp().high)),
        "verdict": table(lambda _, decision: decision.verdict.value),
        "at_most": table(lambda _, decision: _rounded(decision.at_most)),
    }


def _rounded(value: float | None) -> float | None:
    return rounded(value, _DIGITS)

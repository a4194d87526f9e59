"""The values of both templates, page and Markdown: plain, with every number already a text."""

from collections.abc import Sequence
from typing import Any

from harness.analysis.analyse import Analysis, ConditionResult
from harness.analysis.labels.labels import FAILED, LIMITS, REMEDIES, Label
from harness.analysis.measures import Measure, ranked
from harness.analysis.precision import precision_of
from harness.analysis.stats.ties import letters
from harness.analysis.variants import Comparison
from harness.base.errors import BridgetollError
from harness.inputs import conditions
from harness.inputs.kinds import StudyKind, kind_of
from harness.records.run import MACHINE_STRIDE, Run
from harness.report.answer.caution import caution
from harness.report.answer.headline import headline
from harness.report.answer.hero import Hero
from harness.report.answer.ranking import PANELS, key
from harness.report.charts.curves import curve_figures
from harness.report.data.explorer import facet_titles, facets_of
from harness.report.drawing.figures import Figures
from harness.report.sections.ab import ab_values
from harness.report.sections.causes import causes_values
from harness.report.sections.claims import claims_values
from harness.report.sections.ramps import DETAILS, ramps_values
from harness.report.sections.scaling import scaling_values
from harness.report.sections.waiting import waiting_values
from harness.report.words import (
    decisions,
    missing,
    numbers,
    power,
    runs,
    studies,
    twins,
    verdicts,
)
from harness.report.words.ab import packages_in_brief
from harness.report.words.machines import sets_of_machines
from harness.report.words.notes import condition_notes

_COLUMNS = (Measure.CPU, Measure.THROUGHPUT, Measure.P50, Measure.P99, Measure.DATABASE_CPU)
_COLUMNS_BESIDE = (Measure.P50, Measure.P99, Measure.THROUGHPUT, Measure.SECOND)
"""Columns of a condition with a second load, which has no cost per request: two loads share the
time."""


def template_values(
    run: Run,
    analysis: Analysis,
    damaged: Sequence[BridgetollError],
    figures: Figures,
    heroes: Sequence[Hero],
) -> dict[str, Any]:
    """Everything that the templates need.

    Args:
        run, analysis: what was measured, and its estimates.
        damaged: errors of trials that could not be read.
        figures: collects the charts.
        heroes: the pictures of the first screen.
    """
    order, live = run.measured, any(hero.live for hero in heroes)
    entries = [*run.study.everyone, analysis.duplicate]
    return {
        "run": run,
        "analysis": analysis,
        "damaged": [str(error) for error in damaged],
        "headline": headline(run, analysis),
        "glance": runs.glance(run, analysis),
        "caution": caution(run, analysis, len(damaged)),
        "verdicts": verdicts.verdicts(run, analysis),
        "composition": runs.composition(run),
        "missing": missing.missing_lines(analysis),
        "disturbances": verdicts.disturbances(
            analysis, precise=not precision_of(run.study, analysis).missed
        ),
        "blocks": runs.blocks(run, analysis),
        "stopping": runs.stopping(run),
        "repeat": runs.repeat(run),
        "waits": run.study.delayed or any(c.endpoint == "io_wait" for c in run.study.conditions),
        "power": power.power_lines(analysis),
        "twins": _twins(analysis),
        "same": decisions.same(analysis.margin),
        "conditions": [
            _condition(run, analysis, result, entries) for result in analysis.conditions
        ],
        "curves": curve_figures(analysis, order, figures),
        "waiting": waiting_values(analysis.waiting),
        "claims": claims_values(analysis.judgements),
        "ramps": ramps_values(run, analysis.ramps, figures),
        "ramp_details": DETAILS,
        "causes": causes_values(
            run, analysis.causes, figures, shown=kind_of(run.study) is StudyKind.CAUSAL
        ),
        "scaling": scaling_values(run, analysis),
        "heroes": heroes,
        "panels": min(len(heroes), PANELS) if live else 1,
        "panels_are_dots": live,
        "chooses": not live and len(heroes) > 1,
        "reading": f"{key(run)} {_READING}".strip() if live else "",
        "pictures": [],
        "table": _short_table(analysis, heroes),
        "has_causes": _has_causes(analysis),
        "facets": _facets(run),
        "ab": ab_values(run, analysis) if kind_of(run.study) is StudyKind.AB else [],
        "packages": packages_in_brief(run) if kind_of(run.study) is StudyKind.AB else [],
        "repeated": analysis.repeated,
        "labels": [_label(label) for label in Label],
        "order": _order_of_all(run),
        "cores": _cores(run),
        "machine_sets": sets_of_machines(analysis),
        "constants": runs.constants(run),
        "load": studies.load(run.study),
    }


def _has_causes(analysis: Analysis) -> bool:
    return any(c.effects or c.falls or c.interactions for c in analysis.causes.conditions)


_READING = (
    "A diamond is the estimate, its bar the 95 % interval. A bracket joins stacks that are not "
    "told apart. Ratios inside the grey band are the same for practice."
)


def _condition(
    run: Run,
    analysis: Analysis,
    result: ConditionResult,
    entries: Sequence[str],
) -> dict[str, Any]:
    present = [entry for entry in entries if entry in result.planned]
    measures = ranked(result.condition)
    return {
        "name": result.condition.name,
        "title": conditions.condition_title(result.condition),
        "trips": _trips(result),
        "rankings": [_ranking(result.comparisons[m]) for m in measures],
        "judged": any(result.comparisons[m].decisions for m in measures),
        "ratios": [_ratio_heading(result.comparisons[m]) for m in measures],
        "columns": [m.heading for m in _columns(result)],
        "rows": [_row(analysis, result, entry) for entry in present],
        "notes": condition_notes(run, result),
        "findings": [
            {"entry": missing.entry_title(entry), "finding": finding, "of": result.trials[entry]}
            for entry in present
            for finding in result.findings.get(entry, ())
            if finding.label is not Label.SERVER_BOUND
        ],
    }


def _trips(result: ConditionResult) -> str:
    """Measured round trips beside the requested ones."""
    latency = result.condition.latency
    requested = {} if latency is None else {str(leg): ms for leg, ms in latency.legs.items()}
    trips = [
        f"{leg} {low:.1f} to {high:.1f} ms (requested {requested.get(leg, 0.0):g})"
        for leg, (low, high) in result.round_trips_ms.items()
    ]
    return f"Measured round trips, idle, before and after: {', '.join(trips)}." if trips else ""


def _short_table(analysis: Analysis, heroes: Sequence[Hero]) -> dict[str, Any] | None:
    """The stacks under the condition that is shown first, best first; None without trials."""
    shown = [hero.condition for hero in heroes]
    results = sorted(analysis.conditions, key=lambda r: r.condition.name not in shown[:1])
    if not results:
        return None
    result = results[0]
    first = result.first
    columns = [m for m in _SHORT_COLUMNS if result.comparisons[m].estimates]
    entries = dict.fromkeys((*first.ranking, *result.planned))
    entries.pop(analysis.duplicate, None)
    return {
        "title": conditions.condition_title(result.condition),
        "headings": [measure.short for measure in columns],
        "rows": [
            {
                "stack": entry,
                "ratio": _plus_minus(first, entry, analysis.baseline),
                "values": [_mean(result.comparisons[measure], entry) for measure in columns],
                "limit": _limit_words(result, entry),
            }
            for entry in entries
        ],
    }


_SHORT_COLUMNS = (
    Measure.CPU, Measure.THROUGHPUT, Measure.SUSTAINED, Measure.SECOND, Measure.P99, Measure.MEMORY,
)  # fmt: skip


def _plus_minus(comparison: Comparison, entry: str, baseline: str) -> str:
    if entry == baseline:
        return "1" if entry in comparison.estimates else numbers.MISSING
    return numbers.around(comparison.ratios.get(entry))


def _mean(comparison: Comparison, entry: str) -> str:
    estimate = comparison.estimates.get(entry)
    return numbers.MISSING if estimate is None else numbers.number(estimate.mean)


def _limit_words(result: ConditionResult, entry: str) -> str:
    why = result.why_missing(entry)
    if why is not None:
        return missing.short(why)
    return ", ".join(f.label.removesuffix("-bound") for f in result.limits(entry)) or runs.NO_LIMIT


def _ranking(comparison: Comparison) -> dict[str, Any]:
    return {
        "title": comparison.measure.heading,
        "places": [
            {"entry": entry, "letters": letters(comparison.groups, entry)}
            for entry in comparison.ranking
        ],
        "unsaid": comparison.unsaid,
    }


def _ratio_heading(comparison: Comparison) -> str:
    """The heading says so if the ratio is not part of a ranking."""
    return comparison.measure.heading + (", not ranked" if comparison.unsaid else "")


def _row(analysis: Analysis, result: ConditionResult, entry: str) -> dict[str, Any]:
    memory, why = result.memory_mib.get(entry), result.why_missing(entry)
    share = result.errors.get(entry)
    absent = numbers.MISSING if why is None else missing.NO_FIGURE
    return {
        "entry": missing.entry_title(entry),
        "baseline": entry == analysis.baseline,
        "duplicate": entry == analysis.duplicate,
        "ratios": [
            _ratio(result.comparisons[m], analysis, entry, measured=why is None)
            for m in ranked(result.condition)
        ],
        "values": [
            numbers.estimate(estimate)
            if (estimate := result.comparisons[m].estimates.get(entry)) is not None
            else absent
            for m in _columns(result)
        ],
        "limit": _limit(result, entry),
        "errors": numbers.MISSING if share is None else f"{share:.2%}" if share else "0",
        "memory": numbers.MISSING if memory is None else numbers.number(memory),
        "threads": result.threads.get(entry, numbers.MISSING),
        "trials": result.trials.get(entry, 0),
    }


def _ratio(
    comparison: Comparison, analysis: Analysis, entry: str, *, measured: bool
) -> dict[str, str]:
    """The ratio to the baseline, and its verdict unless it differs."""
    if entry == analysis.baseline and measured:
        return {"value": "1", "verdict": ""}
    return {
        "value": numbers.ratio(comparison.ratios.get(entry)),
        "verdict": decisions.beside_ratio(comparison.decisions.get(entry), analysis.margin),
    }


def _limit(result: ConditionResult, entry: str) -> str:
    """What limited its throughput; of an entry without figures, why it has none."""
    if (why := result.why_missing(entry)) is not None:
        return f"{why.word}: {why.reason}"
    limits = ", ".join(f"{f.label} ({f.detail})" for f in result.limits(entry))
    return limits or runs.NO_LIMIT


def _columns(result: ConditionResult) -> tuple[Measure, ...]:
    if result.condition.objective is not None:
        return (Measure.SUSTAINED,)
    return _COLUMNS if result.condition.beside is None else _COLUMNS_BESIDE


def _facets(run: Run) -> list[dict[str, Any]]:
    """Filters of the page: those by which the variants differ."""
    known = [facets_of(run.variants[name]) for name in run.variants]
    return [
        {"name": name, "title": title, "values": values}
        for name, title in facet_titles().items()
        if len(values := sorted({facets[name] for facets in known})) > 1
    ]


def _twins(analysis: Analysis) -> dict[str, Any]:
    return {
        "agreement": twins.agreement(analysis),
        "cautions": twins.cautions(analysis),
        "calibration": twins.calibration(analysis),
    }


def _label(label: Label) -> dict[str, str]:
    kind = "a limit of the throughput" if label in LIMITS else "a disturbance of the trial"
    if label in FAILED:
        kind = "the trial failed and counts for no figure but the errors"
    return {"name": label.value, "kind": kind, "remedy": REMEDIES[label]}


def _order_of_all(run: Run) -> list[dict[str, Any]]:
    """By block: the order of server starts, of conditions, and of each first round."""
    names = [entry.name for entry in run.plan.entries]
    return [
        {
            "block": block,
            "starts": _named(names, starts),
            "phases": [
                {
                    "condition": phase.condition.name,
                    "first": _named(names, next(iter(phase.orders), ())),
                    "rounds": len(phase.orders),
                }
                for phase in run.plan.phases
                if phase.block == block
            ],
        }
        for block, starts in enumerate(run.plan.starts, start=1)
    ]


def _named(names: Sequence[str], order: Sequence[int]) -> str:
    return ", ".join(names[index] for index in order)


def _cores(run: Run) -> str:
    cores = run.cores
    several = len({machine.number for machine in run.machines}) > 1
    text = (
        f"application on {_list(cores.application, several)}, "
        f"PostgreSQL on {_list(cores.database, several)}, "
        f"generator on {_list(cores.load, several)}"
    )
    return text + (" (co-located: roles share a core)" if cores.co_located else "")


def _list(cpus: Sequence[int], several: bool) -> str:
    named = ", ".join(str(cpu % MACHINE_STRIDE) for cpu in cpus)
    where = f" of machine {cpus[0] // MACHINE_STRIDE + 1}" if several else ""
    return f"core{'s' if len(cpus) > 1 else ''} {named}{where}"

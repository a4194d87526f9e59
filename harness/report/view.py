"""What the page and the Markdown show, laid out once as plain values for both templates."""

from collections.abc import Sequence
from typing import Any

from harness.analysis.labels import LIMITS, Label
from harness.analysis.measures import Measure
from harness.analysis.results import Analysis, Comparison, ConditionResult
from harness.analysis.ties import letters
from harness.errors import BridgetollError
from harness.records import Run
from harness.report import words
from harness.report.charts import alternative, data_uri, interval_chart

_CHARTED = (Measure.CPU, Measure.THROUGHPUT)
_COLUMNS = (Measure.CPU, Measure.THROUGHPUT, Measure.P50, Measure.P99, Measure.DATABASE_CPU)


def view(run: Run, analysis: Analysis, damaged: Sequence[BridgetollError]) -> dict[str, Any]:
    """Everything that the templates need, with every number already worded."""
    order = [name for name in run.study.variants if name not in run.excluded]
    entries = [*order, analysis.duplicate]
    return {
        "run": run,
        "analysis": analysis,
        "damaged": [str(error) for error in damaged],
        "verdicts": [words.verdict(result, analysis.baseline) for result in analysis.conditions],
        "composition": words.composition(run),
        "noise": [_noise(result, analysis) for result in analysis.conditions],
        "conditions": [
            _condition(run, analysis, result, entries) for result in analysis.conditions
        ],
        "failed_checks": {v.variant: v.problems for v in run.verifications if not v.passed},
        "cores": _cores(run),
    }


def _condition(
    run: Run, analysis: Analysis, result: ConditionResult, entries: Sequence[str]
) -> dict[str, Any]:
    present = [entry for entry in entries if entry in result.trials]
    variants = [entry for entry in present if entry != analysis.duplicate]
    return {
        "name": result.condition.name,
        "title": words.condition_title(result.condition),
        "charts": [_chart(result.comparisons[m], variants, run) for m in _CHARTED],
        "rankings": [_ranking(result.comparisons[m]) for m in _CHARTED],
        "columns": [m.heading for m in _COLUMNS],
        "rows": [_row(analysis, result, entry) for entry in present],
        "findings": [
            {"entry": _shown(analysis, entry), "finding": finding, "of": result.trials[entry]}
            for entry in present
            for finding in result.findings[entry]
            if finding.label is not Label.SERVER_BOUND
        ],
    }


def _chart(comparison: Comparison, variants: Sequence[str], run: Run) -> dict[str, str]:
    everything = [name for name in run.study.variants if name in variants]
    return {
        "title": comparison.measure.heading,
        "uri": data_uri(interval_chart(comparison, everything)),
        "alt": alternative(comparison, everything),
    }


def _ranking(comparison: Comparison) -> dict[str, Any]:
    return {
        "title": comparison.measure.heading,
        "places": [
            {"entry": entry, "letters": letters(comparison.groups, entry)}
            for entry in comparison.ranking
        ],
        "unsaid": comparison.unsaid,
    }


def _row(analysis: Analysis, result: ConditionResult, entry: str) -> dict[str, Any]:
    cpu = result.comparisons[Measure.CPU]
    memory = result.memory_mib.get(entry)
    return {
        "entry": _shown(analysis, entry),
        "baseline": entry == analysis.baseline,
        "duplicate": entry == analysis.duplicate,
        "cpu_ratio": "1" if entry == analysis.baseline else words.ratio(cpu.ratios.get(entry)),
        "throughput_ratio": "1"
        if entry == analysis.baseline
        else words.ratio(result.comparisons[Measure.THROUGHPUT].ratios.get(entry)),
        "values": [words.estimate(result.comparisons[m].estimates.get(entry)) for m in _COLUMNS],
        "limit": _limit(result, entry),
        "errors": f"{result.errors[entry]:.2%}" if result.errors[entry] else "0",
        "memory": words.MISSING if memory is None else words.number(memory),
        "threads": result.threads.get(entry, words.MISSING),
        "trials": result.trials[entry],
    }


def _limit(result: ConditionResult, entry: str) -> str:
    """What limited the throughput, from the labels that most of the trials bear."""
    of = result.trials[entry]
    found = [f for f in result.findings[entry] if f.label in LIMITS and f.trials * 2 > of]
    return ", ".join(f"{f.label} ({f.detail})" for f in found) or "nothing in particular"


def _noise(result: ConditionResult, analysis: Analysis) -> str:
    cpu = result.comparisons[Measure.CPU]
    floor = "unknown" if cpu.noise_floor is None else f"{cpu.noise_floor:.1%}"
    twin = words.ratio(cpu.ratios.get(analysis.duplicate))
    return (
        f"{words.condition_title(result.condition)}: two identical servers of "
        f"{analysis.baseline} differ by a factor of {twin}; noise floor {floor}."
    )


def _shown(analysis: Analysis, entry: str) -> str:
    return f"{analysis.baseline} again (A/A)" if entry == analysis.duplicate else entry


def _cores(run: Run) -> str:
    cores = run.cores
    text = (
        f"application on {_list(cores.application)}, PostgreSQL on {_list(cores.database)}, "
        f"generator on {_list(cores.load)}"
    )
    return text + (" (co-located: roles share a core)" if cores.co_located else "")


def _list(cpus: Sequence[int]) -> str:
    return f"core{'s' if len(cpus) > 1 else ''} {', '.join(map(str, cpus))}"

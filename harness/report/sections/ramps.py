"""Locust cells as plain values for the templates: rates, published rates, ratios and details."""

from typing import Any

from harness.analysis.locust import Cell, Ramps, pairs_of
from harness.inputs.published_tables import PublishedCell
from harness.inputs.study import Condition
from harness.records.run import Run
from harness.report.answer.replication_pictures import totals_picture
from harness.report.charts.ramps import alternative, ramp_chart
from harness.report.drawing.figures import Figures
from harness.report.words import numbers
from harness.report.words.ramps import (
    cell_words,
    compared_per_s,
    gain_sentence,
    ramp_words,
    rate_and_total,
    rate_ratio,
    reason,
    route,
    silence,
    uncharted,
)


def ramps_values(run: Run, ramps: Ramps | None, figures: Figures) -> dict[str, Any] | None:
    """All cells of a run; None for a run of the harness's own generator."""
    if ramps is None:
        return None
    setups = list(dict.fromkeys(cell.setup for cell in ramps.cells))
    conditions = list(dict.fromkeys(cell.condition for cell in ramps.cells))
    pairs = pairs_of(run, setups)
    return {
        "published": run.published,
        "ramp": ramp_words(run),
        "cell": cell_words(published=run.published is not None),
        "uncharted": uncharted(ramps),
        "setups": [{"name": name, "title": run.variants[name].title} for name in setups],
        "pairs": [setup if to == ramps.baseline else f"{setup} / {to}" for setup, to in pairs],
        "baseline": ramps.baseline,
        "silence": silence(ramps),
        "verdicts": [gain_sentence(gain) for gain in ramps.gains],
        "rows": [
            {"route": route(c), "cells": [_beside(ramps, name, c) for name in setups]}
            for c in conditions
        ],
        "gains": [
            {
                "route": route(c),
                "values": [_gain(ramps, pair, c) for pair in pairs],
            }
            for c in conditions
        ],
        "details": [_detail(cell) for cell in ramps.cells],
        "charts": [
            figures.add(
                f"ramp-{endpoint}",
                f"Successes per second: {endpoint}",
                ramp_chart(ramps, setups, endpoint),
                alternative(ramps, endpoint),
                wide=True,
            )
            for endpoint in dict.fromkeys(c.endpoint for c in conditions)
        ],
        "totals": totals_picture(run, ramps, figures),
        "trips": _trips(ramps),
    }


def _beside(ramps: Ramps, setup: str, condition: Condition) -> dict[str, str]:
    cell, known = ramps.cell(setup, condition), ramps.in_print(setup, condition)
    return {
        "ours": rate_and_total(compared_per_s(ramps, cell), cell.successes),
        "published": numbers.MISSING
        if known is None
        else rate_and_total(known.highest_per_s, known.successes),
        "ratio": _quotient(ramps, cell, known),
    }


def _quotient(ramps: Ramps, cell: Cell, known: PublishedCell | None) -> str:
    """Ratio of the charted peaks, here to published."""
    charted = ramps.charted(cell.condition)
    if known is None or not charted or cell.charted_per_s is None or not known.highest_per_s:
        return numbers.MISSING
    return numbers.number(cell.charted_per_s / known.highest_per_s)


def _gain(ramps: Ramps, pair: tuple[str, str], condition: Condition) -> dict[str, str]:
    """Ratios of two setups: highest rates / totals of successes."""
    gains = [g for g in ramps.gains if (g.setup, g.baseline, g.condition) == (*pair, condition)]
    if not gains:
        return {"ours": numbers.MISSING, "published": numbers.MISSING, "quotient": numbers.MISSING}
    gain = gains[0]
    return {
        "ours": f"{rate_ratio(gain)} / {numbers.ratio(gain.successes)}",
        "published": _both(gain.published, gain.published_successes),
        "quotient": _both(gain.quotient, gain.successes_quotient),
    }


def _both(rates: float | None, successes: float | None) -> str:
    if rates is None and successes is None:
        return numbers.MISSING
    return " / ".join(
        numbers.MISSING if value is None else numbers.number(value) for value in (rates, successes)
    )


def _detail(cell: Cell) -> dict[str, Any]:
    share = cell.shares
    values = (
        cell.users,
        None if cell.failed_share is None else f"{cell.failed_share:.1%}",
        None if cell.under_way is None else f"{cell.under_way:.0f}",
        *(
            None if v is None else numbers.number(v)
            for v in (cell.highest_per_s, cell.steady_per_s)
        ),
        *(
            None if v is None else numbers.number(v)
            for v in (cell.latency_p50_ms, cell.latency_p99_ms)
        ),
        None if share is None else f"{share.server:.0%}",
        None if share is None or share.database is None else f"{share.database:.0%}",
        None if share is None else f"{share.generator:.0%}",
        None if share is None else f"{share.relay:.0%}",
        None if cell.connections is None else numbers.number(cell.connections),
        cell.most_connections,
        cell.threads,
        None if cell.ready_threads is None else numbers.number(cell.ready_threads),
        None if cell.memory_mib is None else numbers.number(cell.memory_mib),
        cell.page,
    )
    return {
        "setup": cell.setup,
        "route": route(cell.condition),
        "values": [numbers.MISSING if value is None else value for value in values],
        "reason": reason(cell),
    }


DETAILS = (
    "users", "failed", "cut off at the end", "best mean over ten seconds",
    "successes/s with all users", "median latency of answers (ms)", "p99 latency of answers (ms)",
    "server CPU", "PostgreSQL CPU", "Locust CPU", "relay CPU", "connections, mean",
    "connections, peak", "threads, peak", "threads waiting for a processor, at least",
    "memory, peak (MiB)", "Locust's own report, in the run's folder",
)  # fmt: skip
"""Headings of a cell's details."""


def _trips(ramps: Ramps) -> list[str]:
    """Measured round trips, over all cells with the same nominal ones."""
    measurements: dict[str, list[float]] = {}
    for cell in ramps.cells:
        for leg, nominal, measured in cell.trips:
            measurements.setdefault(f"{leg}, nominally {nominal:g} ms", []).append(measured)
    return [
        f"{name}: {min(values):.1f} to {max(values):.1f} ms idle ({len(values)} measurements)"
        for name, values in measurements.items()
    ]

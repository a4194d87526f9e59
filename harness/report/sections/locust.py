"""Locust's cells as texts: here beside what was published, and what the data say of each cell."""

from typing import Any

from harness.analysis.labels.labels import LIMITS, Label
from harness.analysis.labels.rules import ERROR_SHARE
from harness.analysis.locust.cells import Cell
from harness.analysis.locust.summary import Gain, Ramps, pairs_of
from harness.inputs.published_tables import PublishedCell
from harness.inputs.study import Condition
from harness.records.run import Run
from harness.report.charts.locust import alternative, ramp_chart
from harness.report.drawing.figures import Figures
from harness.report.words import numbers

KEPT = 6
"""Of PostgreSQL's connections: three are kept for superusers, two are the harness's own, and one
may have come and gone between two looks. An application that had the rest had all there are."""
_NEARLY = 0.9
"""Of them, which is enough where requests failed too: where connections come and go for every
request, a look sees few of those that were there at the worst moment."""


BURST = 2.0
"""The best ten seconds, as a multiple of the rate with all users there, from which on the former is
a burst, and says little of what the setup can do."""


def ramps_view(run: Run, ramps: Ramps | None, figures: Figures) -> dict[str, Any] | None:
    """What the templates show; None for a run of our own generator."""
    if ramps is None:
        return None
    setups = list(dict.fromkeys(cell.setup for cell in ramps.cells))
    conditions = list(dict.fromkeys(cell.condition for cell in ramps.cells))
    pairs = pairs_of(run, setups)
    return {
        "published": run.published,
        "ramp": ramp_words(run),
        "rehearsal": run.rehearsal,
        "setups": [{"name": name, "title": run.variants[name].title} for name in setups],
        "pairs": [setup if to == ramps.baseline else f"{setup} / {to}" for setup, to in pairs],
        "baseline": ramps.baseline,
        "measured": any(cell.trials for cell in ramps.cells),
        "verdicts": [gain_sentence(gain) for gain in ramps.gains],
        "rows": [
            {"route": route(c), "cells": [_beside(ramps, name, c) for name in setups]}
            for c in conditions
        ],
        "gains": [
            {"route": route(c), "values": [_gain(ramps, pair, c) for pair in pairs]}
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
        "trips": _trips(ramps),
    }


def ramp_words(run: Run) -> str:
    """The load in a sentence."""
    ramp = run.study.load.ramp
    users = max(c.connections for c in run.study.conditions)
    client = "HttpUser" if ramp.client == "http" else "FastHttpUser"
    return (
        f"Locust's {client}, without pause: {ramp.per_s:g} users more per second up to {users}, "
        f"then {ramp.hold_s:g} s of all of them; {ramp.length_s(users):g} s in all."
    )


def route(condition: Condition) -> str:
    """A cell's row in the published layout."""
    latency = condition.latency
    if latency is None:
        return f"{condition.endpoint}, 0 ms"
    if latency.database_ms == latency.client_ms:
        return f"{condition.endpoint}, {latency.client_ms:g} ms"
    return (
        f"{condition.endpoint}, {latency.database_ms:g} ms to the database, "
        f"{latency.client_ms:g} ms to the client"
    )


def pair(highest: float | None, successes: float | None) -> str:
    """As published: highest rate / successes in all."""
    if highest is None or successes is None:
        return numbers.MISSING
    return f"{highest:.1f} / {successes:,.0f}"


def compared_per_s(ramps: Ramps, cell: Cell) -> float | None:
    """Its highest rate; beside a published one the highest that Locust's chart would have shown."""
    if ramps.in_print(cell.setup, cell.condition) is None or cell.charted_per_s is None:
        return cell.highest_per_s
    return cell.charted_per_s


def gain_sentence(gain: Gain) -> str:
    """How a setup stood to the baseline, here and in print: then both as Locust's charts say."""
    text = (
        f"{route(gain.condition)}: {gain.setup} reached {_rates(gain)} times the rate of "
        f"{gain.baseline}"
    )
    if gain.successes is not None:
        text += f", and {numbers.ratio(gain.successes)} times its successes"
    if gain.published is not None:
        text += f"; published {numbers.number(gain.published)} times"
        if gain.published_successes is not None:
            successes = numbers.number(gain.published_successes)
            text += f", and of successes {successes} (runs of unequal length)"
    return f"{text} ({'; '.join(gain.doubts)})." if gain.doubts else f"{text}."


def reason(cell: Cell) -> str:
    """What the cell's own data say of its figures."""
    if cell.problem is not None:
        return cell.problem.splitlines()[0]
    parts = [f"{f.label}: {f.detail}" for f in cell.limits] or ["no single limit"]
    if any(f.label is Label.LATENCY_BOUND for f in cell.limits):
        parts.append(_waits(cell))
    share = cell.failed_share
    if share is not None and share > ERROR_SHARE:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in cell.errors.items())
        parts.append(f"{share:.1%} of requests failed ({kinds})")
    if _exhausted(cell):
        parts.append(
            f"PostgreSQL's {cell.max_connections} connections were taken "
            f"({cell.most_connections} seen at once)"
        )
    highest, steady = cell.highest_per_s, cell.steady_per_s
    if highest is not None and steady is not None and highest >= BURST * steady:
        parts.append(
            f"it did not keep its highest rate: with all users there, {numbers.number(steady)} "
            "successes per second"
        )
    told = {*LIMITS, Label.ERRORS}
    parts += [f"{f.label}: {f.detail}" for f in cell.found if f.label not in told]
    return "; ".join(parts)


def _waits(cell: Cell) -> str:
    """Where requests were while nothing was busy."""
    latency = cell.condition.latency
    if latency is None or not (latency.database_ms or latency.client_ms):
        return "its requests waited in line"
    if not latency.database_ms or cell.connections is None:
        return "its requests waited for round trips, or in line"
    return (
        "its connections waited for round trips, and other requests in line (PostgreSQL saw "
        f"{numbers.number(cell.connections)} connections at a time, on average)"
    )


def _exhausted(cell: Cell) -> bool:
    most, allowed, share = cell.most_connections, cell.max_connections, cell.failed_share
    if most is None or allowed is None:
        return False
    failing = share is not None and share > ERROR_SHARE
    return most >= allowed - KEPT or (failing and most >= _NEARLY * allowed)


def _beside(ramps: Ramps, setup: str, condition: Condition) -> dict[str, str]:
    cell, known = ramps.cell(setup, condition), ramps.in_print(setup, condition)
    return {
        "ours": pair(compared_per_s(ramps, cell), cell.successes),
        "published": numbers.MISSING
        if known is None
        else pair(known.highest_per_s, known.successes),
        "ratio": _quotient(cell, known),
    }


def _quotient(cell: Cell, known: PublishedCell | None) -> str:
    """Both as Locust's charts show it."""
    if known is None or cell.charted_per_s is None or not known.highest_per_s:
        return numbers.MISSING
    return numbers.number(cell.charted_per_s / known.highest_per_s)


def _gain(ramps: Ramps, pair: tuple[str, str], condition: Condition) -> dict[str, str]:
    """Ratios of two setups: of the highest rates / of all successes."""
    found = [g for g in ramps.gains if (g.setup, g.baseline, g.condition) == (*pair, condition)]
    if not found:
        return {"ours": numbers.MISSING, "published": numbers.MISSING, "quotient": numbers.MISSING}
    gain = found[0]
    return {
        "ours": f"{_rates(gain)} / {numbers.ratio(gain.successes)}",
        "published": _both(gain.published, gain.published_successes),
        "quotient": _both(gain.quotient, gain.successes_quotient),
    }


def _rates(gain: Gain) -> str:
    """Beside published ones, those that a chart would have shown."""
    if gain.published is None or gain.charted is None:
        return numbers.ratio(gain.ours)
    return numbers.times(gain.charted)


def _both(rates: float | None, successes: float | None) -> str:
    if rates is None and successes is None:
        return numbers.MISSING
    told = (
        numbers.MISSING if value is None else numbers.number(value) for value in (rates, successes)
    )
    return " / ".join(told)


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
    "users", "failed", "cut off at the end", "highest over ten seconds",
    "successes/s with all users",
    "median of those answered (ms)",
    "p99 of those answered (ms)", "server CPU", "PostgreSQL CPU", "Locust CPU", "relay CPU",
    "connections, mean", "connections, peak", "threads, peak", "threads ready, at least",
    "memory, peak (MiB)",
    "Locust's own page, in the run's folder",
)  # fmt: skip
"""Headings of a cell's details."""


def _trips(ramps: Ramps) -> list[str]:
    """Added round trips as they were measured, over all cells with the same nominal ones."""
    found: dict[str, list[float]] = {}
    for cell in ramps.cells:
        for leg, nominal, measured in cell.trips:
            found.setdefault(f"{leg}, nominally {nominal:g} ms", []).append(measured)
    return [
        f"{name}: {min(values):.1f} to {max(values):.1f} ms idle ({len(values)} measurements)"
        for name, values in found.items()
    ]

"""Locust cells in words."""

from harness.analysis.labels.errors import in_words
from harness.analysis.labels.labels import LIMITS, Label
from harness.analysis.labels.rules import ERROR_SHARE
from harness.analysis.locust import NOT_MEASURED, Cell, Gain, Ramps
from harness.inputs.study import Condition
from harness.records.run import Run
from harness.report.words import numbers

KEPT = 6
"""PostgreSQL's connections that an application cannot have: three are reserved for superusers, the
harness has two, and one may have come and gone between two samples."""


_NEARLY = 0.9
"""The share of all connections that counts as exhausted if requests failed too. If connections come
and go with every request, a sample misses most of the peak."""


BURST = 2.0
"""The highest rate is a burst if it is at least this multiple of the rate with all users. A burst
says little about the setup's capacity."""


def ramp_words(run: Run) -> str:
    """The load, in two sentences."""
    ramp = run.study.load.ramp
    users = max(c.connections for c in run.study.conditions)
    client = "HttpUser" if ramp.client == "http" else "FastHttpUser"
    processes = run.study.load.processes
    by = f" in {processes} processes" if processes > 1 else ""
    return (
        f"Locust's {client}{by}, without pauses. {ramp.per_s:g} users start per second up to "
        f"{users}, then all of them run for {ramp.hold_s:g} s: {ramp.length_s(users):g} s in total."
    )


def cell_words(*, published: bool) -> str:
    """What the two figures of a cell are; beside published ones, how a chart's peak differs."""
    peak = (
        "in Locust's chart, without failures" if published else "as the best mean over ten seconds"
    )
    text = f"A cell shows the highest successes per second {peak} / the total of successes."
    if not published:
        return text
    return (
        f"{text} Published peaks are read from Locust's charts. Such a chart shows a mean over ten "
        "seconds, with failures in it, every five seconds. It ends two seconds before the last "
        "answer, and its first means cover one to three seconds. For a slow cell, or one that "
        "answers in bursts, this differs from the best mean over ten seconds."
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


def rate_and_total(highest: float | None, successes: float | None) -> str:
    """As published: highest rate / total of successes."""
    if successes is None:
        return numbers.MISSING
    rate = numbers.MISSING if highest is None else f"{highest:.1f}"
    return f"{rate} / {successes:,.0f}"


def compared_per_s(ramps: Ramps, cell: Cell) -> float | None:
    """A cell's highest rate; the peak of Locust's chart if a published peak stands beside it.

    Where the chart has no rate of some setup, all rates under that condition are the former.
    """
    printed = ramps.in_print(cell.setup, cell.condition) is not None
    if printed and ramps.charted(cell.condition):
        return cell.charted_per_s
    return cell.highest_per_s


def uncharted(ramps: Ramps) -> str:
    """That some rates beside published ones are not those of Locust's chart; empty if all are."""
    conditions = dict.fromkeys(condition for _, condition, _ in ramps.published)
    lacking = [condition for condition in conditions if not ramps.charted(condition)]
    if not lacking:
        return ""
    where = "" if len(lacking) == len(conditions) else f" of {len(lacking)} rows"
    return (
        f"Locust's chart has no rate{where}: a setup answered too late for it, or the ramp was too "
        f"short. Rates there are the best mean over ten seconds, or over all if there are fewer."
    )


def gain_sentence(gain: Gain) -> str:
    """A setup's ratio to the baseline, here and published; beside a published one both are charted
    peaks.
    """
    text = (
        f"{route(gain.condition)}: {gain.setup} reached {rate_ratio(gain)} times the rate of "
        f"{gain.baseline}"
    )
    if gain.successes is not None:
        text += f", and {numbers.ratio(gain.successes)} times its successes"
    if gain.published is not None:
        text += f". Published: {numbers.number(gain.published)} times the rate"
        if gain.published_successes is not None:
            successes = numbers.number(gain.published_successes)
            text += f", {successes} times the successes (runs of unequal length)"
    return f"{text} ({'; '.join(gain.doubts)})." if gain.doubts else f"{text}."


def reason(cell: Cell) -> str:
    """The limits and disturbances that a cell's own data show."""
    if cell.problem is not None:
        return cell.problem.splitlines()[0]
    parts = [f"{f.label}: {f.detail}" for f in cell.limits] or ["no single limit"]
    if any(f.label is Label.LATENCY_BOUND for f in cell.limits):
        parts.append(_waits(cell))
    share = cell.failed_share
    if share is not None and share > ERROR_SHARE:
        parts.append(f"{share:.1%} of requests failed ({in_words(cell.errors)})")
    if _exhausted(cell):
        parts.append(
            f"PostgreSQL's {cell.max_connections} connections were exhausted "
            f"({cell.most_connections} seen at once)"
        )
    highest, steady = cell.highest_per_s, cell.steady_per_s
    if cell.trials and highest is None:
        parts.append("no whole second had a success, so there is no rate")
    if highest is not None and steady is not None and highest >= BURST * steady:
        parts.append(
            f"it did not keep its highest rate: {numbers.number(steady)} successes per second with "
            "all users"
        )
    stated = {*LIMITS, Label.ERRORS}
    parts += [f"{f.label}: {f.detail}" for f in cell.findings if f.label not in stated]
    return "; ".join(parts)


def _waits(cell: Cell) -> str:
    """Where requests waited while no processor was busy."""
    latency = cell.condition.latency
    if latency is None or not (latency.database_ms or latency.client_ms):
        return "its requests waited in a queue"
    if not latency.database_ms or cell.connections is None:
        return "its requests waited for round trips or in a queue"
    return (
        "its connections waited for round trips, and other requests waited in a queue "
        f"(PostgreSQL had {numbers.number(cell.connections)} connections on average)"
    )


def _exhausted(cell: Cell) -> bool:
    most, allowed, share = cell.most_connections, cell.max_connections, cell.failed_share
    if most is None or allowed is None:
        return False
    failing = share is not None and share > ERROR_SHARE
    return most >= allowed - KEPT or (failing and most >= _NEARLY * allowed)


def compared(gain: Gain) -> float:
    """Ratio of the highest rates; of the charted peaks if a published ratio stands beside it."""
    return gain.ours.mean if gain.published is None or gain.charted is None else gain.charted


def silence(ramps: Ramps) -> str:
    """Why no ratio is told."""
    if any(cell.trials for cell in ramps.cells):
        return "No setup is compared with another; see the tables below."
    if all(cell.problem == NOT_MEASURED for cell in ramps.cells):
        return "No trial has been measured yet."
    return "No setup has figures; the table of cells gives the reasons."


def rate_ratio(gain: Gain) -> str:
    """The same as a text, with the interval where there is one."""
    if gain.published is None or gain.charted is None:
        return numbers.ratio(gain.ours)
    return numbers.times(gain.charted)

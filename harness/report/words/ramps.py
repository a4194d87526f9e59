"""Locust cells in words."""

from harness.analysis.labels.labels import LIMITS, Label
from harness.analysis.labels.rules import ERROR_SHARE
from harness.analysis.locust import Cell, Gain, Ramps
from harness.inputs.study import Condition
from harness.records.run import Run
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


def rate_and_total(highest: float | None, successes: float | None) -> str:
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
    parts += [f"{f.label}: {f.detail}" for f in cell.findings if f.label not in told]
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


def _rates(gain: Gain) -> str:
    """Beside published ones, those that a chart would have shown."""
    if gain.published is None or gain.charted is None:
        return numbers.ratio(gain.ours)
    return numbers.times(gain.charted)

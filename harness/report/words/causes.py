"""Causes of a difference in words. The data choose each sentence, and may choose its opposite."""

import statistics
from collections.abc import Mapping, Sequence

from harness.analysis.causes.explain import Causes, ConditionCauses
from harness.analysis.causes.prices import HOP, TOLLS, Price, PriceList
from harness.analysis.causes.slopes import Slope
from harness.analysis.causes.squares import Interaction
from harness.analysis.causes.waterfalls import Fall, Step
from harness.analysis.stats.intervals import Interval
from harness.inputs import conditions
from harness.records.run import Run
from harness.records.verification import Audit
from harness.report.words import numbers
from harness.report.words.changes import step_names
from harness.report.words.sentences import listed

_TENS_US = (10.0, 100.0)
GOOD_FORECAST = 0.15
"""The largest error of a good prediction."""


def sentences(run: Run, causes: ConditionCauses) -> list[str]:
    """All waterfalls, squares and slopes of one condition, an item each."""
    parts = [fall_sentences(fall, step_names(run, fall)) for fall in causes.falls]
    parts += [interaction_sentences(interaction) for interaction in causes.interactions]
    return parts + [slope_sentence(slope) for slope in causes.slopes]


def fall_sentences(fall: Fall, names: Sequence[str]) -> str:
    """A waterfall: its total, and its steps by whether they differ from nothing.

    Args:
        fall: the waterfall.
        names: what each step adds; see `words.changes.step_names`.
    """
    told = dict(zip((step.variant for step in fall.steps), names, strict=True))
    text = (
        f"{fall.steps[-1].variant} uses {numbers.ratio(fall.ratio)} times the server CPU of "
        f"{fall.first}: {numbers.number(fall.end.mean)} µs per request against "
        f"{numbers.number(fall.start.mean)}."
    )
    if any(step.called is None for step in fall.steps):
        return f"{text} One block cannot judge its steps: {_steps(fall, fall.steps, told)}."
    costs = [step for step in fall.steps if step.called and step.added.mean > 0]
    saves = [step for step in fall.steps if step.called and step.added.mean < 0]
    undecided = [step for step in fall.steps if not step.called]
    if costs:
        largest_first = sorted(costs, key=lambda step: -step.added.mean)
        text += f" Causes, largest first: {_steps(fall, largest_first, told)}."
    if saves:
        text += f" Steps that save CPU: {_steps(fall, saves, told)}."
    if undecided:
        text += f" Steps without a shown effect: {_steps(fall, undecided, told)}."
    if costs and _leads_up(fall):
        text += " Shares depend on the order of the steps."
    return text


def _steps(fall: Fall, steps: Sequence[Step], told: Mapping[str, str]) -> str:
    """Steps with their shares of the total; of a total that falls, shares would mislead."""
    up = _leads_up(fall)
    return "; ".join(
        f"{told[step.variant]}, {numbers.estimate(step.added)} µs"
        f"{f' ({step.share:.0%})' if up else ''}"
        for step in steps
    )


def _leads_up(fall: Fall) -> bool:
    return fall.end.mean > fall.start.mean


def interaction_sentences(interaction: Interaction) -> str:
    """A square: the effect of one factor for each value of the other, and whether it depends."""
    text = f"{interaction.title}: {_sides(interaction)}"
    difference = f"{numbers.estimate(interaction.difference)} µs between the two"
    if interaction.called is None:
        return f"{text} One block gives no verdict ({difference})."
    if not interaction.called:
        return f"{text} The effect is not shown to depend on {interaction.rows} ({difference})."
    return f"{text} So the effect depends on {interaction.rows}: {difference}."


def _sides(interaction: Interaction) -> str:
    one, other = interaction.corners[0].column, interaction.corners[1].column
    return " ".join(
        f"With {interaction.rows} {row}, {interaction.columns} {one} takes {_difference(added)} "
        f"than {other}, {numbers.ratio(interaction.ratios[row])} times as much."
        for row, added in interaction.across.items()
    )


def _difference(added: Interval) -> str:
    if added.mean >= 0:
        return f"{numbers.estimate(added)} µs more"
    return f"{numbers.estimate(added.negated())} µs less"


def slope_sentence(slope: Slope) -> str:
    """The price of an empty hop."""
    further = slope.per_hop if slope.further is None else slope.further
    if slope.first is None:
        return f"{slope.base}: each empty hop costs {numbers.estimate(further)} µs of server CPU."
    return (
        f"{slope.base}: each further empty hop costs {numbers.estimate(further)} µs of server CPU. "
        f"The first costs {numbers.estimate(slope.first)} µs, including what provides its thread."
    )


def predictions(causes: Causes) -> list[str]:
    """The two registered predictions, compared with the price of a hop by concurrency."""
    name = f"{HOP} (asgiref)"
    priced = [(item, price) for item in causes.trend if (price := item.price(name)) is not None]
    lines = [
        f'"Tens of microseconds per hop" (Django\'s documentation): with {_loop(item)} a hop '
        f"costs {numbers.estimate(price.value)} µs of server CPU by the price list. The prediction "
        f"{_within(price.value)}."
        for item, price in priced
    ]
    for item, price in priced[1:]:
        lines.append(_growth_sentence(*priced[0], item, price))
    if len(priced) > 1:
        lines.append(
            "Waiting for the interpreter's lock takes no CPU time. Throughput and latency show "
            "that cost; these prices do not."
        )
    return lines


def _growth_sentence(first: PriceList, low: Price, later: PriceList, price: Price) -> str:
    change = price.change_from(low)
    verdict = "cannot be judged from one block"
    if change is not None and change.low is not None:
        verdict = {1: "grows", -1: "falls", 0: "shows no change in this run"}[sign(change)]
    return (
        f'"It grows with concurrency": from {_loop(first)} to {_loop(later)} the CPU price of a '
        f"hop changes by {numbers.estimate(change)} µs. It {verdict}."
    )


def _within(price: Interval) -> str:
    low, high = price.low, price.high
    if low is None or high is None:
        return "cannot be judged from one block"
    if _TENS_US[0] <= low and high <= _TENS_US[1]:
        return "holds"
    if low > _TENS_US[1]:
        return "is refuted: it costs more"
    if high < _TENS_US[0]:
        return "is refuted: it costs less"
    return "is neither confirmed nor refuted by this interval"


def price_sentences(prices: PriceList) -> str:
    """How well the prices predict variants that they were not fitted to."""
    if not prices.forecasts:
        return "No variant could be left out and still be predicted."
    errors = [abs(f.error) for f in prices.forecasts]
    worst = max(prices.forecasts, key=lambda f: abs(f.error))
    within = sum(error <= GOOD_FORECAST for error in errors)
    return (
        "Each variant was left out in turn and predicted from the prices of the others. "
        f"{within} of {len(errors)} costs lie within {GOOD_FORECAST:.0%} of the measured ones. The "
        f"median error is {statistics.median(errors):.0%}, the largest {worst.error:+.0%} "
        f"({worst.variant}, {worst.endpoint})."
    )


def is_toll(name: str) -> bool:
    """Whether a price is of a toll, and not of a stack, queries or other work."""
    return name.startswith(TOLLS)


def sign(interval: Interval) -> int:
    """-1 or 1 where the interval lies on one side of zero, else 0."""
    if interval.low is None or interval.high is None:
        return 0
    return (interval.low > 0) - (interval.high < 0)


def _loop(prices: PriceList) -> str:
    return conditions.connections(prices.connections)


def uncounted(audits: Sequence[Audit]) -> str | None:
    """What the audit could not count, and why; None where it counted everything."""
    quantities = next((audit.uncounted for audit in audits if audit.uncounted), ())
    if not quantities:
        return None
    names = listed([name.replace("_", " ") for name in quantities])
    return f"The audit did not count {names}: the connections to PostgreSQL were encrypted."

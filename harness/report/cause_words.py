"""What causes a difference, in sentences that the data make: they say the opposite if it does."""

from collections.abc import Sequence

from harness.analysis.causes import Causes, ConditionCauses
from harness.analysis.intervals import Interval
from harness.analysis.prices import CONNECT, HOP, THREAD, PriceList
from harness.analysis.slopes import Slope
from harness.analysis.squares import Interaction
from harness.analysis.waterfalls import Fall, Step
from harness.report import words

_TENS_US = (10.0, 100.0)
_GOOD_FORECAST = 0.15
"""Beyond this a price list is a story, not a model."""


def verdict(causes: Causes) -> str | None:
    """The run's answer in one paragraph; None where nothing about causes was measured.

    From the conditions under which every variant was measured and that do some work: what the
    first waterfall adds up to, its steps that matter, and what the first square adds to it.
    """
    chosen = [
        c for c in causes.conditions if c.condition.group is None and (c.falls or c.interactions)
    ]
    working = [c for c in chosen if c.condition.endpoint != "noop"] or chosen
    said = [f"On {words.condition_title(c.condition)}: {_short(c)}" for c in working]
    return " ".join(said) or None


def _short(causes: ConditionCauses) -> str:
    parts = [fall_sentences(fall) for fall in causes.falls[:1]]
    parts += [_sides(found) for found in causes.interactions[:1]]
    return " ".join(parts)


def paragraph(causes: ConditionCauses) -> str | None:
    """Everything that one condition tells; None where nothing about causes was measured."""
    parts = [fall_sentences(fall) for fall in causes.falls]
    parts += [interaction_sentences(found) for found in causes.interactions]
    parts += [slope_sentence(slope) for slope in causes.slopes]
    return " ".join(parts) or None


def fall_sentences(fall: Fall) -> str:
    """How far the way is, which step is the longest, and which cannot be told from nothing."""
    last = fall.steps[-1].variant
    text = (
        f"{last} uses {words.number(fall.end.mean / fall.start.mean)} times the server CPU of "
        f"{fall.first}, {words.number(fall.end.mean)} µs per request against "
        f"{words.number(fall.start.mean)}."
    )
    if fall.end.low is None:
        return text + " Its steps in this one block: " + _steps(fall.steps) + "."
    costs = [step for step in fall.steps if sign(step.added, 0.0) > 0]
    saves = [step for step in fall.steps if sign(step.added, 0.0) < 0]
    nothing = [step for step in fall.steps if not sign(step.added, 0.0)]
    if costs:
        text += f" Of the difference: {_steps(sorted(costs, key=lambda s: -s.added.mean))}."
    if saves:
        text += f" Cheaper, not dearer: {_steps(saves)}."
    if nothing:
        text += f" Not told apart from nothing: {_steps(nothing)}."
    return text


def _steps(steps: Sequence[Step]) -> str:
    return "; ".join(_step(step) for step in steps)


def _step(step: Step) -> str:
    return f"{step.changed}, {words.estimate(step.added)} µs ({step.share.mean:.0%})"


def interaction_sentences(found: Interaction) -> str:
    """Whether the effect of one factor depends on the other, and how."""
    text = f"{found.title}: {_sides(found)}"
    if found.ratio.low is None:
        return f"{text} One block cannot tell whether that is an interaction."
    if not sign(found.ratio, 1.0):
        return (
            f"{text} The two effects multiply as far as this run can tell (ratio of ratios "
            f"{words.ratio(found.ratio)})."
        )
    rows = list(found.across)
    more = rows[1] if found.ratio.mean > 1 else rows[0]
    return (
        f"{text} The effect depends on {found.rows} (ratio of ratios {words.ratio(found.ratio)}): "
        f"it is larger with {found.rows} {more}."
    )


def _sides(found: Interaction) -> str:
    one, other = found.corners[0].column, found.corners[1].column
    each = [
        f"with {found.rows} {row}, {found.columns} {one} costs {words.ratio(ratio)} times as much "
        f"as {other}"
        for row, ratio in found.across.items()
    ]
    return f"{'; '.join(each)}."


def slope_sentence(slope: Slope) -> str:
    """What a hop more costs."""
    return (
        f"An empty hop more costs {slope.base} {words.estimate(slope.per_hop)} µs, the first "
        f"{words.estimate(slope.first)} and each further one {words.estimate(slope.further)}."
    )


def predictions(causes: Causes) -> list[str]:
    """The two registered predictions, held against hop and thread prices by concurrency."""
    priced = [(found, p) for found in causes.trend if (p := found.price(f"{HOP} (asgiref)"))]
    if not priced:
        return []
    said = [
        f'"Tens of microseconds per hop" (Django\'s documentation): with {_connections(found)} a '
        f"hop costs {words.estimate(price.value)} µs; the prediction "
        f"{_within(price.value)}."
        for found, price in priced
    ]
    first, low = priced[0]
    for found, price in priced[1:]:
        change = price.change_from(low)
        said.append(
            f'"It grows with concurrency": from {_connections(first)} to {_connections(found)} '
            f"the price of a hop changes by {words.estimate(change)} µs; it {_growth(change)}."
        )
    return said


def _within(price: Interval) -> str:
    low, high = price.low, price.high
    if low is None or high is None:
        return "can be judged from two blocks on"
    if _TENS_US[0] <= low and high <= _TENS_US[1]:
        return "holds"
    if low > _TENS_US[1]:
        return "is refuted: it costs more"
    if high < _TENS_US[0]:
        return "is refuted: it costs less"
    return "is neither confirmed nor refuted by this interval"


def _growth(change: Interval | None) -> str:
    found = None if change is None else sign(change, 0.0)
    if change is None or change.low is None:
        return "can be judged from two blocks on"
    return {1: "grows", -1: "falls", 0: "does not change as far as this run can tell"}[found or 0]


def price_sentences(found: PriceList) -> str:
    """How well the prices predict the variants that they did not come from."""
    if not found.forecasts:
        return "No variant could be left out and still be predicted."
    errors = sorted(abs(f.error) for f in found.forecasts)
    worst = max(found.forecasts, key=lambda f: abs(f.error))
    within = sum(error <= _GOOD_FORECAST for error in errors)
    return (
        f"Left out in turn and predicted from the others' prices, {within} of {len(errors)} costs "
        f"lie within {_GOOD_FORECAST:.0%} of what was measured; the median error is "
        f"{errors[len(errors) // 2]:.0%}, and the largest {worst.error:+.0%} "
        f"({worst.variant}, {worst.endpoint})."
    )


def toll_names(found: PriceList) -> Sequence[str]:
    """Prices of tolls before those of stacks and queries."""
    first = [p.name for p in found.prices if p.name.startswith((HOP, THREAD, CONNECT))]
    return [*first, *(p.name for p in found.prices if p.name not in first)]


def sign(interval: Interval, nothing: float) -> int:
    """-1 or 1 where the interval lies on one side of nothing, else 0."""
    if interval.low is None or interval.high is None:
        return 0
    return (interval.low > nothing) - (interval.high < nothing)


def _connections(found: PriceList) -> str:
    return f"{found.connections} connection{'' if found.connections == 1 else 's'}"

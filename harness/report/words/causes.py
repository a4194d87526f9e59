"""What causes a difference, in sentences that the data make: they say the opposite if it does."""

import statistics
from collections.abc import Sequence

from harness.analysis.causes.contrasts import Effect
from harness.analysis.causes.explain import Causes, ConditionCauses
from harness.analysis.causes.prices import HOP, TOLLS, Price, PriceList
from harness.analysis.causes.slopes import Slope
from harness.analysis.causes.squares import Interaction
from harness.analysis.causes.waterfalls import Fall, Step
from harness.analysis.stats.intervals import Interval
from harness.report.words import conditions, numbers

_TENS_US = (10.0, 100.0)
GOOD_FORECAST = 0.15
"""An error that most readers would still plan with."""
_HEADLINES = 2
"""Declared contrasts in the verdict: the first of the study."""


def verdicts(causes: Causes) -> list[str]:
    """The run's answer, a paragraph per condition; none where nothing about causes was measured.

    From the conditions under which every variant was measured and that do some work: what the
    first waterfall adds up to, the first declared contrasts, and the sides of the first square.
    """
    whole = [c for c in causes.conditions if c.condition.group is None]
    chosen = [c for c in whole if c.falls or c.interactions]
    working = [c for c in chosen if c.condition.endpoint != "noop"] or chosen
    return [f"On {conditions.condition_title(c.condition)}: {_short(c)}" for c in working]


def _short(causes: ConditionCauses) -> str:
    declared = [effect for effect in causes.effects if effect.factor is None]
    parts = [fall_sentences(fall) for fall in causes.falls[:1]]
    parts += [_effect_sentence(effect) for effect in declared[:_HEADLINES]]
    parts += [_capital(_sides(found)) for found in causes.interactions[:1]]
    return " ".join(parts)


def sentences(causes: ConditionCauses) -> list[str]:
    """Everything that one condition tells, an item each."""
    parts = [fall_sentences(fall) for fall in causes.falls]
    parts += [interaction_sentences(found) for found in causes.interactions]
    return parts + [slope_sentence(slope) for slope in causes.slopes]


def _effect_sentence(effect: Effect) -> str:
    shown = {True: "", False: " (not shown beyond noise)", None: " (no noise floor)"}[effect.called]
    return f"{_capital(effect.contrast.title)}: {numbers.ratio(effect.cpu)} times the CPU{shown}."


def fall_sentences(fall: Fall) -> str:
    """How far the way is, and which of its steps are more than noise."""
    text = (
        f"{fall.steps[-1].variant} uses {numbers.ratio(fall.ratio)} times the server CPU of "
        f"{fall.first}, {numbers.number(fall.end.mean)} µs per request against "
        f"{numbers.number(fall.start.mean)}."
    )
    if any(step.called is None for step in fall.steps):
        return (
            f"{text} Its steps, without a noise floor to judge them by: {_steps(fall, fall.steps)}."
        )
    costs = [step for step in fall.steps if step.called and step.added.mean > 0]
    saves = [step for step in fall.steps if step.called and step.added.mean < 0]
    nothing = [step for step in fall.steps if not step.called]
    if costs:
        dearest = sorted(costs, key=lambda step: -step.added.mean)
        text += (
            f" Of the difference, the dearest first, where shares depend on the order of the way: "
            f"{_steps(fall, dearest)}."
        )
    if saves:
        text += f" Cheaper, not dearer: {_steps(fall, saves)}."
    if nothing:
        text += f" Not shown beyond what identical servers differ by: {_steps(fall, nothing)}."
    return text


def _steps(fall: Fall, steps: Sequence[Step]) -> str:
    """With their shares of the way, if it leads up: of one that leads down they would mislead."""
    up = fall.end.mean > fall.start.mean
    return "; ".join(
        f"{step.changed}, {numbers.estimate(step.added)} µs{f' ({step.share:.0%})' if up else ''}"
        for step in steps
    )


def interaction_sentences(found: Interaction) -> str:
    """Whether the effect of one factor depends on the other, and how."""
    text = f"{found.title}: {_sides(found)}"
    difference = f"{numbers.estimate(found.difference)} µs between the two"
    if found.called is None:
        return f"{text} Without a noise floor that is no verdict ({difference})."
    if not found.called:
        return (
            f"{text} That the effect depends on {found.rows} is not shown beyond noise "
            f"({difference})."
        )
    return f"{text} So the effect depends on {found.rows}: {difference}."


def _sides(found: Interaction) -> str:
    one, other = found.corners[0].column, found.corners[1].column
    each = [
        f"with {found.rows} {row}, {found.columns} {one} takes {numbers.estimate(added)} µs "
        f"{'more' if added.mean >= 0 else '(less)'} than {other}, "
        f"{numbers.ratio(found.ratios[row])} times as much"
        for row, added in found.across.items()
    ]
    return f"{'; '.join(each)}."


def slope_sentence(slope: Slope) -> str:
    """What a hop more costs."""
    further = slope.per_hop if slope.further is None else slope.further
    text = f"{slope.base}: an empty hop more costs {numbers.estimate(further)} µs of server CPU"
    if slope.first is None:
        return f"{text}."
    return f"{text}; the first, with what lends it a thread, {numbers.estimate(slope.first)}."


def predictions(causes: Causes) -> list[str]:
    """The two registered predictions, held against the price of a hop by concurrency."""
    name = f"{HOP} (asgiref)"
    priced = [(found, price) for found in causes.trend if (price := found.price(name)) is not None]
    said = [
        f'"Tens of microseconds per hop" (Django\'s documentation): with {_loop(found)} a hop '
        f"costs {numbers.estimate(price.value)} µs of server CPU by the price list; the prediction "
        f"{_within(price.value)}."
        for found, price in priced
    ]
    for found, price in priced[1:]:
        said.append(_growth_sentence(*priced[0], found, price))
    if len(priced) > 1:
        said.append(
            "Waiting for the interpreter's lock takes no CPU time, so what contention costs beyond "
            "that is not in these figures; throughput and latency have it."
        )
    return said


def _growth_sentence(first: PriceList, low: Price, found: PriceList, price: Price) -> str:
    change = price.change_from(low)
    told = "can be judged from two blocks on"
    if change is not None and change.low is not None:
        told = {
            1: "grows",
            -1: "falls",
            0: "does not change as far as this run can tell",
        }[sign(change)]
    return (
        f'"It grows with concurrency": from {_loop(first)} to {_loop(found)} the CPU price of a '
        f"hop changes by {numbers.estimate(change)} µs; it {told}."
    )


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


def price_sentences(found: PriceList) -> str:
    """How well the prices predict the variants that they did not come from."""
    if not found.forecasts:
        return "No variant could be left out and still be predicted."
    errors = [abs(f.error) for f in found.forecasts]
    worst = max(found.forecasts, key=lambda f: abs(f.error))
    within = sum(error <= GOOD_FORECAST for error in errors)
    return (
        f"Left out in turn and predicted from the others' prices, {within} of {len(errors)} costs "
        f"lie within {GOOD_FORECAST:.0%} of what was measured; the median error is "
        f"{statistics.median(errors):.0%}, and the largest {worst.error:+.0%} "
        f"({worst.variant}, {worst.endpoint})."
    )


def is_toll(name: str) -> bool:
    """Whether a price is one of a toll, rather than of a stack, queries or other work."""
    return name.startswith(TOLLS)


def sign(interval: Interval) -> int:
    """-1 or 1 where the interval lies on one side of zero, else 0."""
    if interval.low is None or interval.high is None:
        return 0
    return (interval.low > 0) - (interval.high < 0)


def _loop(found: PriceList) -> str:
    return conditions.connections(found.connections)


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]

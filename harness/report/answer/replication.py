"""Whether a published experiment repeats: the headline and the pictures of a replication."""

from collections import Counter
from collections.abc import Sequence

from harness.analysis.analyse import Analysis
from harness.analysis.labels.labels import Label
from harness.analysis.labels.rules import ERROR_SHARE
from harness.analysis.locust import Cell, Gain, Ramps
from harness.inputs.conditions import request
from harness.inputs.study import Condition
from harness.records.run import Run
from harness.report.answer.hero import Hero
from harness.report.answer.replication_pictures import rates_picture
from harness.report.drawing.figures import Figures
from harness.report.words import numbers
from harness.report.words.ramps import compared, silence
from harness.report.words.sentences import capital

_LARGE = 2.0
"""From this ratio on a gain is worth an explanation."""
_TELLING = 0.005
"""A share of failed requests that is told in whole percent."""


def headline(run: Run, analysis: Analysis) -> list[str]:
    """Does it repeat, or else who is faster; and what the largest ratio comes from."""
    ramps = analysis.ramps
    if ramps is None:
        return ["No trial is complete yet, so there is nothing to compare."]
    gains = [gain for gain in ramps.gains if gain.baseline == ramps.baseline] or list(ramps.gains)
    if run.rehearsal:
        return ["A rehearsal with a shortened ramp replicates nothing.", _answered(ramps)]
    if not gains:
        return [silence(ramps)]
    published = [gain for gain in gains if gain.published]
    first = _repeats(published) if published else _fastest(gains)
    return [first, _explained(ramps, gains)]


def heroes(run: Run, analysis: Analysis, figures: Figures) -> list[Hero]:
    """Published and measured ratios of the highest rates to the baseline's."""
    found = None if analysis.ramps is None else rates_picture(run, analysis.ramps, figures)
    return [] if found is None else [found]


def _answered(ramps: Ramps) -> str:
    """What a rehearsal shows."""
    silent = sum(not cell.trials for cell in ramps.cells)
    if not silent:
        return "It shows that every setup answers."
    return f"Of its {len(ramps.cells)} cells, {silent} have no success."


def _repeats(gains: Sequence[Gain]) -> str:
    """How often the setup that won in print wins here too."""
    again = sum(gain.published is not None and _sides(gain) for gain in gains)
    text = f"The published winner wins again in {again} of {len(gains)} comparisons"
    if any(gain.ours.low is None for gain in gains):
        return f"{text}, by estimates of one block."
    return f"{text}."


def _sides(gain: Gain) -> bool:
    """Whether the ratio here is shown to be on the published one's side of 1.

    Without an interval its estimate decides.
    """
    assert gain.published is not None
    here, low, high = compared(gain), gain.ours.low, gain.ours.high
    if low is not None and high is not None and low <= 1 <= high:
        return False
    return (here > 1 and gain.published > 1) or (here < 1 and gain.published < 1)


def _fastest(gains: Sequence[Gain]) -> str:
    """The largest ratio that is shown, either way."""
    shown = [gain for gain in gains if gain.ours.low is None or not _holds_one(gain)]
    if not shown:
        return "No setup is shown to reach a higher rate than another."
    most = max(shown, key=_distance)
    ratio = compared(most)
    ahead, behind = (most.setup, most.baseline) if ratio >= 1 else (most.baseline, most.setup)
    times = numbers.rough(max(ratio, 1 / ratio))
    text = f"{ahead} reaches {times} times the rate of {behind} on {_where(most.condition)}"
    return f"{text}, by one block." if most.ours.low is None else f"{text}."


def _holds_one(gain: Gain) -> bool:
    low, high = gain.ours.low, gain.ours.high
    return low is not None and high is not None and low <= 1 <= high


def _distance(gain: Gain) -> float:
    ratio = compared(gain)
    return max(ratio, 1 / ratio)


def _explained(ramps: Ramps, gains: Sequence[Gain]) -> str:
    """What limits the slower setup where gains are large; or at the largest ratio."""
    large = [gain for gain in gains if _distance(gain) >= _LARGE]
    if len(large) <= 1:
        most = max(gains, key=_distance)
        return f"{capital(_place(most.condition))}, {_why(ramps, most, exact=True)}."
    reasons = Counter(_why(ramps, gain) for gain in large)
    why, times = reasons.most_common(1)[0]
    highest = numbers.rough(max(_distance(gain) for gain in large))
    of = f"all {len(large)}" if times == len(large) else f"{times} of {len(large)}"
    return f"Ratios reach {highest}. In {of} comparisons above {_LARGE:g} times, {why}."


def _why(ramps: Ramps, gain: Gain, *, exact: bool = False) -> str:
    """What the data say of the slower setup: that requests failed, or what limited it."""
    slower = gain.baseline if compared(gain) >= 1 else gain.setup
    cell = ramps.cell(slower, gain.condition)
    share = cell.failed_share
    if share is not None and share > ERROR_SHARE:
        many = f"{100 * share:.0f} % of the requests" if exact and share >= _TELLING else "requests"
        return f"{many} of {slower} failed"
    return f"{slower} {_limit(cell)}"


def _limit(cell: Cell) -> str:
    labels = {finding.label for finding in cell.limits}
    if Label.DATABASE_BOUND in labels:
        return "is limited by PostgreSQL"
    if Label.LATENCY_BOUND in labels:
        latency = cell.condition.latency
        delayed = latency is not None and any(latency.legs.values())
        return "waits for round trips" if delayed else "waits in a queue"
    if Label.POOL_BOUND in labels:
        return "waits for connections"
    if Label.SERVER_BOUND in labels:
        return "uses all of its CPU"
    return "has no single limit"


def _where(condition: Condition) -> str:
    """A condition in a few words."""
    legs = {} if condition.latency is None else condition.latency.legs
    added = max(legs.values(), default=0.0)
    return request(condition.endpoint) + (f" with {added:g} ms added" if added else "")


def _place(condition: Condition) -> str:
    return f"on {_where(condition)}"

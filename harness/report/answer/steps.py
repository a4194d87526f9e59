"""The steps of waterfalls in a headline: which one adds the most, and what it is."""

from harness.analysis.analyse import Analysis
from harness.analysis.causes.explain import ConditionCauses
from harness.analysis.causes.waterfalls import Fall, Step
from harness.inputs.conditions import brief
from harness.records.run import Run
from harness.report.words import numbers
from harness.report.words.changes import change


def working(analysis: Analysis) -> list[ConditionCauses]:
    """The causes to be told first: under conditions with every variant, where some work is done."""
    whole = [item for item in analysis.causes.conditions if item.condition.group is None]
    whole = whole or list(analysis.causes.conditions)
    return [item for item in whole if item.condition.endpoint != "noop"] or whole


def bridge_sentence(run: Run, analysis: Analysis) -> str:
    """The largest step of the first waterfall with a shown step; empty without one."""
    candidates = [
        (item.condition, fall)
        for item in working(analysis)
        for fall in item.falls
        if any(step.called for step in fall.steps)
    ]
    if not candidates:
        return ""
    condition, fall = max(candidates, key=lambda found: _difference(found[1]))
    step = largest(fall)
    if step is None:
        return ""
    whole, part = (numbers.number(us) for us in (_difference(fall), step.added.mean))
    where = brief(condition, [item.condition for item in analysis.causes.conditions])
    return (
        f"On {where} {fall.steps[-1].variant} spends {whole} µs more than {fall.first}: {part} on "
        f"{change(run, _before(fall, step), step.variant)}."
    )


def largest_cause(run: Run, fall: Fall) -> str:
    """The step that adds the most, as a sentence; or why none is told."""
    step = largest(fall)
    if step is None:
        if all(s.called is None for s in fall.steps):
            return "One block gives estimates of its causes, and no verdict."
        return "No single step is shown to add to it."
    cause = change(run, _before(fall, step), step.variant)
    return f"The largest single cause: {cause}, {_amount(fall, step)}."


def largest(fall: Fall) -> Step | None:
    """The step that adds the most, of those that are shown to add something."""
    adding = [step for step in fall.steps if step.called and step.added.mean > 0]
    return max(adding, key=lambda step: step.added.mean, default=None)


def _amount(fall: Fall, step: Step) -> str:
    return f"{numbers.number(step.added.mean)} of {numbers.number(_difference(fall))} µs"


def _difference(fall: Fall) -> float:
    return fall.end.mean - fall.start.mean


def _before(fall: Fall, step: Step) -> str:
    names = [fall.first, *(item.variant for item in fall.steps)]
    return names[names.index(step.variant) - 1]

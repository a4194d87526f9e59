"""Who is ahead, by how much, and who is tied: the headline and the dot plots of a ranking."""

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from harness.analysis.analyse import Analysis, ConditionResult
from harness.analysis.measures import Measure
from harness.analysis.stats.verdicts import Decision, Verdict
from harness.analysis.variants import Comparison
from harness.inputs.conditions import brief
from harness.inputs.factors import FRAMEWORK
from harness.inputs.groups import MOST, groups_of, leading_factor
from harness.inputs.study import Condition
from harness.records.run import Run
from harness.report.answer.hero import Hero
from harness.report.answer.standings import standing
from harness.report.answer.steps import bridge_sentence
from harness.report.charts.dots import alternative, dot_file
from harness.report.charts.specification import colour_name, group_colours
from harness.report.drawing.figures import Figures
from harness.report.words import numbers
from harness.report.words.sentences import capital, listed
from harness.report.words.verdicts import one_block, times_behind, to_best

_GAPS = {
    Measure.CPU: "{worse} uses {ratio} times the CPU of {best}",
    Measure.THROUGHPUT: "{best} answers {ratio} times as many requests as {worse}",
    Measure.P99: "{worse} has {ratio} times the 99th percentile of {best}",
    Measure.SUSTAINED: "{best} sustains {ratio} times the rate of {worse}",
}
_BEHIND = {
    Measure.CPU: "{worse} uses {ratio} times its CPU",
    Measure.THROUGHPUT: "it answers {ratio} times as many requests as {worse}",
    Measure.P99: "{worse} has {ratio} times its 99th percentile",
    Measure.SUSTAINED: "it sustains {ratio} times the rate of {worse}",
}
_MOST_NAMES = 2
"""In a list of a headline; of more, the number is told."""
_MOST_LEADERS = 3
"""That a headline names."""


class Place(msgspec.Struct, frozen=True):
    """A ranked condition, by its first measure.

    among: all conditions of the run.
    tied: variants that are not shown to differ from the best, with the verdict on their ratio to
        it.
    """

    condition: Condition
    among: tuple[Condition, ...]
    comparison: Comparison
    tied: dict[str, Decision]

    @property
    def where(self) -> str:
        """The condition in a few words."""
        return brief(self.condition, self.among)

    @property
    def best(self) -> str:
        """The first of the ranking."""
        return self.comparison.ranking[0]

    @property
    def level(self) -> bool:
        """Whether no variant is shown to differ from the best."""
        return len(self.tied) == len(self.comparison.ranking) - 1

    @property
    def leaders(self) -> frozenset[str]:
        """The best and all that are tied with it."""
        return frozenset((self.best, *self.tied))


class Gap(msgspec.Struct, frozen=True):
    """The distance between the best and the baseline, or else the last, where it is shown."""

    place: Place
    worse: str
    ratio: float

    @property
    def text(self) -> str:
        """As a sentence without its full stop."""
        gap = _GAPS[self.place.comparison.measure].format(
            worse=self.worse, best=self.place.best, ratio=numbers.rough(self.ratio)
        )
        return f"{gap} on {self.place.where}"

    @property
    def behind(self) -> str:
        """The same after a clause that has named the best."""
        gap = _BEHIND[self.place.comparison.measure].format(
            worse=self.worse, ratio=numbers.rough(self.ratio)
        )
        return f"{gap} on {self.place.where}"


def headline(run: Run, analysis: Analysis) -> list[str]:
    """Who leads and by how much; then the largest cause, where known stacks stand, or who is tied.

    The gap is the widest under conditions that do some work, where there are any.
    """
    places = places_of(analysis)
    if not places:
        return _one_block(analysis) or [nothing(analysis)]
    if all(len(place.comparison.ranking) == 1 for place in places):
        return _alone(places[0])
    gaps = [gap for place in places if (gap := gap_of(place, analysis.baseline)) is not None]
    if not gaps:
        return _level(places)
    working = [gap for gap in gaps if gap.place.condition.endpoint != "noop"]
    gap = max(working or gaps, key=lambda gap: gap.ratio)
    second = bridge_sentence(run, analysis)
    if len(places) == 1:
        return [line for line in (f"{gap.text}.", second or _ties(places[0])) if line]
    where = gap.place.where
    stand = "" if second else standing(run, gap.place.comparison, where, analysis.baseline)
    rest = second or stand or f"{gap.text}."
    leaders = _leaders(places)
    if not leaders:
        return [_several(places), rest]
    lead = _lead(leaders, places)
    if stand or len(leaders) > 1:
        return [f"{lead}.", rest]
    behind = gap.behind if gap.place.best == leaders[0] else gap.text
    return [f"{lead}; {behind}.", *([second] if second else [])]


def places_of(analysis: Analysis) -> list[Place]:
    """Every condition with a ranking by its first measure."""
    among = tuple(result.condition for result in analysis.conditions)
    return [
        Place(result.condition, among, comparison, _tied(comparison, analysis.baseline))
        for result in analysis.conditions
        if (comparison := result.first).ranking
    ]


def gap_of(place: Place, baseline: str) -> Gap | None:
    """The shown distance between the best and the baseline, or else the last that differs."""
    behind = [name for name in place.comparison.ranking[1:] if name not in place.tied]
    if not behind:
        return None
    worse = baseline if baseline in behind else behind[-1]
    ratio = times_behind(place.comparison, worse, baseline)
    return None if ratio is None else Gap(place, worse, ratio)


def _one_block(analysis: Analysis) -> list[str]:
    """What a single block estimates; empty where intervals exist, or nothing does."""
    among = [result.condition for result in analysis.conditions]
    for result in analysis.conditions:
        comparison = result.first
        known = [n for n in comparison.ordered if n != analysis.duplicate]
        if len(known) > 1 and all(comparison.estimates[n].low is None for n in known):
            where = brief(result.condition, among)
            return one_block(f"{known[0]} comes first on {where}")
    return []


def nothing(analysis: Analysis) -> str:
    """Why there is no ranking."""
    firsts = [result.first for result in analysis.conditions]
    unsaid = [c.unsaid for c in firsts if c.unsaid and c.estimates]
    if unsaid:
        return f"No stack can be ranked: {unsaid[0]}."
    if any(sum(result.trials.values()) for result in analysis.conditions):
        return "No stack has figures: every trial failed."
    return "No trial is complete yet, so there is nothing to compare."


def _tied(comparison: Comparison, baseline: str) -> dict[str, Decision]:
    found = to_best(comparison, baseline)
    return {
        name: found[name]
        for name in comparison.ranking[1:]
        if name in found and found[name].verdict is not Verdict.DIFFERS
    }


def _alone(place: Place) -> list[str]:
    value = numbers.number(place.comparison.estimates[place.best].mean)
    what = f"{place.comparison.measure.heading}: {value} on {place.where}"
    return [f"Only {place.best} has figures, so there is no comparison.", f"Its {what}."]


def _level(places: Sequence[Place]) -> list[str]:
    """No shown difference: what is ruled out, or that one block rules out nothing."""
    decisions = [decision for place in places for decision in place.tied.values()]
    if all(decision.verdict is Verdict.SAME for decision in decisions) and decisions:
        return ["All stacks are the same within the study's margin."]
    if any(d.verdict is Verdict.UNDECIDED and d.at_most is None for d in decisions):
        place = places[0]
        return one_block(f"{place.best} comes first on {place.where}")
    most = max((d.at_most for d in decisions if d.at_most is not None), default=None)
    if most is None:
        return ["No stack is shown to be ahead."]
    return [
        "No stack is shown to be ahead.",
        f"Differences from the best are at most {numbers.at_most(most)}.",
    ]


def _leaders(places: Sequence[Place]) -> list[str]:
    """Variants that are best or tied with the best everywhere, the most often best one first.

    Empty if none of them is the best anywhere.
    """
    everywhere = frozenset.intersection(*(place.leaders for place in places))
    firsts = Counter(place.best for place in places)

    def order(name: str) -> tuple[int, int]:
        return -firsts[name], sum(p.comparison.ranking.index(name) for p in places)

    leaders = sorted(everywhere, key=order)
    return leaders if any(firsts[name] for name in leaders) else []


def _lead(leaders: Sequence[str], places: Sequence[Place]) -> str:
    """Who leads everywhere, as a clause."""
    where = f"on all {len(places)} {_what(places)}"
    first, *others = leaders
    if len(leaders) > _MOST_LEADERS:
        return f"{first} and {len(others)} others lead or tie {where}"
    if others:
        return f"{listed(leaders)} lead or tie {where}"
    verb = "leads or ties" if any(p.best != first or p.tied for p in places) else "leads"
    return f"{first} {verb} {where}"


def _several(places: Sequence[Place]) -> str:
    """Who leads where, if no variant leads everywhere."""
    by_leader: dict[str, list[Place]] = {}
    for place in places:
        by_leader.setdefault(place.best, []).append(place)
    if len(by_leader) > _MOST_NAMES or len(places) > _MOST_NAMES + 1:
        leader, led = max(by_leader.items(), key=lambda item: len(item[1]))
        return (
            f"No stack leads everywhere; {leader} {_verb(led)} most often, on {len(led)} of "
            f"{len(places)} {_what(places)}."
        )
    told = [
        f"{name} {_verb(led)} on {listed([p.where for p in led])}"
        for name, led in by_leader.items()
    ]
    return f"{'; '.join(told)}."


def _verb(led: Sequence[Place]) -> str:
    """What the best of these places does there."""
    return "leads or ties" if any(place.tied for place in led) else "leads"


def _ties(place: Place) -> str:
    """Who is tied with the best; or who comes next; of two that differ, nothing is left to say."""
    tied, ranking = list(place.tied), place.comparison.ranking
    if not tied:
        return f"The next best is {ranking[1]}." if len(ranking) > 2 else ""
    if len(tied) > _MOST_NAMES:
        return f"{len(tied)} other stacks are not told apart from {place.best}."
    verb = "is" if len(tied) == 1 else "are"
    return f"{listed(tied)} {verb} not told apart from {place.best}."


def _what(places: Sequence[Place]) -> str:
    endpoints = {place.condition.endpoint for place in places}
    return "endpoints" if len(endpoints) == len(places) else "conditions"


PANELS = 3
"""Conditions that stand side by side; of more, the page shows the one that is chosen."""


def heroes(run: Run, analysis: Analysis, figures: Figures) -> list[Hero]:
    """A dot plot of each of the first conditions."""
    shown = [result for result in analysis.conditions if result.first.estimates]
    groups = groups_of(run.variants)
    palette = group_colours(groups.values())
    return [
        _panel(result, analysis, chosen_rows(result, groups, analysis.baseline), palette, figures)
        for result in shown[:PANELS]
    ]


def key(run: Run) -> str:
    """Which colour is which group; empty where names of variants begin with their groups."""
    palette = group_colours(groups_of(run.variants).values())
    if len(palette) < 2 or leading_factor(run.variants) == FRAMEWORK:
        return ""
    return " ".join(f"{capital(colour_name(colour))}: {name}." for name, colour in palette.items())


def _panel(
    result: ConditionResult,
    analysis: Analysis,
    rows: Mapping[str, str],
    palette: Mapping[str, str],
    figures: Figures,
) -> Hero:
    comparison, condition = result.first, result.condition
    among = [other.condition for other in analysis.conditions]
    spec = dot_file(result, comparison, analysis.baseline, rows, palette, analysis.margin)
    title = brief(condition, among)
    figure = figures.add(
        f"{condition.name}-{comparison.measure.value}",
        capital(title),
        spec,
        alternative(comparison, analysis.baseline, rows),
    )
    return Hero(
        figure,
        condition=condition.name,
        endpoint=condition.endpoint,
        measure=comparison.measure.value,
        live=True,
    )


def chosen_rows(
    result: ConditionResult, groups: Mapping[str, str], baseline: str
) -> dict[str, str]:
    """The variants of a condition's dot plot, with their groups.

    All of them, or of more than can be shown singly the baseline and the best of each group.
    """
    present = [name for name in result.planned if name in groups]
    if len(present) > MOST:
        order = result.first.ordered
        best: dict[str, str] = {}
        for name in order:
            best.setdefault(groups[name], name)
        kept = {*best.values(), baseline}
        present = [name for name in present if name in kept]
    return {name: groups[name] for name in present}

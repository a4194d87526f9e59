"""The leaderboard of a run: stacks by endpoints, with every pair's ratio, as plain data."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from harness.analysis.analyse import Analysis, ConditionResult
from harness.analysis.condition import MeasuredCondition
from harness.analysis.measures import Measure, ranked
from harness.analysis.stats.pairs import Pairs
from harness.analysis.stats.ties import letters
from harness.analysis.stats.verdicts import Decision, Verdict
from harness.analysis.variants import Comparison
from harness.inputs import conditions
from harness.inputs.factors import FRAMEWORK, differences, factors_of
from harness.inputs.kinds import StudyKind, kind_of
from harness.inputs.study import Condition
from harness.records.run import Run
from harness.report.data.explorer import MEASURES
from harness.report.data.rounding import rounded
from harness.report.words import changes, decisions

MOST_COLUMNS = 6
"""A board with more conditions shows them by load or by endpoint."""
_DIGITS = 5
_NO_VERDICT = "this load gives no verdict on it"


class BoardStack(msgspec.Struct, frozen=True):
    """A row: a variant of the study.

    framework, data, server, views: by which rows are filtered; empty if unknown.
    factors: of the variant, see `factors_of`.
    note: why it has no figure anywhere; empty if it has one.
    """

    name: str
    title: str
    framework: str
    data: str
    server: str
    views: str
    factors: dict[str, str]
    note: str


class BoardPairs(msgspec.Struct, frozen=True):
    """Ratios of all pairs, each of the later to the earlier of two entries.

    In the order of the first entry with the second, third and so on, then the second with the
    third. None without a block in common, and bounds without two blocks.

    verdict: the place of each in `Board.verdicts`; None where the measure gives none.
    """

    ratio: tuple[float | None, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]
    verdict: tuple[int | None, ...]


class BoardFigures(msgspec.Struct, frozen=True):
    """One measure under one condition.

    entries: places of stacks, from best to worst. values: mean and bounds of each.
    letters: of its tie groups; empty where nothing is ranked.
    unsaid: why nothing is ranked; empty if it is. misleading: whether ratios are not of the stacks.
    """

    entries: tuple[int, ...]
    values: tuple[tuple[float | None, float | None, float | None], ...]
    letters: tuple[str, ...]
    unsaid: str
    misleading: bool
    pairs: BoardPairs


class BoardColumn(msgspec.Struct, frozen=True):
    """A condition.

    heading, load: what is requested, and how. title: both in full.
    missing: why stacks have no figures here: a word and a clause, by the stack's place.
    measures: those with figures.
    """

    name: str
    heading: str
    load: str
    title: str
    missing: dict[int, tuple[str, str]]
    measures: dict[str, BoardFigures]


class BoardView(msgspec.Struct, frozen=True):
    """Columns that are shown together.

    group: a heading for several views.
    sorts: the column by which rows are sorted at first, by measure; see `widest`.
    """

    key: str
    group: str
    title: str
    columns: tuple[int, ...]
    sorts: dict[str, int]


class Board(msgspec.Struct, frozen=True):
    """The figures of one run.

    baseline: the place of the study's baseline; None if a stranger's study has none.
    verdicts: in words; the first two are *differs* and *the same within ...*.
    ranks: whether the study asks who is ahead.
    measures: their headings, and whether less is better. first: the one that is shown first.
    views: the first is shown first.
    phrases: what differs between two stacks, by factor, its value in the one and in the other.
    """

    run: str
    study: str
    baseline: int | None
    ranks: bool
    verdicts: tuple[str, ...]
    measures: dict[str, tuple[str, bool]]
    stacks: tuple[BoardStack, ...]
    columns: tuple[BoardColumn, ...]
    views: tuple[BoardView, ...]
    phrases: dict[str, dict[str, dict[str, str]]]
    first: str


def board_of(run: Run, analysis: Analysis, measured: Sequence[MeasuredCondition]) -> Board | None:
    """The leaderboard of a run; None for one without any figure, as a ramp of Locust is.

    Args:
        run, analysis: what was measured, and its estimates.
        measured: the same conditions, for their pairs.
    """
    results = analysis.conditions
    offered = [m for m in MEASURES if any(_variants(r.comparisons[m], analysis) for r in results)]
    if not offered:
        return None
    verdicts = _Verdicts(analysis.margin)
    place = {name: at for at, name in enumerate(run.study.everyone)}
    by_condition = {item.condition: item for item in measured}
    loads = Counter((r.condition.endpoint, conditions.load(r.condition)) for r in results)
    columns = tuple(
        BoardColumn(
            name=result.condition.name,
            heading=conditions.kind_of_request(result.condition.endpoint),
            load=_load(result.condition, loads),
            title=conditions.condition_title(result.condition),
            missing={
                place[item.entry]: (item.word, item.reason)
                for item in result.missing
                if item.entry in place
            },
            measures={
                m.value: _figures(result, by_condition[result.condition], m, place, verdicts)
                for m in offered
                if _variants(result.comparisons[m], analysis)
            },
        )
        for result in results
    )
    views = tuple(
        BoardView(key, group, title, places, {m.value: widest(results, places, m) for m in offered})
        for key, group, title, places in _views([result.condition for result in results])
    )
    return Board(
        run=run.id,
        study=run.study_name,
        baseline=place.get(analysis.baseline),
        ranks=kind_of(run.study) is StudyKind.RANKING,
        verdicts=tuple(verdicts.words),
        measures={m.value: (m.heading, m.lower_is_better) for m in offered},
        stacks=tuple(_stack(run, name, analysis) for name in run.study.everyone),
        columns=columns,
        views=views,
        phrases=_phrases(run),
        first=_first(results, columns, views[0]),
    )


class _Verdicts:
    """Verdicts in words, each once, with its place."""

    def __init__(self, margin: float) -> None:
        self.words = ["differs", decisions.same(margin)]
        self._margin = margin
        self._places = {word: at for at, word in enumerate(self.words)}

    def place(self, decision: Decision) -> int:
        if decision.verdict is Verdict.DIFFERS:
            return 0
        word = decisions.in_full(decision, self._margin)
        at = self._places.setdefault(word, len(self.words))
        if at == len(self.words):
            self.words.append(word)
        return at


def _variants(comparison: Comparison, analysis: Analysis) -> list[str]:
    return [name for name in comparison.estimates if name != analysis.duplicate]


def _load(condition: Condition, loads: Mapping[tuple[str, str], int]) -> str:
    """The load; with the size of the table where that tells two columns apart."""
    text = conditions.load(condition)
    return text if loads[condition.endpoint, text] == 1 else f"{text}, {condition.rows:,} rows"


def _stack(run: Run, name: str, analysis: Analysis) -> BoardStack:
    record = run.variants[name]
    factors = factors_of(name, record)
    return BoardStack(
        name=name,
        title=record.title,
        framework=record.framework,
        data=changes.data_layer(factors.get("data", "")),
        server=record.server,
        views=factors.get("views", ""),
        factors=factors,
        note=_note(run, name, analysis),
    )


def _note(run: Run, name: str, analysis: Analysis) -> str:
    if any(name in c.estimates for r in analysis.conditions for c in r.comparisons.values()):
        return ""
    found = [item for item in analysis.missing if item.entry == name]
    if found:
        return f"{found[0].word}: {found[0].reason}"
    return f"excluded: {run.excluded[name]}" if name in run.excluded else "not measured"


def _figures(
    result: ConditionResult,
    measured: MeasuredCondition,
    measure: Measure,
    place: Mapping[str, int],
    verdicts: _Verdicts,
) -> BoardFigures:
    comparison = result.comparisons[measure]
    means = {n: e.mean for n, e in comparison.estimates.items() if n in place}
    by_mean = sorted(means, key=means.__getitem__, reverse=not measure.lower_is_better)
    entries = comparison.ranking or tuple(by_mean)
    compares = measure in ranked(result.condition)
    return BoardFigures(
        entries=tuple(place[name] for name in entries),
        values=tuple(
            (_rounded(e.mean), _rounded(e.low), _rounded(e.high))
            for e in (comparison.estimates[name] for name in entries)
        ),
        letters=tuple(letters(comparison.groups, name) for name in entries),
        unsaid="" if comparison.ranking else comparison.unsaid or _NO_VERDICT,
        misleading=compares and comparison.unsaid is not None,
        pairs=_pairs(measured.pairs(measure), comparison, entries, verdicts, measured.baseline),
    )


def _pairs(
    pairs: Pairs, comparison: Comparison, entries: Sequence[str], verdicts: _Verdicts, baseline: str
) -> BoardPairs:
    """Verdicts on ratios to the baseline are those of its own family, as everywhere."""
    ratio, low, high, verdict = [], [], [], []
    for at, better in enumerate(entries):
        for worse in entries[at + 1 :]:
            effect = pairs.effect(worse, better)
            interval = None if effect is None else effect.interval().exp()
            ratio.append(None if interval is None else _rounded(interval.mean))
            low.append(None if interval is None else _rounded(interval.low))
            high.append(None if interval is None else _rounded(interval.high))
            decision = pairs.decision(worse, better) if comparison.ranking else None
            if comparison.ranking and baseline in (worse, better):
                other = worse if better == baseline else better
                decision = comparison.decisions.get(other, decision)
            verdict.append(None if decision is None else verdicts.place(decision))
    return BoardPairs(tuple(ratio), tuple(low), tuple(high), tuple(verdict))


def _views(shown: Sequence[Condition]) -> list[tuple[str, str, str, tuple[int, ...]]]:
    """All columns; of many, those of one load or of one endpoint, most endpoints first.

    Returns:
        Key, group, title and columns of each view.
    """
    if len(shown) <= MOST_COLUMNS:
        return [("all", "", "all endpoints and loads", tuple(range(len(shown))))]
    loads: dict[str, list[int]] = {}
    endpoints: dict[str, list[int]] = {}
    for at, condition in enumerate(shown):
        loads.setdefault(conditions.load(condition), []).append(at)
        endpoints.setdefault(condition.endpoint, []).append(at)
    by_load = [(f"load:{load}", "One load", load, tuple(places)) for load, places in loads.items()]
    by_endpoint = [
        (f"endpoint:{name}", "One endpoint", conditions.kind_of_request(name), tuple(at))
        for name, at in endpoints.items()
        if len(at) > 1
    ]
    by_load.sort(key=lambda view: -len(view[-1]))
    return [*by_load, *by_endpoint]


def _phrases(run: Run) -> dict[str, dict[str, dict[str, str]]]:
    names = run.study.everyone
    factors = [factors_of(name, run.variants[name]) for name in names]
    titles = {f[FRAMEWORK]: run.variants[n].framework for n, f in zip(names, factors, strict=True)}
    found: dict[str, dict[str, dict[str, str]]] = {}
    for one in factors:
        for other in factors:
            for factor, (old, new) in differences(one, other).items():
                told = (
                    changes.told_of_framework(old, new, titles)
                    if factor == FRAMEWORK
                    else changes.told_of_factor(factor, old, new)
                )
                found.setdefault(factor, {}).setdefault(old, {})[new] = told
    return found


def _first(
    results: Sequence[ConditionResult], columns: Sequence[BoardColumn], view: BoardView
) -> str:
    """The first measure that ranks under a shown condition, else the first that there is."""
    wanted = [m.value for at in view.columns for m in ranked(results[at].condition)]
    there = [name for at in view.columns for name in columns[at].measures]
    there = there or [name for column in columns for name in column.measures]
    return next((name for name in wanted if name in there), there[0])


def widest(results: Sequence[ConditionResult], places: Sequence[int], measure: Measure) -> int:
    """The place of the condition by which rows are sorted at first.

    Of those that rank and do some work, the one under which stacks differ most: an order by one
    under which all are equal would be no order, and an empty request shows nobody's work.
    """
    return max(places, key=lambda at: _telling(results[at], measure))


def _telling(result: ConditionResult, measure: Measure) -> tuple[bool, bool, float]:
    comparison = result.comparisons[measure]
    means = [e.mean for e in comparison.estimates.values() if e.mean > 0]
    spread = math.log(max(means) / min(means)) if means else -1.0
    return bool(comparison.ranking), result.condition.endpoint != "noop", spread


def _rounded(value: float | None) -> float | None:
    return rounded(value, _DIGITS)

"""What the terminal shows of two runs beside each other, made for 80 columns."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from harness.analysis.measures import Measure
from harness.analysis.runs import Pair, Place, RunComparison, Verdict
from harness.records.comparability import Change
from harness.report.words import conditions, numbers

_STYLES = {
    Verdict.FASTER: "green",
    Verdict.SLOWER: "bold red",
    Verdict.TIE: "dim",
    Verdict.NOT_COMPARABLE: "yellow",
}
_OF_MEMORY = {Verdict.FASTER: "smaller", Verdict.SLOWER: "larger"}
_HOW_TO_READ = (
    "A pair is called faster or slower where the difference exceeds what two identical servers of "
    "one run differ by, beyond doubt and after adjustment for all pairs; a tie is no proof of "
    "equality. The two runs were not interleaved: what the machine did between them is in every "
    "ratio. A study that has both versions as variants is the stronger design."
)


def text(
    reasons: Sequence[str], changed: Sequence[Change], comparison: RunComparison
) -> RenderableType:
    """Doubts first, then what changed, the ratios by condition, and what one run has alone."""
    parts: list[RenderableType] = [
        Text.assemble(("not measured alike: ", "bold yellow"), reason) for reason in reasons
    ]
    parts += [Text(f"A: {comparison.run_a}"), Text(f"B: {comparison.run_b}"), *_changed(changed)]
    parts.append(Text(f"B / A by {comparison.measure.heading}, with 95 % intervals over blocks:"))
    for condition in dict.fromkeys(pair.condition for pair in comparison.pairs):
        parts.append(Text(f"\n{conditions.condition_title(condition)}", style="bold"))
        pairs = [pair for pair in comparison.pairs if pair.condition == condition]
        parts += _condition(pairs, comparison.measure)
    parts.append(Text(f"\n{tally(comparison)}"))
    parts += _alone("A", comparison.only_in_a) + _alone("B", comparison.only_in_b)
    parts.append(Text(_HOW_TO_READ, style="dim"))
    return Group(*parts)


def tally(comparison: RunComparison) -> str:
    """How many pairs there are of each verdict."""
    counts = {
        verdict: sum(pair.verdict is verdict for pair in comparison.pairs) for verdict in Verdict
    }
    found = [f"{said(v, comparison.measure)}: {count}" for v, count in counts.items() if count]
    return ", ".join(found) or "No variant was measured under one condition in both runs."


def said(verdict: Verdict, measure: Measure) -> str:
    """A verdict as a word; memory is not faster or slower."""
    return str(_OF_MEMORY.get(verdict, verdict) if measure is Measure.MEMORY else verdict)


def named(pair: Pair) -> str:
    """A pair with its ratio, within a sentence."""
    return f"{pair.variant} under {pair.condition.name} ({numbers.ratio(pair.ratio_b_to_a)})"


def _changed(changes: Sequence[Change]) -> list[RenderableType]:
    """A paragraph for each that changed, with old and new values."""
    if not changes:
        return [Text("Nothing that the runs keep account of changed from A to B.")]
    parts: list[RenderableType] = [Text("What changed from A to B:")]
    for subject in dict.fromkeys(change.subject for change in changes):
        said = ", ".join(_change(change) for change in changes if change.subject == subject)
        parts.append(Padding(Text(f"{subject}: {said}"), (0, 0, 0, 2)))
    return parts


def _change(change: Change) -> str:
    a, b = (numbers.MISSING if value is None else value for value in (change.a, change.b))
    return f"{change.name} {a} -> {b}"


def _condition(pairs: Sequence[Pair], measure: Measure) -> list[RenderableType]:
    """A table of what compares, and below it why the rest does not."""
    parts: list[RenderableType] = []
    told = [pair for pair in pairs if pair.verdict is not Verdict.NOT_COMPARABLE]
    if told:
        parts.append(_table(told, measure))
    for reason in dict.fromkeys(pair.reason for pair in pairs if pair.reason is not None):
        names = ", ".join(pair.variant for pair in pairs if pair.reason == reason)
        verdict = Verdict.NOT_COMPARABLE
        parts.append(Text.assemble((f"{verdict}: ", _STYLES[verdict]), f"{names}: {reason}"))
    return parts


def _table(pairs: Sequence[Pair], measure: Measure) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("variant", overflow="fold")
    table.add_column("A", justify="right", no_wrap=True)
    table.add_column("B", justify="right", no_wrap=True)
    table.add_column("B / A", no_wrap=True)
    table.add_column("", no_wrap=True)
    for pair in pairs:
        table.add_row(
            Text(pair.variant),
            *(numbers.number(value.mean) for side in (pair.a, pair.b) for value in side.values()),
            numbers.ratio(pair.ratio_b_to_a),
            Text(said(pair.verdict, measure), style=_STYLES[pair.verdict]),
        )
    return table


def _alone(run: str, places: Sequence[Place]) -> list[RenderableType]:
    """By condition, the variants that were measured in one run alone."""
    parts: list[RenderableType] = []
    for condition in dict.fromkeys(place.condition for place in places):
        names = ", ".join(place.variant for place in places if place.condition == condition)
        parts.append(Text(f"only in {run}: {conditions.condition_title(condition)}: {names}"))
    return parts

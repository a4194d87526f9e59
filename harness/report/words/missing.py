"""What has no figures, in words: who, where, why, and the remedy."""

from collections.abc import Sequence

from harness.analysis.analyse import Analysis
from harness.analysis.missing import Absence, MissingFigures
from harness.records.plan import DUPLICATE
from harness.report.words.conditions import condition_title

NO_FIGURE = "no figure"
"""Stands in place of the value of an entry that has none."""
_EVERYWHERE = 2
"""Conditions from which on their number is told, and not each title."""


def entry_title(entry: str) -> str:
    """An entry by its variant; the hidden duplicate is a second server of it."""
    if entry.endswith(DUPLICATE):
        return f"{entry.removesuffix(DUPLICATE)} again (A/A)"
    return entry


def missing_sentence(missing: Sequence[MissingFigures]) -> str:
    """One sentence that names the entries without figures; empty without any."""
    if not missing:
        return ""
    return f"No figures: {', '.join(f'{entry_title(m.entry)} ({m.word})' for m in missing)}."


def missing_lines(analysis: Analysis) -> list[str]:
    """A line for each entry and reason: under which conditions it has no figures, why, remedy."""
    conditions = len(
        {
            *(result.condition for result in analysis.conditions),
            *(cell.condition for cell in (analysis.ramps.cells if analysis.ramps else ())),
            *(item.condition for item in analysis.missing),
        }
    )
    groups: dict[tuple[str, Absence, str, str], list[MissingFigures]] = {}
    for item in analysis.missing:
        groups.setdefault((item.entry, item.absence, item.reason, item.remedy), []).append(item)
    return [
        _line(entry_title(entry), absence, reason, remedy, group, conditions)
        for (entry, absence, reason, remedy), group in groups.items()
    ]


def _line(
    title: str,
    absence: Absence,
    reason: str,
    remedy: str,
    group: Sequence[MissingFigures],
    conditions: int,
) -> str:
    if absence is Absence.EXCLUDED:
        return f"{title} was excluded before measuring: {reason.rstrip('.')}; {remedy}."
    label = "" if group[0].label is None else f"{group[0].word}: "
    where = _where(group, conditions)
    return f"{title} has no figures{where}. {label}{reason.rstrip('.')}; {remedy}."


def _where(group: Sequence[MissingFigures], conditions: int) -> str:
    if len(group) == conditions:
        return ""
    if len(group) > _EVERYWHERE:
        return f" under {len(group)} of {conditions} conditions"
    return f" under {' and under '.join(condition_title(item.condition) for item in group)}"

"""What has no figures, in words: who, where, why, and the remedy."""

import textwrap
from collections.abc import Sequence

from harness.analysis.analyse import Analysis
from harness.analysis.labels.errors import in_words
from harness.analysis.labels.labels import Label
from harness.analysis.missing import Absence, MissingFigures
from harness.inputs.conditions import condition_title
from harness.inputs.study import Condition
from harness.records.plan import DUPLICATE

NO_FIGURE = "no figure"
"""Stands in place of the value of an entry that has none."""
_EVERYWHERE = 2
"""Of more conditions than this, their number is told and not each title."""


def entry_title(entry: str) -> str:
    """An entry by its variant; the hidden duplicate is a second server of it."""
    if entry.endswith(DUPLICATE):
        return f"{entry.removesuffix(DUPLICATE)} again (A/A)"
    return entry


_SHORT = 52
"""Characters of a reason beside a row of a chart."""


def short(item: MissingFigures) -> str:
    """Why an entry has no figures, in a few words; what is longer is cut."""
    text = f"{item.word}: {item.reason}" if item.absence is Absence.EXCLUDED else item.reason
    return textwrap.shorten(text, _SHORT, placeholder=" …")


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
    by_entry: dict[tuple[str, str, str], list[MissingFigures]] = {}
    for item in analysis.missing:
        by_entry.setdefault((item.entry, item.reason, item.remedy), []).append(item)
    groups: dict[tuple[tuple[Condition, ...], str, str], list[str]] = {}
    first: dict[tuple[tuple[Condition, ...], str, str], MissingFigures] = {}
    for (entry, reason, remedy), items in by_entry.items():
        key = (tuple(item.condition for item in items), reason, remedy)
        groups.setdefault(key, []).append(entry_title(entry))
        first.setdefault(key, items[0])
    return [_line(titles, first[key], _where(key[0], conditions)) for key, titles in groups.items()]


def _line(titles: Sequence[str], item: MissingFigures, where: str) -> str:
    """Who, where, why, and what to do."""
    who, many = ", ".join(titles), len(titles) > 1
    why = f"{item.reason.rstrip('.')}. To do: {item.remedy}."
    if item.absence is Absence.EXCLUDED:
        return f"{who} {'were' if many else 'was'} excluded before measuring: {why}"
    return f"{who} {'have' if many else 'has'} no figures{where} ({item.word}): {why}"


def _where(named: Sequence[Condition], conditions: int) -> str:
    if len(named) == conditions:
        return ""
    if len(named) > _EVERYWHERE:
        return f" under {len(named)} of {conditions} conditions"
    return f" under {' and under '.join(condition_title(condition) for condition in named)}"


def without_answers(item: MissingFigures) -> str:
    """What became of the requests to a variant without figures, beneath its name in a chart."""
    if item.label is Label.STARVED:
        return answerless(item)
    failed = sum(item.errors.values())
    text = f"{item.word}: {in_words(item.errors)}" if failed else item.word
    return text if item.threads is None else f"{text}; {item.threads:,} threads"


def answerless(item: MissingFigures) -> str:
    """How much a variant was asked that answered nothing."""
    asked = sum(item.errors.values())
    text = f"0 of {asked:,} requests answered" if asked else "no request answered"
    if item.errors.keys() - {"timeout"}:
        text += " correctly"
    if item.elapsed_s:
        text += f" in {item.elapsed_s:g}\u00a0s"
    return text if item.threads is None else f"{text}; {item.threads:,} threads"

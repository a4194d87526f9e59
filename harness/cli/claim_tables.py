"""What the terminal shows of claims: one table of all, or one claim in full, for 80 columns."""

import textwrap
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import assert_never

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from harness.analysis.judgements import ClaimVerdict, Judgement
from harness.report.words import claims as words

_SHORT = 60
"""Characters of a claim in the table: three lines of its column."""
_VERDICT = 10
_NAME = 8


def claims_table(judgements: Sequence[Judgement]) -> RenderableType:
    """A row for each claim: its name, the verdict, what was said, and what that depends on."""
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold", expand=True)
    table.add_column("claim", max_width=_NAME, overflow="fold")
    table.add_column("verdict", width=_VERDICT)
    table.add_column("what was said", ratio=5)
    table.add_column("what it depends on", ratio=7)
    for judgement in judgements:
        verdict = judgement.verdict
        table.add_row(
            Text(judgement.claim.name, style="bold"),
            Text(verdict.value, style=_style(verdict)),
            Text(_shortened(judgement.claim.says)),
            Text(_sentence(judgement)),
        )
    example = judgements[0].claim.name if judgements else "A2"
    hint = f"`bridgetoll claims {example}` shows a claim in full."
    return Group(table, Text(hint, style="dim"))


def _shortened(text: str) -> str:
    """Cut between words; a first word that is too long, within."""
    short = textwrap.shorten(text, _SHORT, placeholder=" …")
    return f"{text[: _SHORT - 1]}…" if short == "…" else short


def _sentence(judgement: Judgement) -> str:
    sentence = words.sentence(judgement)
    if judgement.verdict is not ClaimVerdict.NOT_TESTED or not judgement.claim.studies:
        return sentence
    return f"{sentence} `{words.commands(judgement.claim)[0]}` does."


def claims_in_full(judgements: Iterable[Judgement]) -> RenderableType:
    """Each claim with its source, and every value that its verdict rests on."""
    return Group(*(part for judgement in judgements for part in _in_full(judgement)))


def _in_full(judgement: Judgement) -> list[RenderableType]:
    claim, verdict = judgement.claim, judgement.verdict
    head = Text.assemble((f"{claim.name}  ", "bold"), (verdict.value, _style(verdict)))
    lines = [Text(claim.says), Text(claim.source, style="dim")]
    lines += [Text(words.sentence(judgement), style="bold")]
    lines += [Text(line) for line in words.remarks(judgement)]
    lines += [Text(claim.note, style="dim")] if claim.note else []
    parts: list[RenderableType] = [head, *(Padding(line, (0, 0, 0, 4)) for line in lines)]
    for holds, rows in groupby(
        map(words.evidence_row, words.ordered(judgement.evidence)), lambda row: row["holds"]
    ):
        parts.append(Padding(Text(f"{holds}:", style="bold"), (0, 0, 0, 4)))
        for row in rows:
            value = Text.assemble((row["value"], "bold"), f", claimed {row['wanted']}: ")
            parts.append(Padding(value.append(row["what"]), (0, 0, 0, 6)))
            parts.append(Padding(Text(f"{row['where']} ({row['run']})", style="dim"), (0, 0, 0, 8)))
    if missing := words.missing_commands(judgement):
        told = " or ".join(f"`{command}`" for command in missing)
        what = "Test it" if verdict is ClaimVerdict.NOT_TESTED else "Decide what is open"
        parts.append(Padding(Text(f"{what} with {told}."), (0, 0, 0, 4)))
    return parts


def _style(verdict: ClaimVerdict) -> str:
    match verdict:
        case ClaimVerdict.SUPPORTED | ClaimVerdict.SUPPORTED_IN_PART:
            return "green"
        case ClaimVerdict.REFUTED | ClaimVerdict.REFUTED_IN_PART:
            return "bold red"
        case ClaimVerdict.DEPENDS:
            return "bold yellow"
        case ClaimVerdict.UNDECIDED | ClaimVerdict.NOT_TESTED:
            return "dim"
        case _:
            assert_never(verdict)

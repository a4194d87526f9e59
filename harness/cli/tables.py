"""What the terminal shows of claims and of identical servers, for 80 columns.

This module imports the analysis, so commands import it when they print.
"""

from collections.abc import Mapping, Sequence
from typing import assert_never

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from harness.analysis.claims import ClaimVerdict, Judgement
from harness.analysis.twins import TwinTally
from harness.report.words import claims as claim_words
from harness.report.words import twin_tally


def claims_text(
    judgements: Sequence[Judgement], titles: Mapping[str, str], *, evidence: bool = False
) -> RenderableType:
    """A paragraph for each claim: what was said, by whom, and what the runs say.

    Args:
        judgements: of the claims.
        titles: of conditions, by name.
        evidence: whether each value is shown.
    """
    parts = [part for judgement in judgements for part in _claim(judgement, titles, evidence)]
    if not evidence:
        parts.append(Text("--evidence shows the values.", style="dim"))
    return Group(*parts)


def _claim(judgement: Judgement, titles: Mapping[str, str], evidence: bool) -> list[RenderableType]:
    claim = judgement.claim
    parts: list[RenderableType] = [
        Text.assemble(
            (f"{claim.name}  ", "bold"),
            (judgement.verdict.value, _claim_style(judgement.verdict)),
        ),
        Padding(Text.assemble(claim.says, (f" ({claim.source})", "dim")), (0, 0, 0, 4)),
    ]
    if judgement.verdict is not ClaimVerdict.NOT_TESTED:
        reason = (
            claim_words.summary(judgement, titles) if evidence else claim_words.tally(judgement)
        )
        parts.append(Padding(Text(reason), (0, 0, 0, 4)))
    if claim.note and evidence:
        parts.append(Padding(Text(claim.note, style="dim"), (0, 0, 0, 4)))
    for item in judgement.evidence if evidence else ():
        row = claim_words.evidence_row(item)
        text = (
            f"{row['holds']}: {row['what']} {row['value']}, wanted {row['wanted']} "
            f"({row['where']}, {row['run']})"
        )
        parts.append(Padding(Text(text), (0, 0, 0, 6)))
    return parts


def _claim_style(verdict: ClaimVerdict) -> str:
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


def twins_text(tally: TwinTally) -> RenderableType:
    """By run and condition, the ratio of the two identical servers; at the end how many hold 1."""
    parts: list[RenderableType] = []
    for run in tally.runs:
        if not run.checks:
            continue
        parts.append(Text(run.run, style="bold"))
        table = Table(box=None, padding=(0, 2, 0, 0))
        table.add_column("condition")
        table.add_column("ratio", no_wrap=True)
        table.add_column("holds 1", no_wrap=True)
        for check in run.checks:
            row = twin_tally.row(check)
            style = "" if check.holds_one else "yellow" if check.agree else "bold red"
            table.add_row(Text(row["condition"]), row["ratio"], Text(row["holds"], style=style))
        parts += [table, Text()]
    parts.append(Text(twin_tally.HOW, style="dim"))
    parts.append(Text(twin_tally.result(tally), style="bold"))
    parts += [Text(line) for line in twin_tally.failures(tally)]
    parts.append(Text(twin_tally.INDEPENDENT, style="dim"))
    parts += [Text(line, style="yellow") for line in twin_tally.left_out(tally)]
    return Group(*parts)

"""What the terminal shows of published claims, made for 80 columns."""

from collections.abc import Sequence
from typing import assert_never

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from harness.analysis.claims.judge import Judgement, Verdict
from harness.report.words.claims import evidence_row, summary


def table(judgements: Sequence[Judgement], *, evidence: bool = False) -> RenderableType:
    """A paragraph for each claim: what was said, by whom, and what the runs say."""
    return Group(*(part for judgement in judgements for part in _claim(judgement, evidence)))


def _claim(judgement: Judgement, evidence: bool) -> list[RenderableType]:
    claim = judgement.claim
    parts: list[RenderableType] = [
        Text.assemble(
            (f"{claim.name}  ", "bold"),
            (judgement.verdict.value, _style(judgement.verdict)),
            ("" if judgement.verdict is Verdict.NOT_TESTED else f" ({summary(judgement)})"),
        ),
        Padding(Text.assemble(claim.says, (f" ({claim.source})", "dim")), (0, 0, 0, 4)),
    ]
    if claim.note and evidence:
        parts.append(Padding(Text(claim.note, style="dim"), (0, 0, 0, 4)))
    for item in judgement.evidence if evidence else ():
        row = evidence_row(item)
        text = (
            f"{row['holds']}: {row['what']} {row['value']}, wanted {row['wanted']} "
            f"({row['where']}, {row['run']})"
        )
        parts.append(Padding(Text(text), (0, 0, 0, 6)))
    return parts


def _style(verdict: Verdict) -> str:
    match verdict:
        case Verdict.SUPPORTED | Verdict.SUPPORTED_IN_PART:
            return "green"
        case Verdict.REFUTED | Verdict.REFUTED_IN_PART:
            return "bold red"
        case Verdict.DEPENDS:
            return "bold yellow"
        case Verdict.UNDECIDED | Verdict.NOT_TESTED:
            return "dim"
        case _:
            assert_never(verdict)

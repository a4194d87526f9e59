"""The section of published claims: a row per claim, for a run's page and for a site."""

import re
from collections.abc import Sequence
from typing import Any

from harness.analysis.judgements import ClaimVerdict, Judgement
from harness.report.charts.claims import claim_picture
from harness.report.words import claims

_PLAIN = re.compile(r"[A-Za-z0-9._-]+")
_TONES = {
    ClaimVerdict.SUPPORTED: "supported",
    ClaimVerdict.SUPPORTED_IN_PART: "supported",
    ClaimVerdict.REFUTED: "refuted",
    ClaimVerdict.REFUTED_IN_PART: "refuted",
    ClaimVerdict.DEPENDS: "depends",
    ClaimVerdict.UNDECIDED: "open",
    ClaimVerdict.NOT_TESTED: "open",
}
"""Colours of the verdicts, by names of the page's styles."""


def claims_values(judgements: Sequence[Judgement], *, linked: bool = False) -> dict[str, Any]:
    """Plain values for the template `claims.html`: claims that are tested, and the others.

    Args:
        judgements: of the claims.
        linked: whether the page lies beside the reports of the runs, and links them.
    """
    tested = [j for j in judgements if j.verdict is not ClaimVerdict.NOT_TESTED]
    return {
        "rows": [_row(number, judgement) for number, judgement in enumerate(tested, start=1)],
        "untested": claims.untested(judgements),
        "linked": linked,
    }


def _row(number: int, judgement: Judgement) -> dict[str, Any]:
    claim = judgement.claim
    name = claim.name if _PLAIN.fullmatch(claim.name) else str(number)
    return {
        "id": f"claim-{name}",
        "name": claim.name,
        "says": claim.says,
        "source": claim.source,
        "note": claim.note,
        "verdict": judgement.verdict.value,
        "tone": _TONES[judgement.verdict],
        "summary": claims.sentence(judgement),
        "remarks": claims.remarks(judgement),
        "commands": claims.missing_commands(judgement),
        "picture": claim_picture(judgement),
        "evidence": [claims.evidence_row(item) for item in claims.ordered(judgement.evidence)],
        "runs": len({item.run for item in judgement.evidence}),
    }

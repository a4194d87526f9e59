"""Judgements as texts, the same in the page, in Markdown and in the terminal."""

from collections.abc import Sequence
from typing import Any

from harness.analysis.claims import ClaimVerdict, Evidence, Judgement
from harness.report.words import numbers

_HOLDS = {True: "holds", False: "does not hold", None: "undecided"}


def claims_values(judgements: Sequence[Judgement]) -> dict[str, Any]:
    """What the templates show: claims of which this run tells something, and names of the rest."""
    tested = [j for j in judgements if j.verdict is not ClaimVerdict.NOT_TESTED]
    return {
        "rows": [
            {
                "name": j.claim.name,
                "says": j.claim.says,
                "source": j.claim.source,
                "note": j.claim.note,
                "verdict": j.verdict.value,
                "summary": summary(j),
                "evidence": [evidence_row(item) for item in j.evidence],
            }
            for j in tested
        ],
        "untested": [j.claim.name for j in judgements if j.verdict is ClaimVerdict.NOT_TESTED],
    }


def summary(judgement: Judgement) -> str:
    """On what it depends, or how much evidence there is."""
    found = judgement.evidence
    if judgement.verdict is ClaimVerdict.DEPENDS:
        told = [
            f"{_HOLDS[side]}: {_named([e for e in found if e.holds is side])}"
            for side in (True, False)
        ]
    else:
        count, decided = len(found), sum(item.holds is not None for item in found)
        many, decide = "" if count == 1 else "s", "decides" if decided == 1 else "decide"
        told = [f"{decided} of {count} value{many} {decide}"]
    if judgement.open and judgement.verdict is not ClaimVerdict.UNDECIDED:
        told.append(f"nothing decided on: {', '.join(judgement.open)}")
    return "; ".join(told)


def _named(found: Sequence[Evidence]) -> str:
    names = list(dict.fromkeys(f"{item.what} ({item.where})" for item in found))
    shown = names[:_SHOWN]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


_SHOWN = 3
"""On each side, before the rest is only counted; all of it stands in the table."""


def evidence_row(item: Evidence) -> dict[str, str]:
    """One value with its threshold."""
    return {
        "run": item.run,
        "where": item.where,
        "what": item.what,
        "value": numbers.estimate(item.value),
        "wanted": wanted(item),
        "holds": _HOLDS[item.holds],
    }


def wanted(item: Evidence) -> str:
    """Where the claim wants the value."""
    if item.least is not None and item.most is not None:
        if item.least == item.most:
            return f"{item.least:g}"
        return f"{item.least:g} to {item.most:g}"
    return f"at least {item.least:g}" if item.least is not None else f"at most {item.most:g}"

"""Verdicts on claims in words, for page, Markdown and terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from harness.analysis.claims import ClaimVerdict, Evidence, Judgement
from harness.report.words import numbers

_HOLDS = {True: "holds", False: "does not hold", None: "undecided"}


def claims_values(
    judgements: Sequence[Judgement], titles: Mapping[str, str] = {}
) -> dict[str, Any]:
    """Plain values for the templates: claims that a run tests, and names of the others.

    Args:
        judgements: of the claims, by one run.
        titles: of conditions, by name.
    """
    tested = [j for j in judgements if j.verdict is not ClaimVerdict.NOT_TESTED]
    return {
        "rows": [
            {
                "name": j.claim.name,
                "says": j.claim.says,
                "source": j.claim.source,
                "note": j.claim.note,
                "verdict": j.verdict.value,
                "summary": summary(j, titles),
                "evidence": [evidence_row(item) for item in j.evidence],
            }
            for j in tested
        ],
        "untested": [j.claim.name for j in judgements if j.verdict is ClaimVerdict.NOT_TESTED],
    }


def summary(judgement: Judgement, titles: Mapping[str, str] = {}) -> str:
    """Why the verdict is as it is: the values on each side, or how many decide.

    Args:
        judgement: of one claim.
        titles: of conditions, by name; a condition without a title goes by its name.
    """
    evidence = judgement.evidence
    if judgement.verdict is ClaimVerdict.DEPENDS:
        parts = [
            f"{_HOLDS[side]}: {_values([e for e in evidence if e.holds is side], titles)}"
            for side in (True, False)
        ]
    else:
        count, decided = len(evidence), sum(item.holds is not None for item in evidence)
        many, decide = "" if count == 1 else "s", "decides" if decided == 1 else "decide"
        parts = [f"{decided} of {count} value{many} {decide}"]
    if judgement.open and judgement.verdict is not ClaimVerdict.UNDECIDED:
        parts.append(f"undecided: {', '.join(judgement.open)}")
    return "; ".join(parts)


def tally(judgement: Judgement) -> str:
    """As `summary`, with the number of values on each side instead of their names."""
    if judgement.verdict is not ClaimVerdict.DEPENDS:
        return summary(judgement)
    sides = [item.holds for item in judgement.evidence]
    holding, failing = sides.count(True), sides.count(False)
    text = (
        f"{holding} value{'' if holding == 1 else 's'} hold{'s' if holding == 1 else ''}, "
        f"{failing} do{'es' if failing == 1 else ''} not"
    )
    return f"{text}; undecided: {', '.join(judgement.open)}" if judgement.open else text


def _values(evidence: Sequence[Evidence], titles: Mapping[str, str]) -> str:
    names = list(
        dict.fromkeys(f"{item.what} ({titles.get(item.where, item.where)})" for item in evidence)
    )
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


_NAMED = 3
"""Values named on each side; the others are counted, and the table has all."""


def evidence_row(item: Evidence) -> dict[str, str]:
    """One value with its threshold, as texts."""
    return {
        "run": item.run,
        "where": item.where,
        "what": item.what,
        "value": numbers.estimate(item.value),
        "wanted": wanted(item),
        "holds": _HOLDS[item.holds],
    }


def wanted(item: Evidence) -> str:
    """The claim's threshold or range for a value."""
    if item.least is not None and item.most is not None:
        if item.least == item.most:
            return f"{item.least:g}"
        return f"{item.least:g} to {item.most:g}"
    return f"at least {item.least:g}" if item.least is not None else f"at most {item.most:g}"

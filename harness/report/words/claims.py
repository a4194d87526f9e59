"""Verdicts on claims in words, for page, Markdown and terminal."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import groupby
from typing import Any

from harness.analysis.dependence import EQUAL, Aspect, Dependence, Setting, dependence
from harness.analysis.judgements import ClaimVerdict, Evidence, Judgement, Kind, Quantity
from harness.inputs import conditions
from harness.inputs.claims import Claim
from harness.inputs.study import Latency
from harness.report.words import numbers
from harness.report.words.sentences import listed

_HOLDS = {True: "holds", False: "does not hold", None: "undecided"}
_TRUE = (ClaimVerdict.SUPPORTED, ClaimVerdict.SUPPORTED_IN_PART)
_FALSE = (ClaimVerdict.REFUTED, ClaimVerdict.REFUTED_IN_PART)
_OPEN = (
    ClaimVerdict.NOT_TESTED,
    ClaimVerdict.UNDECIDED,
    ClaimVerdict.SUPPORTED_IN_PART,
    ClaimVerdict.REFUTED_IN_PART,
)
_MEASURES = {
    "cpu": "CPU time",
    "p50": "median latency",
    "p99": "p99 latency",
    "highest": "throughput",
    "successes": "throughput",
    Kind.MICROSECONDS.value: "CPU time",
}
"""Words for quantities whose name is no word. One of Locust's ramps shows a throughput."""


def sentence(judgement: Judgement) -> str:
    """On what a verdict depends; or how many values it rests on."""
    match judgement.verdict:
        case ClaimVerdict.NOT_TESTED:
            return "No run tests it."
        case ClaimVerdict.UNDECIDED:
            return _undecided(judgement.evidence)
        case ClaimVerdict.DEPENDS:
            return _depends(judgement.evidence)
        case _:
            return _agreeing(judgement)


def missing_commands(judgement: Judgement) -> list[str]:
    """The commands that would decide what is left open; none where nothing is."""
    return commands(judgement.claim) if judgement.open or judgement.verdict in _OPEN else []


def commands(claim: Claim) -> list[str]:
    """The commands that test a claim."""
    return [f"bridgetoll run {study}" for study in claim.studies]


def remarks(judgement: Judgement) -> list[str]:
    """What a reader of a verdict should know beside its sentence."""
    lines: list[str] = []
    if judgement.verdict is ClaimVerdict.DEPENDS:
        found = dependence(judgement.evidence)
        if found is not None and found.also:
            lines.append(f"The two sides also differ in: {', '.join(found.also)}.")
        if judgement.open:
            lines.append(f"Undecided: {', '.join(map(_part, judgement.open))}.")
    return lines


def _part(part: str) -> str:
    return part or "the claim as a whole"


def _undecided(evidence: Sequence[Evidence]) -> str:
    if all(item.value.low is None for item in evidence):
        why = "one block gives no interval"
    elif len(evidence) == 1:
        why = "its interval crosses the claimed bound"
    else:
        why = "their intervals cross the claimed bounds"
    if len(evidence) == 1:
        return f"The only value cannot tell: {why}."
    return f"None of {len(evidence)} values can tell: {why}."


def _agreeing(judgement: Judgement) -> str:
    """Of values that all say the same, or do not say anything."""
    evidence = judgement.evidence
    word = "True" if judgement.verdict in _TRUE else "False"
    decided = [item for item in evidence if item.holds is not None]
    parts = list(dict.fromkeys(item.part for item in decided))
    if judgement.open and all(parts):
        told = ", ".join(dict.fromkeys(parts))
        return f"{word}: {told}. Undecided: {', '.join(map(_part, judgement.open))}."
    return f"{word} {_share(len(decided), len(evidence))}{_requests(decided)}."


def _share(decided: int, count: int) -> str:
    if decided == count:
        return {1: "by the only value", 2: "in both values"}.get(count, f"in all {count} values")
    others = "the other cannot" if count - decided == 1 else "the others cannot"
    return f"in {decided} of {count} values ({others} tell)"


def _requests(evidence: Sequence[Evidence]) -> str:
    found = dict.fromkeys(item.subject.endpoint for item in evidence)
    names = [conditions.request(endpoint) for endpoint in found if endpoint is not None]
    return f", for {listed(names)}" if names and len(names) == len(found) <= _MOST_REQUESTS else ""


_MOST_REQUESTS = 3


def _depends(evidence: Sequence[Evidence]) -> str:
    found = dependence(evidence)
    if found is None:
        sides = [item.holds for item in evidence]
        return f"True in {sides.count(True)} of {len(sides)} values, false in {sides.count(False)}."
    holding, failing = _side(found.holding), _side(found.failing)
    if _is_part(found):
        return f"True: {holding}. False: {failing}."
    joint = "; " if " and " in holding + failing else ", "
    return f"True {holding}{joint}false {failing}."


def _is_part(found: Dependence) -> bool:
    return found.holding[0][0][0] is Aspect.PART


def _side(settings: Sequence[Setting]) -> str:
    """Settings of one side; those of one respect with one preposition."""
    phrases = [" ".join(_joined([_phrase(*one)]) for one in _in_order(s)) for s in settings]
    if any(len(setting) > 1 for setting in settings):
        return listed(phrases)
    return listed(
        [
            _joined([_phrase(*setting[0]) for setting in same])
            for _, same in groupby(settings, key=lambda setting: setting[0][0])
        ]
    )


def _in_order(setting: Setting) -> Setting:
    """The request first: "for a read with 64 connections"."""
    return tuple(sorted(setting, key=lambda one: one[0] is not Aspect.REQUEST))


type _Phrase = tuple[str, str, str]
"""A preposition, a noun, and a unit that several nouns share."""


def _joined(phrases: Sequence[_Phrase]) -> str:
    parts: list[str] = []
    for (preposition, unit), same in groupby(phrases, key=lambda phrase: (phrase[0], phrase[2])):
        nouns = listed([noun for _, noun, _ in same])
        parts.append(" ".join(word for word in (preposition, nouns, unit) if word))
    return listed(parts)


def _phrase(aspect: Aspect, value: Hashable) -> _Phrase:
    return _PHRASES[aspect](value)


def _held(value: Hashable) -> _Phrase:
    if value == EQUAL or not isinstance(value, tuple):
        return "with", "as many connections on both sides", ""
    return "with", f"{conditions.connections(value[0])} against {value[1]}", ""


def _latency(value: Hashable) -> _Phrase:
    assert isinstance(value, Latency)
    legs = [f"+{ms:g} ms to the {leg}" for leg, ms in value.legs.items() if ms]
    return "with", listed(legs) or "no added latency", ""


def _load(value: Hashable) -> _Phrase:
    if isinstance(value, int):
        return "with", f"{value:,}", "connection" if value == 1 else "connections"
    assert isinstance(value, tuple)
    rate, share, objective = value
    if rate is not None:
        return "at", f"{rate:g}", "arrivals per second"
    if share is not None:
        return "at", f"{share:.0%}", "of capacity"
    return "within", f"{objective.latency_ms:g}", "ms"


def _beside(value: Hashable) -> _Phrase:
    return ("beside", conditions.requests(str(value)), "") if value else ("", "without others", "")


def _rows(value: Hashable) -> _Phrase:
    return "with", f"{value:,}", "rows"


_PHRASES: dict[Aspect, Callable[[Hashable], _Phrase]] = {
    Aspect.HELD: _held,
    Aspect.REQUEST: lambda value: ("for", conditions.request(str(value)), ""),
    Aspect.LATENCY: _latency,
    Aspect.BESIDE: _beside,
    Aspect.LOAD: _load,
    Aspect.MEASURE: lambda value: ("by", _MEASURES.get(str(value), str(value)), ""),
    Aspect.OF: lambda value: ("for", str(value), ""),
    Aspect.TO: lambda value: ("against", str(value), ""),
    Aspect.PART: lambda value: ("", str(value), ""),
    Aspect.ROWS: _rows,
    Aspect.RUN: lambda value: ("in", str(value), ""),
}


def evidence_row(item: Evidence) -> dict[str, str]:
    """One value with its threshold, as texts."""
    condition = item.subject.condition
    return {
        "run": item.run,
        "where": item.where if condition is None else conditions.condition_title(condition),
        "what": item.what,
        "part": item.part,
        "value": numbers.estimate(item.value),
        "wanted": wanted(item),
        "holds": _HOLDS[item.holds],
    }


def ordered(evidence: Iterable[Evidence]) -> list[Evidence]:
    """Values that hold, then those that do not, then those that cannot tell."""
    rank = {True: 0, False: 1, None: 2}
    return sorted(evidence, key=lambda item: rank[item.holds])


def quantity(subject: Quantity) -> str:
    """What a value measures."""
    named = subject.measure or subject.kind.value
    told = _MEASURES.get(named, named.replace("_", " "))
    return f"{told} per request" if subject.kind is Kind.COUNT else told


def wanted(item: Evidence) -> str:
    """The claim's threshold or range for a value."""
    return bounds(item.least, item.most)


def bounds(least: float | None, most: float | None) -> str:
    """A range of a claim."""
    if least is not None and most is not None:
        return f"{least:g}" if least == most else f"{least:g} to {most:g}"
    return f"at least {least:g}" if least is not None else f"at most {most:g}"


def tally(judgements: Sequence[Judgement]) -> str:
    """How many claims have each verdict, parts aside."""
    counts = {
        "true": sum(j.verdict in _TRUE for j in judgements),
        "false": sum(j.verdict in _FALSE for j in judgements),
        "true under some conditions": _count(judgements, ClaimVerdict.DEPENDS),
        "undecided": _count(judgements, ClaimVerdict.UNDECIDED),
        "not tested": _count(judgements, ClaimVerdict.NOT_TESTED),
    }
    told = [f"{count} {word}" for word, count in counts.items() if count]
    claims = "claim" if len(judgements) == 1 else "claims"
    return f"{len(judgements)} {claims}: {', '.join(told)}." if told else "There is no claim."


def _count(judgements: Sequence[Judgement], verdict: ClaimVerdict) -> int:
    return sum(j.verdict is verdict for j in judgements)


def untested(judgements: Iterable[Judgement]) -> list[dict[str, Any]]:
    """Claims that no value concerns, with the commands that would test them."""
    return [
        {"name": j.claim.name, "says": j.claim.says, "commands": commands(j.claim)}
        for j in judgements
        if j.verdict is ClaimVerdict.NOT_TESTED
    ]

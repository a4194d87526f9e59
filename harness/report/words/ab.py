"""An A/B in words: what became of A in B, and whether B passes a gate."""

from collections.abc import Iterable, Sequence

import msgspec
from packaging.utils import canonicalize_name

from harness.analysis.ab import AbPair, AbVerdict
from harness.analysis.gate import GateAnswer
from harness.analysis.measures import Measure
from harness.analysis.stats.verdicts import Verdict
from harness.inputs.conditions import brief
from harness.inputs.kinds import origin_of, origins_of
from harness.inputs.locks import BUILT, package_of
from harness.inputs.study import Condition
from harness.records.run import Run
from harness.records.verification import Audit
from harness.report.words import decisions, numbers
from harness.report.words.sentences import capital

_COSTS = {
    Measure.CPU: "{ratio} times the CPU",
    Measure.THROUGHPUT: "{ratio} times as long per request",
    Measure.P99: "{ratio} times the 99th percentile",
    Measure.SUSTAINED: "{ratio} times the cost of a rate",
}


def change_of(run: Run, variant: str) -> str:
    """What a side has that the variant as it is has not, e.g. `asgiref 3.11.1`."""
    setup = run.study.setups.get(variant)
    return variant if setup is None or setup.title is None else setup.title


def cost(pair: AbPair) -> str:
    """What B takes, e.g. `1.05 times the CPU`."""
    return _COSTS[pair.measure].format(ratio=numbers.times(pair.cost.mean))


def gate_sentence(run: Run, pairs: Sequence[AbPair], allowed: float, answer: GateAnswer) -> str:
    """Why B passes the gate or does not."""
    most = numbers.percent(allowed)
    among = [pair.condition for pair in pairs]
    match answer:
        case GateAnswer.PASSED:
            return f"B is at most {most} slower than A on each of {_endpoints(pairs)}."
        case GateAnswer.REGRESSED:
            worst = max(
                (p for p in pairs if p.verdict is AbVerdict.SLOWER), key=lambda p: p.cost.mean
            )
            return (
                f"with {change_of(run, worst.variant)}, {origin_of(run.study, worst.origin)} takes "
                f"{cost(worst)} of A on {brief(worst.condition, among)}, and {most} more is "
                "allowed."
            )
        case _:
            if not pairs:
                return "no B has figures beside A; see the report."
            widest = max(pairs, key=lambda p: p.cost.high or float("inf"))
            high = widest.cost.high
            bound = "any ratio" if high is None else f"{numbers.times(high)} times A's cost"
            return (
                f"the time did not suffice to rule out {bound} with "
                f"{change_of(run, widest.variant)} on {brief(widest.condition, among)}; give more "
                "--minutes."
            )


def verdict(measure: Measure, ratio: float, found: Verdict | None, margin: float) -> str:
    """A verdict on B / A by one measure, for a table; empty where the measure is not judged."""
    match found:
        case None:
            return ""
        case Verdict.SAME:
            return decisions.same(margin)
        case Verdict.UNDECIDED:
            return "undecided"
        case Verdict.DIFFERS:
            return "better" if (ratio < 1) is measure.lower_is_better else "worse"


def _endpoints(pairs: Sequence[AbPair]) -> str:
    count = len({pair.condition for pair in pairs})
    return f"{count} endpoint{'' if count == 1 else 's'}"


class Release(msgspec.Struct, frozen=True):
    """A package whose release differs: in A and in B, None where one lacks it."""

    name: str
    a: str | None
    b: str | None


def releases(run: Run, a: str, b: str) -> tuple[Release, ...]:
    """Every package whose version differs in A and B, or that was built from a checkout."""
    before, after = (_packages(run, name) for name in (a, b))
    return tuple(
        Release(name, before.get(name), after.get(name))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    )


def _packages(run: Run, variant: str) -> dict[str, str]:
    """Versions of its packages; of one that was built also which build, as a version may be old."""
    found = dict(run.implementations[run.implementation_of(variant)].packages)
    setup = run.study.setups.get(variant)
    built = {} if setup is None else {package_of(t): t for t in setup.packages if BUILT in t}
    for name, version in found.items():
        if text := built.get(canonicalize_name(name)):
            found[name] = f"{version} (wheel {text.partition(BUILT)[2]})"
    return found


def packages(run: Run, a: str, b: str) -> str:
    """Every package that differs, e.g. `asgiref 3.13.0 → 3.11.1; nothing else`."""
    changed = _told(releases(run, a, b))
    return f"{changed}; nothing else" if changed else "no package differs"


def _told(changed: Iterable[Release]) -> str:
    return ", ".join(f"{r.name} {r.a or 'none'} → {r.b or 'none'}" for r in changed)


def packages_in_brief(run: Run) -> list[str]:
    """What differs in packages, in as few lines as tell it all.

    Of one or two Bs a line each; of more one line, in which each difference stands once.
    """
    origins = origins_of(run.study)
    if len(origins) <= _FEW:
        return [f"{change_of(run, b)}: {packages(run, a, b)}." for b, a in origins.items()]
    changed = [releases(run, a, b) for b, a in origins.items()]
    if len({(r.name, r.a) for found in changed for r in found}) == 1 and all(changed):
        first = changed[0][0]
        others = dict.fromkeys(r.b or "none" for found in changed for r in found)
        return [f"{first.name} {first.a or 'none'} → {', '.join(others)}; nothing else."]
    told = dict.fromkeys(_told(found) for found in changed if found)
    return [f"{'; '.join(told)}; nothing else." if told else "No package differs."]


_FEW = 2
"""Bs that have a line each."""


def counted_differences(
    audits: Iterable[Audit], a: str, b: str, conditions: Iterable[Condition]
) -> dict[str, dict[str, tuple[float, float]]]:
    """By endpoint, the counts of a request that differ: in A and in B."""
    by_name = {audit.variant: {toll.endpoint: toll for toll in audit.tolls} for audit in audits}
    one, other = by_name.get(a, {}), by_name.get(b, {})
    asked = dict.fromkeys(condition.endpoint for condition in conditions)
    return {
        endpoint: found
        for endpoint in asked
        if endpoint in one and endpoint in other
        if (
            found := {
                name: (value, other[endpoint].counted.get(name, 0.0))
                for name, value in one[endpoint].counted.items()
                if name in _COUNTS and value != other[endpoint].counted.get(name, 0.0)
            }
        )
    }


_COUNTS = {
    "hops": "thread hop", "threads": "thread", "loops": "event loop", "connects": "connection",
    "statements": "statement", "transactions": "transaction", "round_trips": "round trip",
}  # fmt: skip
"""What a request is counted to take, in words."""


def count_rows(differences: dict[str, tuple[float, float]]) -> list[dict[str, str]]:
    """The counts that differ as rows of a table."""
    return [
        {"what": f"{_COUNTS[name]}s", "a": numbers.number(before), "b": numbers.number(after)}
        for name, (before, after) in differences.items()
    ]


def counts_sentence(differences: dict[str, tuple[float, float]], where: str) -> str:
    """What B does differently, e.g. `An empty request starts 1 thread instead of 2.`"""
    told = [
        f"{_VERBS[name]} {_many(after, _COUNTS[name])} instead of {numbers.number(before)}"
        for name, (before, after) in differences.items()
    ]
    return f"{capital(where)} {' and '.join(told[:_MOST_TOLD])}."


_MOST_TOLD = 2
"""Counts in one sentence; the table has all."""
_VERBS = {
    "hops": "takes", "threads": "starts", "loops": "makes", "connects": "opens",
    "statements": "sends", "transactions": "makes", "round_trips": "takes",
}  # fmt: skip


def _many(count: float, noun: str) -> str:
    return f"{numbers.number(count)} {noun if count == 1 else f'{noun}s'}"

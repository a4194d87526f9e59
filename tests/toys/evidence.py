"""Evidence on claims, made up: values that hold or not, and what they are of."""

from typing import Any

from harness.analysis.judgements import Evidence, Judgement, Quantity, judgement_of
from harness.analysis.stats.interval import Interval
from harness.inputs.claims import Claim, Criterion
from harness.inputs.study import Condition

READ = Condition("io_read", connections=8, rows=100)
VALUES = {
    True: Interval(45.0, 40.0, 50.0, 2.0, 5),
    False: Interval(2.0, 1.5, 2.5, 0.2, 5),
    None: Interval(41.0, 30.0, 55.0, 5.0, 5),
}
"""Against a claim of at least 40."""
ONE_BLOCK = Interval(45.0, None, None, None, 1)


def evidence(
    told: bool | None, condition: Condition = READ, part: str = "", run: str = "tiny-1", **of: Any
) -> Evidence:
    """A ratio under a condition; of: further fields of its subject."""
    subject: dict[str, Any] = {
        "measure": "throughput", "of": "b/other", "to": "a/base", "endpoint": condition.endpoint,
        "connections": None if condition.open_loop else condition.connections,
        "condition": condition,
    }  # fmt: skip
    subject |= of
    what = f"{subject['measure']} of {subject['of']} / {subject['to']}"
    return Evidence(
        run, condition.name, what, VALUES[told], 40.0, None, told, part, Quantity(**subject)
    )


def judgement(*found: Evidence, parts: tuple[str, ...] = (), **claim: Any) -> Judgement:
    """Of a claim that says several things, if it has parts."""
    named = parts or tuple(dict.fromkeys(item.part for item in found))
    criteria = tuple(Criterion(of="b/other", to="a/base", at_least=40.0, part=p) for p in named)
    usual = {"name": "X1", "source": "somebody, 2020", "says": "something"}
    return judgement_of(Claim(**(usual | claim), criteria=criteria), found)

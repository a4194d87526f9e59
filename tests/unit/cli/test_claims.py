import io

import msgspec
import pytest
from rich.console import Console

from harness.analysis.judgements import ClaimVerdict, Evidence, Judgement
from harness.analysis.stats.intervals import Interval
from harness.cli.tables import claims_text
from harness.inputs.claims import Claim

CLAIM = Claim("X1", "somebody, 2020", "something [bold]", note="a note")
ITEM = Evidence(
    "tiny-1", "io_read-c8-r100", "throughput of b / a", Interval(45.0, 40.0, 50.0, 2.0, 5), 40.0,
    None, True,
)  # fmt: skip


def shown(judgement: Judgement, *, evidence: bool = False) -> str:
    """On a terminal of 80 columns without colour, as words between single spaces."""
    told = io.StringIO()
    Console(file=told, width=80).print(claims_text([judgement], {}, evidence=evidence))
    assert all(len(line) <= 80 for line in told.getvalue().splitlines())
    return " ".join(told.getvalue().split())


@pytest.mark.parametrize("verdict", list(ClaimVerdict))
def test_every_verdict_is_told_with_claim_and_source(verdict: ClaimVerdict) -> None:
    told = shown(Judgement(CLAIM, verdict, (ITEM,)))
    assert told.startswith(f"X1 {verdict.value}")
    assert "something [bold] (somebody, 2020)" in told
    assert "throughput of b / a" not in told.partition("something")[2]


def test_a_verdict_that_depends_has_the_number_of_values_on_each_side() -> None:
    sides = (ITEM, *(msgspec.structs.replace(ITEM, holds=holds) for holds in (False, False, None)))
    told = shown(Judgement(CLAIM, ClaimVerdict.DEPENDS, sides, open=("limited",)))
    assert "1 value holds, 2 do not; undecided: limited" in told
    assert "throughput" not in told
    assert "--evidence" in told
    assert "holds: throughput of b / a" in shown(
        Judgement(CLAIM, ClaimVerdict.DEPENDS, sides), evidence=True
    )


def test_values_are_told_where_they_are_asked_for() -> None:
    told = shown(Judgement(CLAIM, ClaimVerdict.SUPPORTED, (ITEM,)), evidence=True)
    assert "a note" in told
    assert "throughput of b / a 45 [40, 50], wanted at least 40" in told

"""Kept judgements are of the very claims."""

from pathlib import Path

import pytest

from harness.inputs.claims import Claim
from harness.report.judgements import judgement_cache
from tests.toys.evidence import evidence, judgement
from tests.toys.shelves import dated_run, shelve

FOUND = (judgement(evidence(True), evidence(None)), judgement(name="X2"))
CLAIMS = tuple(item.claim for item in FOUND)


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        (CLAIMS, FOUND),
        (CLAIMS[:1], None),
        (CLAIMS[::-1], None),
        ((CLAIMS[0], Claim("X2", "somebody, 2020", "something else")), None),
    ],
)
def test_a_change_of_the_claims_makes_it_compute_anew(
    tmp_path: Path, claims: tuple[Claim, ...], expected: object
) -> None:
    run = shelve(tmp_path / "results", dated_run(1)).folder
    filled, asked = (judgement_cache(tmp_path / "cache", c) for c in (CLAIMS, claims))
    filled.keep(run, filled.key(run), FOUND)
    assert asked.read(run, asked.key(run)) == expected

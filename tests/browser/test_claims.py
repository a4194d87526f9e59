"""A site's page of claims in a browser: both sizes, both themes, on paper, by keyboard."""

from pathlib import Path
from typing import Literal

import msgspec
import pytest

from harness.analysis.judgements import ClaimVerdict
from harness.report.site.pages import claims_page
from tests.browser.axe import violations
from tests.browser.conftest import Watched
from tests.toys.evidence import ONE_BLOCK, READ, evidence, judgement

SIZES = [(1200, 800), (390, 844)]
CREATE = msgspec.structs.replace(READ, endpoint="io_create")
RIGHT_TO_LEFT = "מה יקר יותר, גשר או חוט?"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A page with a claim of each verdict, one of a single block, and awkward texts."""
    sides = ((True,), (True, None, None), (False,), (False, None, None), (None,), ())
    judged = [
        judgement(*(evidence(side) for side in some), name=f"X{number}", studies=("quick",))
        for number, some in enumerate(sides)
    ]
    alone = msgspec.structs.replace(evidence(None), value=ONE_BLOCK)
    judged += [
        judgement(evidence(True), evidence(False, CREATE), name="D1", says="x" * 300),
        judgement(alone, evidence(True, measure="p99"), name="D2", says=RIGHT_TO_LEFT),
    ]
    assert {item.verdict for item in judged} == set(ClaimVerdict)
    made = tmp_path / "claims.html"
    made.write_text(claims_page("Ours", [judged]), encoding="utf-8")
    return made


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_the_page_fits_and_violates_nothing_folded_or_unfolded(
    watched: Watched, path: Path, size: tuple[int, int], scheme: Literal["light", "dark"]
) -> None:
    page = watched.page
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.emulate_media(color_scheme=scheme)
    page.goto(path.as_uri())
    for unfolded in (False, True):
        if unfolded:
            page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert (watched.complaints, watched.requests) == ([], [])


def test_evidence_is_folded_until_a_key_unfolds_it_and_paper_has_all(
    watched: Watched, path: Path
) -> None:
    page = watched.page
    page.goto(path.as_uri())
    table = page.locator("#claim-D1 table")
    assert not table.is_visible()
    page.locator("#claim-D1 summary").focus()
    page.keyboard.press("Enter")
    assert table.is_visible()
    assert "does not hold" in table.inner_text()
    page.emulate_media(media="print")
    folded = page.locator("#claim-X0 table")
    assert folded.evaluate("node => node.checkVisibility({contentVisibilityAuto: true})")
    assert folded.bounding_box() is not None


def test_each_tested_claim_has_a_picture_beside_its_verdict(watched: Watched, path: Path) -> None:
    page = watched.page
    page.set_viewport_size({"width": 1200, "height": 800})
    page.goto(path.as_uri())
    assert page.locator(".claims > li svg").count() == page.locator(".claims > li").count() == 7
    word = page.locator("#claim-D1 .verdict").bounding_box()
    picture = page.locator("#claim-D1 svg").bounding_box()
    assert word is not None
    assert picture is not None
    assert picture["x"] > word["x"]
    assert picture["y"] < word["y"] + word["height"]

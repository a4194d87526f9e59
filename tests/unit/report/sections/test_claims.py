"""The section of claims, and that its colours can be read."""

import re
from pathlib import Path
from typing import Any

import pytest

from harness import report
from harness.analysis.judgements import ClaimVerdict, Judgement
from harness.report.render import environment
from harness.report.sections.claims import claims_values
from tests.toys.evidence import evidence, judgement
from tests.toys.pages import HOSTILE, Page

TEMPLATES = Path(report.__file__).with_name("templates")
ONE_OF_EACH = [
    judgement(*(evidence(side) for side in sides), name=f"X{number}", studies=("quick",))
    for number, sides in enumerate(
        ((True,), (False,), (True, False), (None,), (True, None, None), (False, None, None))
    )
]


def rendered(*judgements: Judgement, linked: bool = False) -> Page:
    template = environment(TEMPLATES, escape=True).get_template("sections/claims.html")
    return Page(template.render(claims=claims_values(judgements, linked=linked)))


def rows(*judgements: Judgement) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = claims_values(judgements)["rows"]
    return found


def test_every_verdict_is_a_word_and_has_a_colour() -> None:
    found = rows(*ONE_OF_EACH)
    assert {row["verdict"] for row in found} == set(ClaimVerdict) - {ClaimVerdict.NOT_TESTED}
    assert {row["tone"] for row in found} == {"supported", "refuted", "depends", "open"}
    text = rendered(*ONE_OF_EACH).text
    assert all(row["verdict"] in text for row in found)


def test_a_claim_is_one_row_with_its_picture_in_words_and_its_evidence_folded() -> None:
    page = rendered(judgement(evidence(True), evidence(False), note="in short"))
    assert (page.tags.count("svg"), page.tags.count("details")) == (1, 1)
    assert page.values("role") == ["img", "region"]
    assert any("45 [40, 50] holds" in label for label in page.values("aria-label"))
    assert "in short" in page.text
    assert page.values("id") == ["claim-X1"]


def test_what_is_open_has_its_command() -> None:
    page = rendered(judgement(evidence(None), studies=("quick",)))
    assert "bridgetoll run quick" in page.text


def test_claims_that_nothing_tests_are_folded_with_their_commands() -> None:
    page = rendered(judgement(evidence(True), name="X1"), judgement(name="X2", studies=("mixed",)))
    assert "1 claim not tested here" in page.text
    assert "bridgetoll run mixed" in page.text
    assert page.values("id") == ["claim-X1"]


def test_runs_are_linked_on_a_site_alone() -> None:
    assert rendered(judgement(evidence(True))).values("href") == []
    assert rendered(judgement(evidence(True)), linked=True).values("href") == [
        "runs/tiny-1/index.html"
    ]


def test_texts_of_a_claim_stay_texts() -> None:
    claim = judgement(evidence(True), name=HOSTILE, says=HOSTILE, source=HOSTILE, note=HOSTILE)
    page = rendered(claim)
    assert "script" not in page.tags
    assert page.values("id") == ["claim-1"]
    assert page.text.count(HOSTILE) >= 4


@pytest.mark.parametrize("paper", ["#ffffff", "#141414", "#15181b"])
def test_the_colours_of_verdicts_have_the_contrast_of_wcag_aa(paper: str) -> None:
    light, dark = (TEMPLATES / "claims.css").read_text().split("prefers-color-scheme: dark")
    style = light if paper == "#ffffff" else dark
    colours = re.findall(r"--(?:holds|fails|either): (#[0-9a-f]{6})", style)
    assert len(colours) == 3
    assert min(_contrast(colour, paper) for colour in colours) >= 4.5


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.1)."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

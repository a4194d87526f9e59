"""Who has no figures, as the terminal, the page, Markdown and the tables tell it."""

import json
import re
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from harness.analysis.analyse import Analysis, analyse
from harness.cli.summary import summary
from harness.records.trial import Trial
from harness.report.words.missing import missing_lines
from harness.report.words.verdicts import disturbances, verdict, verdicts
from tests.toys.pages import written
from tests.toys.runs import BASELINE, make_run, make_study, simulate

OTHER, GONE, TWIN = "b/other", "c/gone", f"{BASELINE}#duplicate"
STUDY = make_study((BASELINE, OTHER, GONE), blocks=2)
RUN = make_run(STUDY, excluded={GONE: "it answers from memory"})
COST = {BASELINE: 500.0, OTHER: 700.0, GONE: 600.0}


def starved(*names: str) -> list[Trial]:
    """Trials of a run in which these got nothing but errors."""
    return [
        msgspec.structs.replace(
            trial,
            slices=tuple(
                msgspec.structs.replace(piece, correct=0, errors={"status 503": 40})
                for piece in trial.slices
            ),
        )
        if trial.entry in names
        else trial
        for trial in simulate(RUN, COST, 1)
        if trial.entry != GONE
    ]


def analysed(*names: str) -> Analysis:
    return analyse(RUN, starved(*names))


def terminal(analysis: Analysis) -> str:
    console = Console(width=80, force_terminal=False)
    with console.capture() as captured:
        console.print(summary(RUN, analysis))
    return captured.get()


@pytest.mark.parametrize("names", [(OTHER,), (BASELINE,), (TWIN,), (BASELINE, OTHER, TWIN)])
def test_each_variant_has_a_row_in_the_terminal(names: tuple[str, ...]) -> None:
    said = terminal(analysed(*names))
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert max(map(len, said.splitlines())) <= 80
    for name in (BASELINE, OTHER, GONE):
        rows = [re.fullmatch(rf"(?:[a-z]+ )?{name} (no figure|\d\S*):? .*", line) for line in lines]
        (value,) = [row[1] for row in rows if row is not None]
        assert (value == "no figure") == (name in (*names, GONE))
    for false in ("raise the connections", "identical variants", "latency-bound"):
        assert false not in said


def test_a_reason_is_told_once_for_all_who_share_it() -> None:
    starving, gone = sorted(missing_lines(analysed(BASELINE, OTHER, TWIN)))
    assert all(name in starving for name in (BASELINE, OTHER, "again (A/A)"))
    assert "starved" in starving
    assert " answers with status 503" in starving
    assert gone.startswith(f"{GONE} was excluded before measuring: it answers from memory")


def test_a_label_that_explains_missing_figures_is_no_disturbance_besides() -> None:
    assert not any(line.startswith("starved") for line in disturbances(analysed(OTHER)))


def test_a_variant_that_is_starved_in_one_block_is_disturbed_and_keeps_its_figures() -> None:
    trials = [
        trial if trial.block == 1 or trial.entry != OTHER else bad
        for trial, bad in zip(starved(), starved(OTHER), strict=True)
    ]
    analysis = analyse(RUN, trials)
    assert [item.entry for item in analysis.missing] == [GONE]
    (line,) = [line for line in disturbances(analysis) if line.startswith("starved")]
    assert "1 of 6 trials" in line
    assert "enlarge the pool" in line


def test_when_no_variant_has_figures_the_verdict_says_only_that() -> None:
    analysis = analysed(BASELINE, OTHER, TWIN)
    (result,) = analysis.conditions
    assert verdict(result, analysis).endswith("no variant has figures.")


def test_without_any_trial_the_condition_and_each_variant_say_so() -> None:
    analysis = analyse(RUN, [])
    assert [line.rpartition(": ")[2] for line in verdicts(RUN, analysis)] == [
        "no trial of it can be found."
    ]
    assert {item.entry for item in analysis.missing} == {BASELINE, OTHER, GONE, TWIN}


def test_page_and_files_keep_the_row_of_who_has_no_figure(tmp_path: Path) -> None:
    result = written(tmp_path, RUN, starved(OTHER))
    for text in (result.page.text, result.markdown):
        assert "no figure" in text
        assert "it answers from memory" in text
        assert " answers with status 503" in text
        assert "No figure: b/other, c/gone" in text or text is result.page.text
    (path,) = tmp_path.rglob("summary.json")
    missing = json.loads(path.read_text(encoding="utf-8"))["missing"]
    assert [(item["entry"], item["absence"], item["label"]) for item in missing] == [
        (OTHER, "no figures", "starved"),
        (GONE, "excluded", None),
    ]
    (path,) = tmp_path.rglob("trials.csv")
    rows = path.read_text(encoding="utf-8").splitlines()
    (gone,) = [row for row in rows if GONE in row]
    assert "excluded" in gone
    assert ",0," not in gone
    assert sum("x status 503" in row for row in rows) == 2

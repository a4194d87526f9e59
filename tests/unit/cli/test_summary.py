"""What a run's summary prints, as text of 80 columns."""

import re
from collections.abc import Mapping, Sequence

import msgspec
from rich.console import Console

from harness.analysis.analyse import Analysis, analyse
from harness.analysis.stats.intervals import Interval
from harness.analysis.twins import TwinCheck
from harness.cli.summary import summary
from tests.toys.runs import BASELINE, make_run, make_study, simulate

EQUAL, UNSTEADY, DEAR = "b/equal", "c/unsteady", "django/native-orm-stock-lifecycle"
NAMES = (BASELINE, EQUAL, UNSTEADY, DEAR)
COSTS = {BASELINE: 5_000.0, EQUAL: 5_000.0, UNSTEADY: 5_000.0, DEAR: 9_000.0}


def analysed(
    costs: Mapping[str, float] = COSTS, names: Sequence[str] = NAMES, blocks: int = 6
) -> Analysis:
    """One variant's starts differ much, those of the others hardly."""
    run = make_run(make_study(names, blocks))
    steady = simulate(run, costs, seed=5, drift=0.01, noise=0.004, start=0.001)
    unsteady = simulate(run, costs, seed=6, drift=0.01, noise=0.004, start=0.05)
    trials = [o if s.entry == UNSTEADY else s for s, o in zip(steady, unsteady, strict=True)]
    return analyse(run, trials)


def shown(analysis: Analysis) -> list[str]:
    console = Console(width=80)
    with console.capture() as captured:
        console.print(summary(analysis))
    return [line.rstrip() for line in captured.get().splitlines()]


def row(lines: Sequence[str], name: str) -> str:
    (line,) = [line for line in lines if re.match(rf"[a-z]+ +{name} ", line)]
    return line


def test_beside_a_ratio_stands_its_verdict_unless_it_differs() -> None:
    lines = shown(analysed())
    assert "] same" in " ".join(row(lines, EQUAL).split())
    assert "] ≤ " in " ".join(row(lines, UNSTEADY).split())
    assert " % " in row(lines, UNSTEADY)
    assert not {"same", "≤"} & set(row(lines, DEAR).split())
    legend = "\n".join(lines[-8:])
    assert "the same within 3 %" in legend
    assert "undecided" in legend


def test_marks_are_explained_only_where_there_are_any() -> None:
    lines = shown(analysed({BASELINE: 500.0, DEAR: 900.0}, (BASELINE, DEAR)))
    assert not any("undecided" in line or "same within" in line for line in lines)
    assert any("share no letter differ" in line for line in lines)


def test_what_the_run_tells_apart_and_the_check_with_identical_servers_are_told() -> None:
    lines = shown(analysed())
    assert any(line.startswith("The two identical servers agree") for line in lines)
    assert any(line.startswith("The run tells apart ") for line in lines)


def test_identical_servers_that_differ_are_a_caution() -> None:
    analysis = analysed()
    off = TwinCheck(
        condition=analysis.twins[0].condition,
        measure=analysis.twins[0].measure,
        ratio=Interval(1.04, 1.02, 1.06, 0.005, 6),
        holds_one=False,
        agree=False,
    )
    told = " ".join(shown(msgspec.structs.replace(analysis, twins=(off,))))
    assert "differ under io_read" in told
    assert "1.04 [1.02, 1.06]" in told
    assert "up to 4 %" in told
    assert "servers agree" not in told


def test_one_block_gives_no_verdict_and_says_why() -> None:
    lines = shown(analysed(blocks=1))
    told = " ".join(lines)
    assert "a verdict needs two blocks" in told
    assert "tells apart" not in told
    assert "share no letter" not in told


def test_no_line_is_longer_than_a_terminal_and_no_row_is_broken() -> None:
    lines = shown(analysed())
    assert max(len(line) for line in lines) <= 80
    letters, name, cost, ratio, low, high, rate = row(lines, DEAR).split()
    assert (letters, name) == ("b", DEAR)
    assert (ratio, rate) == ("1.80", "101")
    assert 8_900 < int(cost.replace(",", "")) < 9_100
    assert float(low.strip("[,")) < 1.8 < float(high.strip("]"))

"""What a run's summary prints, as text of 80 columns."""

import re
from collections.abc import Mapping, Sequence

import msgspec
import pytest
from rich.console import Console

from harness.analysis.analyse import Analysis, analyse
from harness.analysis.causes.bills import OfferedPrices
from harness.analysis.causes.kept_prices import kept_prices
from harness.cli.summary import summary
from harness.records.run import Run
from harness.records.trial import Trial
from harness.report.answer.headline import headline
from tests.toys.ab import of_the_ladder
from tests.toys.ladder import ladder_run, ladder_study, ladder_trials
from tests.toys.ramps import FAR, NEAR, OTHER, make_cell, ramp_run
from tests.toys.runs import BASELINE, CONDITION, make_run, make_study, simulate

EQUAL, UNSTEADY, DEAR = "b/equal", "c/unsteady", "django/native-orm-stock-lifecycle"
NAMES = (BASELINE, EQUAL, UNSTEADY, DEAR)
COSTS = {BASELINE: 5_000.0, EQUAL: 5_000.0, UNSTEADY: 5_000.0, DEAR: 9_000.0}
LONG = "django/" + "-".join(["every-name"] * 3)
MANY = tuple(f"{'abcdef'[n % 6]}/variant-{n:02d}" for n in range(60))


def measured(
    costs: Mapping[str, float] = COSTS, names: Sequence[str] = NAMES, blocks: int = 6
) -> tuple[Run, list[Trial]]:
    """One variant's starts differ much, those of the others hardly."""
    run = make_run(make_study(names, blocks))
    steady = simulate(run, costs, seed=5, drift=0.01, noise=0.004, start=0.001)
    unsteady = simulate(run, costs, seed=6, drift=0.01, noise=0.004, start=0.05)
    return run, [
        o if s.entry == UNSTEADY else s for s, o in zip(steady, unsteady, strict=True)
    ]  # fmt: skip


def analysed(
    costs: Mapping[str, float] = COSTS, names: Sequence[str] = NAMES, blocks: int = 6
) -> tuple[Run, Analysis]:
    run, trials = measured(costs, names, blocks)
    return run, analyse(run, trials)


def shown(run: Run, analysis: Analysis) -> list[str]:
    console = Console(width=80)
    with console.capture() as captured:
        console.print(summary(run, analysis))
    lines = [line.rstrip() for line in captured.get().splitlines()]
    assert max(map(len, lines)) <= 80
    return lines


def refusing(trial: Trial) -> Trial:
    """The same trial without a correct answer."""
    slices = (msgspec.structs.replace(s, correct=0, errors={"status 503": 9}) for s in trial.slices)
    return msgspec.structs.replace(trial, slices=tuple(slices))


def row(lines: Sequence[str], name: str) -> str:
    table = lines[lines.index("") :]
    (line,) = [line for line in table if re.match(rf"(?:[a-z-]+ +)? *{name} ", line)]
    return line


def words(line: str) -> str:
    return " ".join(line.split())


def test_the_answer_stands_first() -> None:
    run, analysis = analysed()
    text = words(" ".join(shown(run, analysis)))
    assert text.startswith(" ".join(headline(run, analysis)))


def test_beside_a_ratio_stands_its_verdict_unless_it_differs() -> None:
    lines = shown(*analysed())
    assert "] same" in words(row(lines, EQUAL))
    assert re.search(r"\] ≤ [\d.]+ %", words(row(lines, UNSTEADY)))
    assert not {"same", "≤"} & set(row(lines, DEAR).split())


def test_letters_and_marks_have_one_line_and_only_those_that_are_there() -> None:
    lines = shown(*analysed())
    (legend,) = [line for line in lines if "letter" in line]
    assert "within 3 %" in legend
    assert "undecided" in legend
    few = shown(*analysed({BASELINE: 500.0, DEAR: 900.0}, (BASELINE, DEAR)))
    (legend,) = [line for line in few if "letter" in line]
    assert "within" not in legend
    assert "undecided" not in legend


def test_a_run_fits_a_screen_and_has_no_paragraphs() -> None:
    """Title and rows of one table, its heading, and at most two lines for each sentence."""
    run, analysis = analysed()
    lines = shown(run, analysis)
    assert len(lines) <= 2 * len(headline(run, analysis)) + 1 + 2 + len(NAMES) + 1 + 2


def test_one_block_gives_no_verdict_and_says_why() -> None:
    lines = shown(*analysed(blocks=1))
    told = " ".join(lines)
    assert "a verdict needs two blocks" in told
    assert "letter" not in told
    assert words(row(lines, DEAR)).split()[2] == "1.80"
    assert "[" not in row(lines, DEAR)


def test_no_row_is_broken() -> None:
    letters, name, cost, ratio, low, high, rate = row(shown(*analysed()), DEAR).split()
    assert (letters, name) == ("b", DEAR)
    assert (ratio, rate) == ("1.80", "101")
    assert 8_900 < int(cost.replace(",", "")) < 9_100
    assert float(low.strip("[,")) < 1.8 < float(high.strip("]"))


def test_a_name_of_40_characters_stays_whole_and_a_longer_one_keeps_its_ends() -> None:
    names = [BASELINE, LONG, LONG + "-and-much-more-of-the-same-kind"]
    assert len(LONG) == 39
    lines = shown(*analysed(dict(zip(names, (5e3, 6e3, 9e3), strict=True)), names))
    assert "1.20" in row(lines, LONG)
    (cut,) = [line for line in lines if "…" in line]
    assert re.search(r"django/every\S*…\S*same-kind +9,", cut)


def test_of_sixty_variants_a_dozen_stand_in_the_table_and_the_others_are_counted() -> None:
    costs = {name: 500.0 + 20 * at for at, name in enumerate(MANY)}
    lines = shown(*analysed(costs, MANY, blocks=2))
    table = lines[lines.index("") :]
    rows = [line for line in table if re.search(r"[a-f]/variant-\d\d ", line)]
    shown_names = [next(w for w in line.split() if "/" in w) for line in rows]
    assert len(rows) == 12
    assert {*MANY[:6], MANY[-1]} <= set(shown_names)  # each framework's best, and the last
    assert shown_names == sorted(shown_names, key=MANY.index)
    assert any("48 more variants" in line for line in lines)


def test_a_variant_without_figures_keeps_a_row_with_its_reason() -> None:
    run, trials = measured()
    gone = [refusing(trial) if trial.entry == EQUAL else trial for trial in trials]
    line = row(shown(run, analyse(run, gone)), EQUAL)
    assert "no figure: no correct answer" in line


def test_a_run_without_a_complete_trial_says_so() -> None:
    run, trials = measured()
    broken = [msgspec.structs.replace(t, problem="the server died", slices=()) for t in trials]
    lines = shown(run, analyse(run, broken))
    for name in NAMES:
        assert "no figure: the server died" in words(row(lines, name))
    assert not any("CPU µs" in line for line in lines)


def test_conditions_without_a_trial_are_counted() -> None:
    run, trials = measured()
    more = (CONDITION, msgspec.structs.replace(CONDITION, endpoint="noop"))
    wider = make_run(msgspec.structs.replace(run.study, conditions=more))
    assert any("Not measured: noop" in line for line in shown(wider, analyse(wider, trials)))


def side_by_side(connections: Sequence[int]) -> list[str]:
    """What a terminal shows of as many conditions."""
    conditions = tuple(msgspec.structs.replace(CONDITION, connections=n) for n in connections)
    run = make_run(msgspec.structs.replace(make_study(NAMES, 3), conditions=conditions))
    trials = [
        msgspec.structs.replace(trial, condition=condition)
        for condition in conditions
        for trial in measured(blocks=3)[1]
    ]
    return shown(run, analyse(run, trials))


@pytest.mark.parametrize(
    ("connections", "measure", "ratio"),
    [((1, 64), "CPU µs", "1.80"), ((1, 8, 64, 256), "requests/s", "0.50")],
)
def test_conditions_of_one_endpoint_stand_side_by_side(
    connections: tuple[int, ...], measure: str, ratio: str
) -> None:
    """By the measure of the headline: those that differ in connections alone make a sweep."""
    lines = side_by_side(connections)
    heads = [line for line in lines if "conn." in line]
    assert [re.findall(r"(\d+) conn", head) for head in heads] == [[str(n) for n in connections]]
    assert any(f": {measure}, ratio to" in line for line in lines)
    ratios = re.findall(rf"{ratio} ±[\d.]+ %", row(lines, r"django/native\S+"))
    assert len(ratios) == len(connections)


def test_where_not_all_conditions_fit_the_first_and_the_last_are_shown() -> None:
    lines = side_by_side((1, 2, 4, 8, 16, 32, 64, 256))
    (head,) = (line for line in lines if "conn." in line)
    kept = re.findall(r"(\d+) conn", head)
    assert (kept[0], kept[-1]) == ("1", "256")
    assert any(f"{8 - len(kept)} more condition" in line for line in lines)


def test_ramps_have_a_compact_table_and_a_cell_without_figures_is_marked() -> None:
    run = ramp_run(conditions=(NEAR, FAR))
    cells = [make_cell(), make_cell(OTHER, (30,) * 20), make_cell(condition=FAR)]
    lines = shown(run, analyse(run, cells))
    table = [words(line) for line in lines if line.startswith("io_read")]
    assert table == ["io_read, 0 ms 10.0 30.0", "io_read, 200 ms 10.0 not measured"]


def test_an_ab_says_what_the_price_list_explains_and_which_list() -> None:
    ladder = ladder_run(ladder_study({"io_read": 8}, blocks=2))
    prices = kept_prices(ladder, ladder_trials(ladder, noise=0.002))
    assert prices is not None
    run, trials = of_the_ladder(speed=1.5)
    lines = shown(run, analyse(run, trials, prices=[OfferedPrices(prices)]))
    text = words(" ".join(lines))
    assert re.search(r"A read: one thread fewer explains", text)
    assert f"Prices: {ladder.id}, times 1.50." in text

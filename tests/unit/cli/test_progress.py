"""The progress of long work, as a terminal shows it."""

import io
import re
import threading

import msgspec
import pytest
from rich.console import Console

from harness.analysis.so_far import so_far
from harness.cli.progress import ProgressListener, duration
from harness.records.plan import Phase
from harness.records.verification import Outcome, Verification
from harness.runner.laboratory import Listener
from harness.runner.time_left import SetUp, Stage
from tests.toys.ramps import make_cell, ramp_run
from tests.toys.runs import BASELINE, CONDITION, make_run, make_study, simulate

DEAR = "b/dear"
STUDY = msgspec.structs.replace(
    make_study((BASELINE, DEAR), blocks=4),
    conditions=(CONDITION, msgspec.structs.replace(CONDITION, endpoint="noop")),
)
RUN = make_run(STUDY)
TRIALS = [
    msgspec.structs.replace(trial, condition=condition)
    for condition in STUDY.conditions
    for trial in simulate(make_run(make_study((BASELINE, DEAR), 4)), {BASELINE: 500, DEAR: 900}, 1)
]


class Clock:
    """A clock that goes only when it is told to."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Screen:
    """A listener on a console of 80 columns, and what it has written so far."""

    def __init__(self, *, terminal: bool, height: int = 24) -> None:
        self.file = io.StringIO()
        self.clock = Clock()
        console = Console(file=self.file, width=80, height=height, force_terminal=terminal)
        self.listener = ProgressListener(console, self.clock)
        self.listener.expect(STUDY, RUN.plan, RUN.plan.phases, SetUp((True,), 2, 1))

    def written(self) -> str:
        """What came since the last look, without the codes that move the cursor."""
        text = self.file.getvalue()
        self.file.seek(0)
        self.file.truncate()
        return re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "", text).replace("\r", "\n")

    def block(self, number: int) -> None:
        """A block has ended."""
        trials = [trial for trial in TRIALS if trial.block <= number]
        self.listener.known(so_far(RUN, trials, number))

    def slices(self, phase: Phase, seconds: float) -> None:
        """All slices of a phase, each of which takes that long."""
        before = sum(p.turns for p in RUN.plan.phases[: RUN.plan.phases.index(phase)])
        for done in range(phase.turns):
            self.clock.now_s += seconds
            self.listener.progress(phase, DEAR, before + done + 1, 1_234.0)


def left_of(text: str) -> str:
    """The time left that was told last."""
    told: list[str] = re.findall(r"(\d[\d a-z]*) left", text)
    return told[-1]


def test_it_is_a_listener() -> None:
    listener: Listener = Screen(terminal=False).listener
    listener.step("starting")


def test_without_a_terminal_each_step_of_the_set_up_is_a_line() -> None:
    screen = Screen(terminal=False)
    with screen.listener:
        screen.listener.step("starting PostgreSQL", Stage.DATABASE)
    assert screen.written().splitlines() == ["starting PostgreSQL"]


def test_without_a_terminal_a_block_is_one_short_line() -> None:
    screen = Screen(terminal=False)
    with screen.listener:
        screen.listener.planned(RUN.plan.phases)
        screen.listener.step("block 1: starting 3 servers", Stage.STARTS)
        for phase in RUN.plan.phases[:2]:
            screen.listener.step("block 1: io_read, warming up", Stage.PHASE)
            screen.slices(phase, 0.1)
        screen.block(1)
        screen.block(2)
    first, second = screen.written().splitlines()
    assert re.fullmatch(r"block 1 of 4 done, .+ left", first)
    assert re.fullmatch(r"block 2 of 4 done, ratios are known to ±[\d.]+ %, .+ left", second)
    assert max(len(first), len(second)) <= 80


def test_what_is_known_stands_in_a_table_that_becomes_more_precise() -> None:
    screen = Screen(terminal=True)
    widths = []
    with screen.listener:
        for block in range(1, 5):
            screen.block(block)
            shown = screen.written()
            (row,) = [line for line in shown.splitlines() if line.startswith(DEAR)]
            assert max(map(len, shown.splitlines())) <= 80
            assert f"after {block} of 4 blocks" in shown
            widths.append([float(w) for w in re.findall(r"1\.\d\d ±([\d.]+) %", row)])
    assert [len(w) for w in widths] == [0, 2, 2, 2]
    assert max(widths[3]) < max(widths[1])


def test_a_table_is_no_higher_than_its_terminal() -> None:
    names = [f"{'abc'[n % 3]}/variant-{n:02d}" for n in range(30)]
    run = make_run(make_study(names, 2))
    trials = simulate(run, {name: 500 + 20 * n for n, name in enumerate(names)}, 1)
    screen = Screen(terminal=True, height=16)
    with screen.listener:
        screen.listener.known(so_far(run, trials, 2))
        lines = screen.written().strip().splitlines()
    assert sum("/variant-" in line for line in lines) == 11  # one names the baseline
    assert len(lines) < 16
    assert any("20 more variants" in line for line in lines)


def test_a_cell_of_locust_is_counted_and_its_rate_shown() -> None:
    run = ramp_run()
    known = so_far(run, [make_cell()], 0)
    lines = Screen(terminal=False)
    lines.listener.known(known)
    assert lines.written().startswith("1 of 2 cells measured")
    screen = Screen(terminal=True)
    with screen.listener:
        screen.listener.known(known)
        shown = screen.written()
    (row,) = [line for line in shown.splitlines() if line.startswith("io_read")]
    assert "10.0" in row


def test_the_time_left_covers_environments_checks_and_starts() -> None:
    screen = Screen(terminal=True)
    with screen.listener:
        screen.listener.step("environment of toy", Stage.ENVIRONMENT)
        whole = screen.listener._time_left
        assert whole is not None
        left_s = whole.left_s(0.0)
        assert left_s is not None
        assert left_s > RUN.plan.expected_s + 2 * 10  # two variants are checked
        assert left_of(screen.written()) == duration(left_s)


def test_the_time_left_follows_the_pace_of_this_machine() -> None:
    """Everything takes three times as long as planned."""
    screen = Screen(terminal=True)
    with screen.listener:
        screen.listener.planned(RUN.plan.phases)
        screen.listener.step("block 1: starting 3 servers", Stage.STARTS)
        began_s = screen.clock.now_s
        planned_s = RUN.plan.expected_s / len(RUN.plan.phases)
        for phase in RUN.plan.phases[:6]:
            screen.slices(phase, 3 * planned_s / phase.turns)
        time_left = screen.listener._time_left
        assert time_left is not None
        left_s = time_left.left_s(screen.clock.now_s)
    spent_s = screen.clock.now_s - began_s
    assert left_s == pytest.approx(spent_s / 3, rel=0.35)  # a quarter of the phases is left


def test_after_the_last_block_no_time_is_left() -> None:
    screen = Screen(terminal=False)
    screen.listener.planned(RUN.plan.phases)
    screen.listener.step("block 1: starting 3 servers", Stage.STARTS)
    for phase in RUN.plan.phases:
        screen.slices(phase, 0.1)
    screen.block(4)
    assert "left" not in screen.written()


def test_slices_draw_once_a_second_at_most_and_no_thread_ever() -> None:
    screen = Screen(terminal=True)
    before = set(threading.enumerate())  # of which some may end
    with screen.listener:
        screen.written()
        screen.slices(RUN.plan.phases[0], 0.1)
        drawn = screen.written().count("1,234/s")
        assert set(threading.enumerate()) <= before
    seconds = 0.1 * RUN.plan.phases[0].turns
    assert 1 <= drawn <= seconds + 1


def test_a_verified_variant_is_a_line() -> None:
    screen = Screen(terminal=False)
    screen.listener.verified(Verification("toy/good", (Outcome("starts", None),)))
    assert screen.written().strip() == "ok    toy/good: 1 check"


def test_the_run_is_known_once_it_has_begun() -> None:
    listener = Screen(terminal=False).listener
    assert listener.run is None
    listener.begun("tiny-1")
    assert listener.run == "tiny-1"


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(3, "10 s"), (44, "40 s"), (119, "120 s"), (200, "3 min"), (3_700, "1 h 02 min")],
)
def test_a_duration_is_rounded_to_what_an_estimate_can_tell(seconds: float, told: str) -> None:
    assert duration(seconds) == told

"""How many waiting requests a stack holds, what each of them takes, and how it breaks."""

from typing import Any

import pytest

from harness.analysis.labels.labels import Label
from harness.analysis.waiting import Breakage, Reach, Waiting, breakages
from tests.toys.runs import BASELINE, make_trial
from tests.toys.sweeps import swept
from tests.toys.waits import KIB_EACH, THREADS_EACH, Broken, waited

OTHER = "b/other"
LATE = Broken({"timeout": 40}, {"timeout": 2_900}, correct=48)
MUTE = Broken({}, {"timeout": 10_000}, correct=0)


def waiting(other: dict[int, float | Broken]) -> Waiting:
    made = waited({n: {BASELINE: 0.97, OTHER: share} for n, share in other.items()})[1].waiting
    assert made is not None
    return made


def reach(other: dict[int, float | Broken]) -> Reach:
    return next(r for r in waiting(other).reaches if r.entry == OTHER)


def test_figures_are_per_request_under_way_and_beyond_the_server_at_rest() -> None:
    made = waiting({100: 0.5, 1_000: 0.5, 3_000: 0.5})
    for level in made.levels:
        cell = level.cell(OTHER)
        assert cell is not None
        assert cell.ideal_share is not None
        assert cell.ideal_share.mean == pytest.approx(0.5, rel=0.03)
        assert cell.memory_kib is not None
        assert cell.memory_kib.mean == pytest.approx(KIB_EACH)
        assert cell.threads is not None
        assert cell.threads.mean == pytest.approx(THREADS_EACH)
        assert cell.excess_p50_ms is not None
        assert cell.excess_p50_ms.mean == pytest.approx(10, rel=0.2)
        assert cell.drain_s is not None
        assert cell.drain_s.mean == pytest.approx(1.2)
        assert (cell.retried, cell.unopened, cell.broken) == (1, 0, ())
    p99 = [cell.excess_p99_ms for cell in made.levels[-1].cells]
    assert all(value is not None and value.mean == pytest.approx(200, rel=0.05) for value in p99)


def test_the_duplicate_of_the_baseline_is_no_row() -> None:
    made = waiting({100: 0.5, 1_000: 0.5, 3_000: 0.5})
    assert [r.entry for r in made.reaches] == [BASELINE, OTHER]


def test_a_stack_keeps_up_until_it_answers_less_than_nine_tenths() -> None:
    found = reach({100: 0.99, 1_000: 0.92, 3_000: 0.5})
    assert (found.keeps_up_to, found.falls_behind_at) == (1_000, 3_000)
    assert (found.holds, found.breaks_at, found.how) == (3_000, None, ())


def test_a_stack_that_never_falls_behind_has_no_end() -> None:
    found = reach({100: 0.99, 1_000: 0.99, 3_000: 0.95})
    assert (found.keeps_up_to, found.falls_behind_at) == (3_000, None)


def test_a_stack_breaks_where_it_has_no_figures_any_more() -> None:
    found = reach({100: 0.16, 1_000: LATE, 3_000: MUTE})
    assert (found.keeps_up_to, found.falls_behind_at) == (None, 100)
    assert (found.holds, found.breaks_at) == (100, 1_000)
    assert found.how == (Breakage.TIMEOUTS,)


def test_no_answer_is_a_share_of_zero_and_counts_requests_of_the_warm_up() -> None:
    cell = waiting({100: 0.9, 1_000: 0.9, 3_000: MUTE}).levels[-1].cell(OTHER)
    assert cell is not None
    assert cell.ideal_share is not None
    assert cell.ideal_share.mean == 0
    assert cell.unanswered == 3 * 10_000
    assert cell.excess_p50_ms is None
    assert cell.broken == (Breakage.TIMEOUTS,)


@pytest.mark.parametrize(
    ("changes", "labels", "how"),
    [
        ({"exhausted": ("threads",)}, (), (Breakage.THREADS,)),
        ({"exhausted": ("memory", "files")}, (), (Breakage.MEMORY, Breakage.FILES)),
        ({"problem": "the server died: it was ended by SIGKILL"}, (), (Breakage.KILLED,)),
        ({"problem": "the server died: it ended with status 1"}, (), (Breakage.DIED,)),
        ({}, (Label.WORKERS_CHANGED,), (Breakage.WORKERS,)),
        ({"errors_before": {"connect": 5}, "slices": ()}, (), (Breakage.REFUSED,)),
        ({"errors_before": {"closed": 2, "timeout": 7}, "slices": ()}, (),
         (Breakage.TIMEOUTS, Breakage.CLOSED)),
        ({"errors_before": {"status 500": 1}, "slices": ()}, (), (Breakage.ERRORS,)),
        ({"slices": ()}, (), (Breakage.SILENT,)),
    ],
)  # fmt: skip
def test_how_it_broke_follows_from_what_the_trials_kept(
    changes: dict[str, Any], labels: tuple[Label, ...], how: tuple[Breakage, ...]
) -> None:
    assert breakages([make_trial(OTHER, **changes)], labels) == how


def test_a_run_without_waiting_requests_has_none_of_this() -> None:
    _, analysis = swept({n: {BASELINE: 500.0, OTHER: 400.0} for n in (1, 10, 100)})
    assert analysis.waiting is None

import pytest

from harness.analysis.waiting import Breakage, Reach
from harness.report.words.waiting import explained, reach_sentence
from tests.toys.runs import BASELINE
from tests.toys.waits import waited


@pytest.mark.parametrize(
    ("reach", "facts"),
    [
        (Reach("a/b", 10_000, None, 10_000, None, ()), ["a/b", "keeps up", "10,000"]),
        (Reach("a/b", 100, 1_000, 10_000, None, ()), ["does not break", "between 100 and 1,000"]),
        (Reach("a/b", None, 100, 10_000, None, ()), ["does not break", "at 100 or before"]),
        (Reach("a/b", 100, 1_000, 1_000, 3_000, (Breakage.TIMEOUTS,)),
         ["breaks between 1,000 and 3,000", "time out"]),
        (Reach("a/b", None, 100, None, 100, (Breakage.THREADS, Breakage.CLOSED)),
         ["breaks at 100 or before", "another thread", "closes connections"]),
    ],
)  # fmt: skip
def test_the_end_of_a_stack_is_told_with_the_numbers_around_it(
    reach: Reach, facts: list[str]
) -> None:
    sentence = reach_sentence(reach)
    assert [fact for fact in facts if fact not in sentence] == []


@pytest.mark.parametrize("how", list(Breakage))
def test_every_way_to_break_has_its_words(how: Breakage) -> None:
    assert len(reach_sentence(Reach("a/b", None, 100, None, 100, (how,))).split()) <= 20


def test_the_ideal_is_explained_with_the_wait() -> None:
    waiting = waited({n: {BASELINE: 0.9, "b/other": 0.9} for n in (10, 100, 200)})[1].waiting
    assert waiting is not None
    assert "1 s" in explained(waiting)
    assert "90 %" in explained(waiting)

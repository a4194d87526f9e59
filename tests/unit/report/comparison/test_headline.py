"""The answer of two runs: true for planted changes, for ties, and where nothing can be told."""

from collections.abc import Sequence

import msgspec
import pytest

from harness.analysis.measures import Measure
from harness.analysis.reference import Reference
from harness.analysis.runs import ComparedVariant, RunComparison, RunTrials, RunVerdict
from harness.report.answer.headline import MOST_SENTENCES
from harness.report.comparison.headline import headline
from harness.report.words.sentences import MOST_WORDS
from tests.toys.compared import ENDPOINTS, compared, side
from tests.toys.comparisons import COMPARISON, PAIRS, READ, empty, pair, silent

COST = {"a/base": 500.0, "b/other": 500.0, "c/third": 400.0, "d/fourth": 450.0}
LONG = {f"framework/{'very-long-name-' * 6}{n}": 500.0 for n in range(4)}


def before(cost: dict[str, float] | None = None, **how: object) -> RunTrials:
    return side("before-1", cost or COST, endpoints=ENDPOINTS, seed=1, **how)  # type: ignore[arg-type]


def told(comparison: RunComparison) -> str:
    """The headline, which is within its limits."""
    sentences = headline(comparison)
    assert 1 <= len(sentences) <= MOST_SENTENCES
    for sentence in sentences:
        assert len(sentence.split()) <= MOST_WORDS, sentence
        assert sentence.endswith(".")
    return " ".join(sentences)


def of(pairs: Sequence[ComparedVariant]) -> RunComparison:
    return msgspec.structs.replace(
        COMPARISON, pairs=tuple(pairs), references=(Reference(READ, ("x/y",), {}, None),)
    )


def test_a_planted_change_is_counted_and_the_worst_is_named_with_its_size() -> None:
    after = side(
        "after-2", COST | {"b/other": 600.0, "c/third": 360.0}, endpoints=ENDPOINTS, seed=20,
        changed=["b/", "c/"],
    )  # fmt: skip
    text = told(compared(before(), after).comparison)
    assert "slower than A in 3 of 12 pairs, and faster in 3" in text
    assert "worst is b/other on " in text
    assert "1.20 times the CPU" in text


def test_where_all_became_faster_the_largest_gain_is_told() -> None:
    after = side("after-2", COST | {"c/third": 320.0}, endpoints=ENDPOINTS, seed=20, changed=["c/"])
    text = told(compared(before(), after).comparison)
    assert "B is faster than A in 3 of 12 pairs" in text
    assert "slower" not in text
    assert "gain is c/third" in text
    assert "0.80 times the CPU" in text


def test_by_throughput_more_is_faster() -> None:
    after = side("after-2", COST | {"b/other": 600.0}, endpoints=ENDPOINTS, seed=20, changed=["b/"])
    text = told(compared(before(), after, Measure.THROUGHPUT).comparison)
    assert "slower than A in 3 of 12 pairs" in text
    assert "times the throughput" in text


def test_identical_runs_are_the_same_within_the_margin() -> None:
    text = told(compared(before(), side("after-2", COST, endpoints=ENDPOINTS, seed=9)).comparison)
    assert "the same within 3 % in all 12 pairs" in text


def test_noisy_runs_show_no_change_and_tell_its_bound() -> None:
    noisy = {"noise": 0.3, "start": 0.2}
    a = side("before-1", COST, seed=1, blocks=3, **noisy)  # type: ignore[arg-type]
    b = side("after-2", COST, seed=2, blocks=3, **noisy)  # type: ignore[arg-type]
    text = told(compared(a, b).comparison)
    assert "No change is shown" in text
    assert "undecided" in text
    assert "at most" in text


def test_without_common_ground_the_machine_is_named_and_no_variant() -> None:
    slow = {name: 1.4 * cost for name, cost in COST.items()}
    after = side("after-2", slow, endpoints=ENDPOINTS, seed=9, changed=list(COST))
    text = told(compared(before(), after).comparison)
    assert "slower than A in all 12 pairs" in text
    assert "machine" in text
    assert not any(name in text for name in COST)


def test_one_block_has_estimates_and_no_verdict() -> None:
    after = side("after-2", COST | {"c/third": 800.0}, endpoints=ENDPOINTS, blocks=1, seed=9)
    text = told(compared(before(), after).comparison)
    assert "no verdict" in text
    assert "By estimate" in text
    assert "c/third" in text
    assert "slower" not in text


def test_runs_with_nothing_in_common_say_so() -> None:
    other = side("after-2", {"x/base": 500.0, "y/other": 500.0})
    assert "in both runs" in told(compared(before(), other).comparison)


def test_a_run_without_a_trial_is_named() -> None:
    sound = before()
    nothing = RunTrials(msgspec.structs.replace(sound.run, id="after-2"), [])
    assert "Run B has no trial" in told(compared(sound, nothing).comparison)
    assert "Run A has no trial" in told(compared(nothing, sound).comparison)
    assert "Both runs have no trial" in told(compared(nothing, nothing).comparison)


def test_where_no_pair_has_figures_one_reason_is_told() -> None:
    text = told(empty(silent("x/y", "it broke"), silent("x/z", "it broke")))
    assert "None of 2 pairs" in text
    assert "It broke." in text
    assert "broke" not in told(empty(silent("x/y", "it broke"), silent("x/z", "it fell")))
    assert "The only pair cannot" in told(empty(silent("x/y", "it broke " * 20)))


def test_the_reference_and_pairs_without_figures_are_not_counted() -> None:
    assert "in 1 of 4 pairs, and faster in 1; 1 is undecided" in told(COMPARISON)


def test_the_machine_s_share_is_told_where_it_touches_some_changes_only() -> None:
    assert "1 of these may be the machine's" in told(COMPARISON)
    related = [p for p in PAIRS if p.reference]
    assert "worst is django/native-orm-stock-lifecycle" in told(of(related))


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (RunVerdict.SLOWER, "slower"),
        (RunVerdict.FASTER, "faster"),
        (RunVerdict.SAME, "the same within 3 %"),
        (RunVerdict.UNDECIDED, "at most 7 %"),
    ],
)
def test_every_verdict_has_a_headline_for_one_pair_or_more(
    count: int, verdict: RunVerdict, words: str
) -> None:
    at_most = 0.0623 if verdict is RunVerdict.UNDECIDED else None
    pairs = [pair(f"a/{n}", verdict, 500, 510, at_most=at_most) for n in range(count)]
    assert words in told(of(pairs))


def test_long_names_and_many_verdicts_stay_within_the_limits() -> None:
    pairs = [
        *(pair(name, RunVerdict.SLOWER, 500, 700) for name in LONG),
        *(pair(f"{name}f", RunVerdict.FASTER, 500, 300) for name in LONG),
        *(pair(f"{name}u", RunVerdict.UNDECIDED, 500, 510, at_most=4.0) for name in LONG),
    ]
    assert "4 are undecided" in told(of(pairs))
    assert "a factor of 5" in told(of(pairs[8:]))


def test_memory_is_larger_and_needs_no_reference() -> None:
    pairs = [pair("a/b", RunVerdict.SLOWER, 100, 150, reference=())]
    memory = msgspec.structs.replace(of(pairs), measure=Measure.MEMORY)
    text = told(memory)
    assert "larger" in text
    assert "1.50 times the memory" in text
    assert "machine" not in text

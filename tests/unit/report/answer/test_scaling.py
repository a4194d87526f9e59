"""Headlines of sweeps over workers: gains, none, losses, more workers than cores."""

from harness.analysis.analyse import Analysis
from harness.analysis.measures import Measure
from harness.inputs.kinds import StudyKind, kind_of
from harness.records.run import Cores, Run
from harness.report.answer.caution import caution
from harness.report.answer.headline import headline
from harness.report.answer.sweep import heroes
from harness.report.drawing.figures import Figures
from harness.report.words.sentences import MOST_WORDS
from tests.toys.runs import BASELINE
from tests.toys.sweeps import scaled

OTHER = "b/other"
OWN = Cores(application=(0, 1, 2, 3), database=(4,), load=(5,))
GAINS = {1: 800.0, 2: 500.0, 4: 500.0}
FLAT = dict.fromkeys((1, 2, 4), 800.0)


def told(run: Run, analysis: Analysis) -> str:
    assert kind_of(run.study) is StudyKind.SWEEP
    sentences = headline(run, analysis)
    assert all(len(sentence.split()) <= MOST_WORDS for sentence in sentences), sentences
    return " ".join(sentences)


def test_gains_on_the_cores_and_none_beyond_them_are_two_sentences() -> None:
    text = told(*scaled({BASELINE: GAINS, OTHER: GAINS | {1: 1000.0}}))
    assert text.startswith("Both stacks answer 1.")
    assert " times as many reads with 2 workers as with 1." in text
    assert text.endswith("With 4 on 2 cores, no stack is shown to answer more than with 2.")


def test_without_a_gain_none_is_told() -> None:
    text = told(*scaled({BASELINE: FLAT, OTHER: FLAT}))
    assert text.startswith("No stack is shown to answer more reads with 2 workers than with 1.")


def test_a_loss_beyond_the_cores_is_told_with_its_ratio() -> None:
    text = told(*scaled({BASELINE: GAINS | {4: 700.0}, OTHER: GAINS}))
    assert f"With 4 on 2 cores, {BASELINE} answers 0.7" in text


def test_gains_and_losses_beyond_the_cores_are_counted() -> None:
    text = told(*scaled({BASELINE: GAINS | {4: 700.0}, OTHER: GAINS | {4: 300.0}}))
    assert "With 4 on 2 cores, 1 of 2 stacks answer more than with 2, and 1 less." in text


def test_only_the_stacks_that_gain_are_told_to() -> None:
    text = told(*scaled({BASELINE: FLAT, OTHER: GAINS}))
    assert text.startswith(f"{OTHER} answers 1.6 times as many reads with 2 workers as with 1.")


def test_with_a_core_for_each_worker_the_largest_number_is_told() -> None:
    run, analysis = scaled({BASELINE: {1: 800.0, 2: 400.0, 4: 200.0}, OTHER: GAINS}, cores=OWN)
    text = told(run, analysis)
    assert "with 4 workers as with 1." in text
    assert "cores" not in text
    assert caution(run, analysis) is None


def test_one_block_gives_no_verdict() -> None:
    text = told(*scaled({BASELINE: GAINS, OTHER: GAINS}, blocks=1))
    assert text.startswith("One block gives estimates, and no verdict.")


def test_cores_that_workers_share_with_other_roles_are_a_caution() -> None:
    run, analysis = scaled({BASELINE: GAINS, OTHER: GAINS})
    found = caution(run, analysis)
    assert found is not None
    assert "share their 2 cores with PostgreSQL and the generator" in found.text
    assert not found.alarm


def test_throughput_by_workers_is_the_first_picture_even_where_nobody_is_ranked_by_it() -> None:
    run, analysis = scaled({BASELINE: GAINS, OTHER: GAINS})
    assert any(not r.comparisons[Measure.THROUGHPUT].ranking for r in analysis.conditions)
    with Figures() as figures:
        first, *_ = heroes(run, analysis, figures)
        figures.finish()
    assert first.measure == Measure.THROUGHPUT.value
    assert "workers" in first.figure["title"]

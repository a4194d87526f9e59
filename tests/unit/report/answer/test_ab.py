"""The headline and the picture of an A/B."""

import msgspec
import pytest

from harness.analysis.analyse import analyse
from harness.inputs.kinds import StudyKind, kind_of
from harness.inputs.manifests import QUANTITIES
from harness.inputs.settings import Setup
from harness.records.verification import Audit, Toll
from harness.report.answer.headline import headline
from harness.report.answer.heroes import heroes
from harness.report.drawing.figures import Figures
from harness.report.words.ab import counted_differences, packages, packages_in_brief
from harness.report.words.sentences import MOST_WORDS
from tests.toys.ab import A, B, measured, measured_from
from tests.toys.kinds import STEADY
from tests.toys.runs import BASELINE, CONDITION, make_run, make_study, simulate


def told(cost: float, noise: float = 0.004, blocks: int = 6) -> str:
    run, trials = measured(cost, noise, blocks)
    sentences = headline(run, analyse(run, trials))
    assert all(len(sentence.split()) <= MOST_WORDS for sentence in sentences)
    return " ".join(sentences)


@pytest.mark.parametrize(
    ("cost", "noise", "words"),
    [
        (1100.0, 0.004, f"With x 2, {BASELINE} is slower: 1.1"),
        (900.0, 0.004, f"With x 2, {BASELINE} is faster: 0.9"),
        (1000.0, 0.004, "the same within 3 %"),
        (1000.0, 0.5, "at most"),
    ],
)
def test_the_headline_is_the_verdict(cost: float, noise: float, words: str) -> None:
    assert words in told(cost, noise)


@pytest.mark.parametrize(
    ("cost", "noise", "words"),
    [
        (1100.0, 0.004, "With x 2, a/base is slower than with x 1.5: 1.1"),
        (1000.0, 0.004, "the same within 3 % as with x 1.5 on"),
        (1000.0, 0.5, "no difference of a/base from that with x 1.5 is shown"),
    ],
)
def test_a_baseline_of_its_own_is_named_by_what_it_has(
    cost: float, noise: float, words: str
) -> None:
    run, trials = measured_from(cost, noise)
    (first, *_) = headline(run, analyse(run, trials))
    assert words in first
    assert A not in first


def test_a_long_name_of_the_baseline_gives_way() -> None:
    run, trials = measured_from(1100.0, title="asgiref 3.11.1 and django 6.0.2 at abcdef0 here")
    (first, *_) = headline(run, analyse(run, trials))
    assert len(first.split()) <= MOST_WORDS
    assert "slower than A: 1.1" in first


@pytest.mark.parametrize(
    ("costs", "words"),
    [
        ((800.0, 900.0), "faster on both endpoints: 0.8"),
        ((800.0, 900.0, 1100.0), "faster on 2 endpoints, slower on 1: 0.8"),
        ((1000.0, 1200.0), "slower on 1 of 2 endpoints: 1.2"),
        ((1100.0, 1200.0, 1300.0), "slower on all 3 endpoints: 1.3"),
    ],
)
def test_endpoints_are_counted_with_the_verdict_that_they_have(
    costs: tuple[float, ...], words: str
) -> None:
    assert words in of_endpoints(costs)


def test_a_headline_without_room_for_counts_tells_that_b_is_slower_elsewhere() -> None:
    assert "is faster, elsewhere slower: 0.8" in of_endpoints((800.0, 1100.0), "x 2 and y 3 here")


def of_endpoints(costs: tuple[float, ...], title: str = "x 2") -> str:
    """The headline of a B that costs so much on each of some endpoints."""
    run, _ = measured(1000.0)
    setups = {B: Setup(BASELINE, title=title)}
    endpoints = ("io_read", "noop", "cpu")[: len(costs)]
    of = {e: msgspec.structs.replace(CONDITION, endpoint=e) for e in endpoints}
    study = msgspec.structs.replace(run.study, conditions=tuple(of.values()), setups=setups)
    trials = [
        msgspec.structs.replace(trial, condition=of[endpoint])
        for endpoint, cost in zip(endpoints, costs, strict=True)
        for trial in measured(cost)[1]
    ]
    run = make_run(study)
    (first, *_) = headline(run, analyse(run, trials))
    assert len(first.split()) <= MOST_WORDS
    return first.replace("0.80", "0.8").replace("1.20", "1.2").replace("1.30", "1.3")


def test_one_block_gives_no_verdict() -> None:
    assert "no verdict" in told(1000.0, blocks=1)


def toll(**counted: float) -> tuple[Toll, ...]:
    usual = dict.fromkeys(QUANTITIES, 1.0)
    return (Toll(CONDITION.endpoint, 10, usual | counted, {}),)


def test_counts_that_differ_are_the_second_sentence() -> None:
    run, trials = measured(1100.0)
    audits = (
        Audit(BASELINE, toll(threads=2.0, hops=3.0)),
        Audit(B, toll(threads=1.0, hops=3.0)),
    )
    run = msgspec.structs.replace(run, audits=audits)
    assert headline(run, analyse(run, trials))[1] == "A read starts 1 thread instead of 2."
    assert counted_differences(audits, BASELINE, B, [CONDITION]) == {
        CONDITION.endpoint: {"threads": (2.0, 1.0)}
    }
    alike = msgspec.structs.replace(run, audits=(audits[0], Audit(B, audits[0].tolls)))
    assert "same work" in headline(alike, analyse(alike, trials))[1]


def test_every_package_that_differs_is_named() -> None:
    run, _ = measured(1000.0)
    own = msgspec.structs.replace(run.implementations["a"], packages={"x": "2", "y": "1"})
    record = msgspec.structs.replace(run.variants[B], implementation="a+next")
    run = msgspec.structs.replace(
        run,
        implementations={**run.implementations, "a+next": own},
        variants={**run.variants, B: record},
    )
    assert packages(run, BASELINE, B) == "x 1 → 2, y none → 1; nothing else"
    assert packages(run, BASELINE, BASELINE) == "no package differs"


def test_a_build_is_told_from_the_release_of_the_same_version() -> None:
    run, _ = measured(1000.0)
    setups = {B: Setup(BASELINE, title="x 1 at abc", packages=("X @ built:0123",))}
    run = msgspec.structs.replace(run, study=msgspec.structs.replace(run.study, setups=setups))
    assert packages(run, BASELINE, B) == "x 1 → 1 (wheel 0123); nothing else"


def test_the_picture_has_a_row_for_each_measure_that_compares() -> None:
    run, trials = measured(1100.0)
    with Figures() as figures:
        (hero,) = heroes(run, analyse(run, trials), figures)
        assert hero.narrow is not None
        assert "Different" in hero.figure["alt"]
        assert "1.1" in hero.figure["alt"]


def test_two_bs_have_a_sentence_each() -> None:
    run, trials = measured(1100.0)
    setups = {B: Setup(BASELINE, title="x 2"), "a/other": Setup(BASELINE, title="x 3")}
    run = msgspec.structs.replace(run, study=msgspec.structs.replace(run.study, setups=setups))
    assert "With x 2" in " ".join(headline(run, analyse(run, trials)))


def test_several_variants_each_against_a_setup_of_its_own_have_their_own_ratios() -> None:
    """The variant of another folder costs twice as much; its setup is compared with it alone."""
    other, later = "b/other", "b/next"
    study = make_study((BASELINE, B, other, later), 6)
    setups = {B: Setup(BASELINE, title="x 2"), later: Setup(other, title="x 3")}
    study = msgspec.structs.replace(study, setups=setups)
    assert kind_of(study) is StudyKind.AB
    run = make_run(study)
    costs = {BASELINE: 1000.0, B: 900.0, other: 2000.0, later: 2400.0}
    quiet = {**STEADY, "noise": 0.004, "start": 0.001}
    first, second = headline(run, analyse(run, simulate(run, costs, 5, **quiet)))
    assert f"With x 3, {other} is slower: 1.2 times" in first.replace("1.20", "1.2")
    assert f"With x 2, {BASELINE} is faster: 0.9" in second


def test_many_releases_of_one_package_are_one_line() -> None:
    run, _ = measured(1000.0)
    home = run.implementations["a"]
    names = [f"a/next-{version}" for version in "234"]
    made = {f"a+{name}": msgspec.structs.replace(home, packages={"x": name[-1]}) for name in names}
    base = msgspec.structs.replace(home, packages={"x": "1"})
    study = msgspec.structs.replace(
        run.study,
        variants=(BASELINE, *names),
        setups={name: Setup(BASELINE, title=name) for name in names},
    )
    records = {
        name: msgspec.structs.replace(run.variants[B], implementation=f"a+{name}") for name in names
    }
    run = msgspec.structs.replace(
        run, study=study, implementations={"a": base, **made}, variants={**run.variants, **records}
    )
    assert packages_in_brief(run) == ["x 1 → 2, 3, 4; nothing else."]
    fourth = msgspec.structs.replace(home, packages={"x": "1", "y": "4"})
    equal = {f"a+{names[0]}": base, f"a+{names[1]}": base, f"a+{names[2]}": fourth}
    mixed = msgspec.structs.replace(run, implementations={"a": base, **equal})
    assert packages_in_brief(mixed) == ["y none → 4; nothing else."]
    none = msgspec.structs.replace(mixed, implementations={"a": base, **dict.fromkeys(equal, base)})
    assert packages_in_brief(none) == ["No package differs."]


def test_labels_of_many_setups_are_their_names_where_titles_have_no_room() -> None:
    names = ("a/on-x", "a/on-y", "b/on-x")
    titles = {name: Setup(f"{name[0]}/base", title="x") for name in names}
    run = make_run(
        msgspec.structs.replace(
            make_study(("a/base", "b/base", *names)), baseline="a/base", setups=titles
        )
    )
    long = {name: Setup(f"{name[0]}/base", title="A title of some length" * 2) for name in names}
    cramped = msgspec.structs.replace(run, study=msgspec.structs.replace(run.study, setups=long))
    trials = simulate(run, dict.fromkeys(run.study.everyone, 500.0), 3)
    for made, label in ((run, "x: b/base"), (cramped, "b/on-x")):
        with Figures() as figures:
            heroes(made, analyse(made, trials), figures)
            figures.finish()
        assert label in figures.all[0].svg

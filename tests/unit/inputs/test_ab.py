import tomllib
from pathlib import Path

import pytest
import tomli_w

from harness.base.errors import UsageError
from harness.inputs.ab import Changes, ab_study, as_table, within
from harness.inputs.kinds import StudyKind, kind_of, origin_of, origins_of
from harness.inputs.study import Study
from harness.inputs.study_loader import load_study
from tests.toys.catalogs import repository_catalog

A = "django/async-pool"
CATALOG = repository_catalog()


def study_of(changes: Changes) -> Study:
    return ab_study(A, changes.sides(A), ("noop",), 32, 0.03, 5)


def test_one_value_of_each_option_makes_one_b() -> None:
    sides = Changes(packages=(("asgiref==3.11.1",),), threads=(4,)).sides(A)
    assert sides.a == A
    ((name, setup),) = sides.bs.items()
    assert name.startswith("django/async-pool-asgiref-3-11-1")
    assert (setup.packages, setup.threads) == (("asgiref==3.11.1",), 4)
    assert "asgiref 3.11.1" in (setup.title or "")


def test_several_values_of_one_option_make_several_bs() -> None:
    setups = Changes(threads=(4, 64)).sides(A).setups
    assert [setup.threads for setup in setups.values()] == [4, 64]


def test_several_packages_can_belong_to_one_b() -> None:
    two = ("django==6.0.*", "asgiref==3.11.1")
    ((name, setup),) = Changes(packages=(two,)).sides(A).bs.items()
    assert setup.packages == two
    assert setup.title == "django 6.0.*, asgiref 3.11.1"
    assert name == "django/async-pool-django-6-0-asgiref-3-11-1"


def test_a_baseline_is_a_setup_whose_packages_b_has_too() -> None:
    base = ("asgiref==3.11.1", "uvloop==0.22.1")
    sides = Changes(packages=(("asgiref==3.12.1",),), baseline=base).sides(A)
    (b,) = sides.bs.values()
    assert sides.a == "django/async-pool-asgiref-3-11-1-uvloop-0-22-1"
    assert sides.setups[sides.a].packages == base
    assert b.packages == ("asgiref==3.12.1", "uvloop==0.22.1")
    study = ab_study(A, sides, ("noop",), 32, 0.03, 5)
    assert kind_of(study) is StudyKind.AB
    assert (study.baseline, origin_of(study, study.baseline)) == (sides.a, A)
    assert origins_of(study) == dict.fromkeys(sides.bs, sides.a)
    assert "against asgiref 3.11.1" in study.title


def test_other_changes_keep_the_baselines_packages() -> None:
    sides = Changes(threads=(4,), baseline=("asgiref==3.11.1",)).sides(A)
    (b,) = sides.bs.values()
    assert (b.packages, b.threads) == (("asgiref==3.11.1",), 4)


def test_sides_that_are_alike_still_have_names_of_their_own() -> None:
    sides = Changes(packages=(("x==1",),), baseline=("x==1",)).sides(A)
    assert len(sides.setups) == 2
    long = ["asgiref @ built:" + "0" * 40 + end for end in "12"]
    changes = Changes(
        packages=tuple((text,) for text in long),
        titles={text: f"asgiref 3.11.1 at {'0' * 40}{text[-1]}" for text in long},
    )
    assert len(changes.sides(A).bs) == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (Changes(), "Nothing changes"),
        (Changes(threads=(4, 64), workers=(2,)), "one value of each"),
        (Changes(threads=(4, 4)), "--threads has one value twice"),
        (Changes(baseline=("asgiref==3.11.1",)), "Nothing changes"),
        (Changes(env=("DJANGO_MIDDLEWARE",)), "NAME=value"),
        (Changes(env=("=x",)), "NAME=value"),
        (Changes(knob=("access_log",)), "access_log=on"),
    ],
)
def test_unclear_changes_are_refused(changes: Changes, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        changes.sides(A)


def test_a_knob_is_a_change_with_a_title() -> None:
    (b,) = Changes(knob=("access_log=on",)).sides(A).bs.values()
    assert b.knobs == {"access_log": "on"}
    assert b.title == "access log on"


def test_the_study_is_an_ab_that_ends_by_its_verdicts_or_its_time() -> None:
    study = within(study_of(Changes(threads=(4,))), block_s=30)
    assert kind_of(study) is StudyKind.AB
    assert study.baseline == A
    assert study.stopping.verdicts
    assert study.stopping.budget_s == 300
    assert study.blocks == 10


def test_little_time_still_has_blocks_enough_for_verdicts() -> None:
    assert within(study_of(Changes(threads=(4,))), block_s=600).blocks == 5


def test_a_saved_study_is_the_same_study(tmp_path: Path) -> None:
    changes = Changes(packages=(("asgiref==3.12.1",),), baseline=("asgiref==3.11.1",))
    study = within(study_of(changes), block_s=30)
    text = tomli_w.dumps(as_table(study))
    assert tomllib.loads(text)["setups"]
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    assert load_study(path, CATALOG) == study

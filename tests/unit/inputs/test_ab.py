import tomllib
from pathlib import Path

import pytest
import tomli_w

from harness.base.errors import UsageError
from harness.base.workspace import Workspace
from harness.inputs.ab import Changes, ab_study, as_table, within
from harness.inputs.catalog import load_catalog
from harness.inputs.kinds import StudyKind, kind_of
from harness.inputs.study import Study
from harness.inputs.study_loader import load_study

A = "django/async-pool"
CATALOG = load_catalog(Workspace())


def study_of(changes: Changes) -> Study:
    return ab_study(A, changes.setups(A), ("noop",), 32, 0.03, 5)


def test_one_value_of_each_option_makes_one_b() -> None:
    setups = Changes(packages=("asgiref==3.11.1",), threads=(4,)).setups(A)
    ((name, setup),) = setups.items()
    assert name.startswith("django/async-pool-asgiref-3-11-1")
    assert (setup.packages, setup.threads) == (("asgiref==3.11.1",), 4)
    assert "asgiref 3.11.1" in (setup.title or "")


def test_several_values_of_one_option_make_several_bs() -> None:
    setups = Changes(threads=(4, 64)).setups(A)
    assert [setup.threads for setup in setups.values()] == [4, 64]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (Changes(), "Nothing changes"),
        (Changes(threads=(4, 64), workers=(2,)), "one value of each"),
        (Changes(threads=(4, 4)), "twice"),
        (Changes(env=("DJANGO_MIDDLEWARE",)), "NAME=value"),
        (Changes(env=("=x",)), "NAME=value"),
    ],
)
def test_unclear_changes_are_refused(changes: Changes, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        changes.setups(A)


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
    study = within(study_of(Changes(packages=("asgiref==3.11.1",))), block_s=30)
    text = tomli_w.dumps(as_table(study))
    assert tomllib.loads(text)["setups"]
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    assert load_study(path, CATALOG) == study

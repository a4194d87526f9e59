import msgspec

from harness.inputs.settings import ServerSettings
from harness.records.differences import differences
from tests.toys.shelves import dated_run

OTHER = "b/other"


def test_nothing_differs_from_itself() -> None:
    assert differences(dated_run(1), dated_run(2), OTHER) == ()


def test_packages_that_changed_came_or_went_are_named() -> None:
    before = dated_run(1, {"x": "1", "old": "3", "same": "7"})
    after = dated_run(2, {"x": "2", "new": "4", "same": "7"})
    assert differences(before, after, OTHER) == ("new none to 4", "old 3 to none", "x 1 to 2")


def test_packages_of_another_implementation_do_not_matter() -> None:
    before, after = dated_run(1, {"x": "1"}), dated_run(2, {"x": "2"})
    assert differences(before, after, "a/base") == ()


def test_factors_and_harness_are_named_and_what_lies_around_is_not() -> None:
    before = dated_run(1)
    study = msgspec.structs.replace(before.study, server=ServerSettings(pool_size=99))
    variant = msgspec.structs.replace(before.variants[OTHER], factors={"views": "async"})
    variants = before.variants | {OTHER: variant}
    after = dated_run(2, study=study, variants=variants, commit="abc")
    assert set(differences(before, after, OTHER)) == {"views sync to async", "bridgetoll 0 to abc"}


def test_a_variant_of_which_a_run_says_nothing_is_no_error() -> None:
    run = dated_run(1)
    bare = dated_run(2, implementations={}, variants={})
    assert "x 1 to none" in differences(run, bare, OTHER)

from typing import Any

import msgspec
import pytest

from harness.base.errors import UsageError
from harness.inputs.settings import LoadSettings, NetworkSettings, ServerSettings, Setup
from harness.inputs.study import Condition, Latency, Study
from harness.records.comparability import (
    Change,
    changes,
    check_comparable,
    reasons,
    unlike,
    variant_changes,
)
from harness.records.run import Cores, MachineRecord, Run
from tests.toys.runs import make_run, make_study
from tests.toys.shelves import dated_run

replace = msgspec.structs.replace
A = replace(make_run(), id="before")
B = replace(make_run(), id="after")


def with_study(run: Run, **changed: Any) -> Run:
    return replace(run, study=replace(run.study, **changed))


def with_load(run: Run, **changed: Any) -> Run:
    return with_study(run, load=replace(run.study.load, **changed))


def delayed(run: Run, injector: Any) -> Run:
    condition = Condition("io_read", window_s=1.0, latency=Latency(database_ms=1.0))
    return with_study(run, conditions=(condition,), network=NetworkSettings(injector))


def test_runs_that_were_measured_alike_are_comparable() -> None:
    assert reasons(A, B) == ()
    assert check_comparable(A, B, anyway=False) == ()


CHANGED: list[tuple[Run, str]] = [
    (
        replace(B, contract="2.0.0", contract_digest="f"),
        f"the contracts differ in version (1.0.0 / 2.0.0), digest ({'c' * 16} / f)",
    ),
    (
        replace(B, machine={"kernel": "Linux 7", "processors": 4}),
        "the machines differ in kernel (Linux / Linux 7), processors (2 / 4)",
    ),
    (
        replace(B, cores=Cores(application=(0, 1), database=(2,), load=(1,))),
        "the cores differ in application (0 / 0+1), database (1 / 2)",
    ),
    (
        replace(B, reads="at rest"),
        "the readings of the clocks differ in at the end of a slice (after 5 ms / at rest)",
    ),
    (
        replace(B, database={"server_version": "19.0", "jit": "off"}),
        "the databases differ in server_version (18.6 / 19.0), jit (not known / off)",
    ),
    (
        replace(
            B,
            machines=(
                MachineRecord(0, ("application",), {}),
                MachineRecord(1, ("database", "load"), {}),
            ),
        ),
        "the machines of the roles differ in database (1 / 2), load (1 / 2)",
    ),
    (replace(B, embedded_database=False), "the databases differ in embedded (on / off)"),
    (
        with_study(B, server=ServerSettings(threads=32)),
        "the servers' settings differ in threads (16 / 32)",
    ),
    (with_load(B, slice_s=0.2), "the loads differ in slice_s (0.1 / 0.2)"),
    (with_load(B, probe=False), "the loads differ in probe (on / off)"),
    (with_study(B, fresh="condition"), "the loads differ in fresh (block / condition)"),
    (delayed(B, "relay"), "the networks differ in injector (none / relay)"),
]


@pytest.mark.parametrize(("other", "told"), CHANGED, ids=[told for _, told in CHANGED])
def test_whatever_surrounds_the_variants_is_a_reason(other: Run, told: str) -> None:
    assert reasons(A, other) == (told,)


def test_a_way_of_delaying_that_no_condition_uses_is_no_reason() -> None:
    assert reasons(A, with_study(B, network=NetworkSettings("netem"))) == ()
    told = "the networks differ in injector (relay / netem)"
    assert reasons(delayed(A, "relay"), delayed(B, "netem")) == (told,)


def test_windows_end_within_the_load_however_slices_are_read() -> None:
    condition = Condition("io_read", window_s=5.0)
    windows = with_study(A, conditions=(condition,)), with_study(B, conditions=(condition,))
    assert reasons(windows[0], replace(windows[1], reads="at rest")) == ()


def test_what_changes_no_value_is_no_reason() -> None:
    """More blocks and rounds narrow intervals; other variants and conditions are not compared."""
    study = make_study(("a/base", "c/third"), blocks=9)
    other = replace(make_run(replace(study, load=LoadSettings(rounds=99))), id="after")
    assert reasons(A, other) == ()


def test_what_one_compares_is_no_reason() -> None:
    newer = replace(B, commit="abc", code_digest="f" * 16, bridgetoll="9", implementations={})
    assert reasons(A, newer) == ()


def set_up(threads: int) -> Study:
    return replace(make_study(), setups={"b/other": Setup("b/base", threads=threads)})


def test_a_variant_with_settings_of_its_own_must_have_the_same_in_both() -> None:
    one, same, other = (replace(A, study=set_up(threads)) for threads in (4, 4, 8))
    assert reasons(one, same) == ()
    assert reasons(one, other) == ("the settings of b/other differ in threads (4 / 8)",)


def test_all_reasons_are_told_in_one_sentence_with_the_way_out() -> None:
    other = with_load(replace(B, embedded_database=False), slice_s=0.2)
    with pytest.raises(UsageError) as refused:
        check_comparable(A, other, anyway=False)
    said = str(refused.value)
    assert said.startswith("before and after were not measured alike: ")
    assert all(reason in said for reason in reasons(A, other))
    assert len(reasons(A, other)) == 2
    assert "--anyway" in said
    assert said.endswith(".")
    assert check_comparable(A, other, anyway=True) == reasons(A, other)


@pytest.mark.parametrize("anyway", [False, True])
def test_cells_of_locust_are_refused_in_any_case(anyway: bool) -> None:
    ramp = with_load(B, engine="locust")
    for one, other in ((A, ramp), (replace(ramp, id="ramp"), ramp)):
        with pytest.raises(UsageError, match=r"loaded by Locust.*\.$"):
            check_comparable(one, other, anyway=anyway)


def test_a_run_is_not_compared_with_itself() -> None:
    with pytest.raises(UsageError, match="Both names are of the run before; name two"):
        check_comparable(A, A, anyway=True)


def with_packages(run: Run, lock: str, packages: dict[str, str]) -> Run:
    (name, *_) = run.implementations
    record = replace(run.implementations[name], lock_digest=lock, packages=packages)
    return replace(run, implementations={**run.implementations, name: record})


def test_what_changed_is_told_by_package_with_old_and_new_version() -> None:
    old = with_packages(A, "d" * 16, {"Django": "6.1", "gone": "1", "same": "2"})
    new = with_packages(B, "e" * 16, {"Django": "6.2", "same": "2", "fresh": "3"})
    assert changes(old, new) == (
        Change("a", "requirements.lock", "d" * 16, "e" * 16),
        Change("a", "Django", "6.1", "6.2"),
        Change("a", "gone", "1", None),
        Change("a", "fresh", None, "3"),
    )


def test_code_commit_and_manifests_may_have_changed_too() -> None:
    variants = {**B.variants, "b/other": replace(B.variants["b/other"], server="uvicorn")}
    newer = replace(B, bridgetoll="1", commit="abc", code_digest="f" * 16, variants=variants)
    assert changes(A, newer) == (
        Change("bridgetoll", "version", "0", "1"),
        Change("bridgetoll", "commit", None, "abc"),
        Change("bridgetoll", "code", "e" * 16, "f" * 16),
        Change("b/other", "server", "toy", "uvicorn"),
    )


def test_where_nothing_changed_there_is_nothing_to_tell() -> None:
    assert changes(A, B) == ()


def test_of_implementations_that_one_run_has_alone_nothing_changed() -> None:
    alone = replace(make_run(make_study(("a/base", "c/third"))), id="after")
    assert changes(A, alone) == ()


OTHER = "b/other"


def test_a_variant_measured_again_alike_has_no_changes() -> None:
    assert variant_changes(dated_run(1), dated_run(2), OTHER) == ()


def test_packages_of_a_variant_that_changed_came_or_went_are_named() -> None:
    before = dated_run(1, {"x": "1", "old": "3", "same": "7"})
    after = dated_run(2, {"x": "2", "new": "4", "same": "7"})
    assert variant_changes(before, after, OTHER) == (
        Change("b", "new", None, "4"),
        Change("b", "old", "3", None),
        Change("b", "x", "1", "2"),
    )


def test_packages_of_another_implementation_do_not_concern_a_variant() -> None:
    before, after = dated_run(1, {"x": "1"}), dated_run(2, {"x": "2"})
    assert variant_changes(before, after, "a/base") == ()


def test_factors_and_harness_concern_a_variant_and_its_surroundings_do_not() -> None:
    before = dated_run(1)
    study = replace(before.study, server=ServerSettings(pool_size=99))
    variant = replace(before.variants[OTHER], factors={"views": "async"})
    variants = before.variants | {OTHER: variant}
    after = dated_run(2, study=study, variants=variants, commit="abc")
    assert variant_changes(before, after, OTHER) == (
        Change(OTHER, "views", "sync", "async"),
        Change("bridgetoll", "bridgetoll", "0", "abc"),
    )


def test_a_variant_that_one_run_does_not_describe_is_no_error() -> None:
    bare = dated_run(2, implementations={}, variants={})
    assert Change("b", "x", "1", None) in variant_changes(dated_run(1), bare, OTHER)


def with_code(run: Run, **digests: str | None) -> Run:
    """With these digests of the implementations' code."""
    records = {
        name: replace(record, code_digest=digests[name]) if name in digests else record
        for name, record in run.implementations.items()
    }
    return replace(run, implementations=records)


def with_variant(run: Run, **changed: Any) -> Run:
    return replace(run, variants=run.variants | {OTHER: replace(run.variants[OTHER], **changed)})


def test_a_variant_of_which_nothing_differs_is_the_same_in_both_runs() -> None:
    assert unlike(A, B, OTHER) is None


OF_OTHER: list[tuple[Run, str]] = [
    (replace(B, contract_digest="f"), "the contract changed"),
    (replace(B, database={"server_version": "19.0"}), "PostgreSQL or its settings changed"),
    (replace(B, embedded_database=False), "PostgreSQL or its settings changed"),
    (replace(B, machine=A.machine | {"python": "CPython 9"}), "Python changed"),
    (with_variant(B, server="uvicorn"), "its server or its factors changed"),
    (with_variant(B, factors={"views": "async"}), "its server or its factors changed"),
    (with_study(B, server=ServerSettings(threads=32)), "its settings changed"),
    (with_study(B, setups={OTHER: Setup("b/base", pool_size=3)}), "its settings changed"),
    (with_study(B, setups={OTHER: Setup("b/base")}), "its settings changed"),
    (replace(B, variants={}), "not both runs describe it"),
    (replace(B, implementations={}), "not both runs describe it"),
]


@pytest.mark.parametrize(("other", "told"), OF_OTHER, ids=[told for _, told in OF_OTHER])
def test_whatever_may_change_what_a_variant_costs_makes_it_another(other: Run, told: str) -> None:
    assert unlike(A, other, OTHER) == told
    assert unlike(other, A, OTHER) == told


def test_titles_tags_other_packages_and_other_setups_leave_a_variant_the_same() -> None:
    others = with_packages(B, "e" * 16, {"x": "2"})  # of `a`
    same = with_variant(others, title="another", tags=("deployed",))
    study = replace(same.study, setups={"b/more": Setup(OTHER, threads=2)})
    assert unlike(A, replace(same, study=study), OTHER) is None
    assert unlike(A, same, "a/base") == "its packages changed"


def test_code_is_known_by_the_digest_of_the_implementation() -> None:
    changed = replace(B, code_digest="f" * 16, commit="abc")
    one = with_code(A, a="1", b="2")
    assert unlike(one, with_code(changed, a="1", b="2"), OTHER) is None
    assert unlike(one, with_code(changed, a="1", b="3"), OTHER) == "its code changed"
    assert unlike(one, with_code(B, a="9", b="2"), OTHER) is None
    assert unlike(one, with_code(B, b="3"), OTHER) == "its code changed"


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ({"code_digest": "1"}, {"code_digest": "1"}, True),
        ({"code_digest": "1", "commit": "abc"}, {"code_digest": "2", "commit": "abc"}, True),
        ({"code_digest": "1", "commit": "abc"}, {"code_digest": "2", "commit": "def"}, False),
        ({"code_digest": "1", "commit": None}, {"code_digest": "2", "commit": None}, False),
        (
            {"code_digest": "1", "commit": "abc-dirty"},
            {"code_digest": "2", "commit": "abc-dirty"},
            False,
        ),
    ],
)
def test_of_runs_without_that_digest_equal_code_or_commits_prove_it_and_nothing_else_does(
    before: dict[str, Any], after: dict[str, Any], same: bool
) -> None:
    told = None if same else "its code is not known to be the same"
    assert unlike(replace(A, **before), replace(B, **after), OTHER) == told
    new = with_code(replace(B, **after), b="2")
    assert unlike(replace(A, **before), new, OTHER) == told


def test_code_that_changed_is_told_by_implementation() -> None:
    assert changes(with_code(A, b="1"), with_code(B, b="2")) == (Change("b", "code", "1", "2"),)
    assert changes(A, with_code(B, b="2")) == ()

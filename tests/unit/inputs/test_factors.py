from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.base.workspace import Workspace
from harness.inputs.catalog import Catalog, load_catalog
from harness.inputs.factors import FRAMEWORK, SERVER, WITHOUT_SAYING, differences, factors_of
from harness.inputs.manifests import Variant

FACTORS = st.dictionaries(st.sampled_from("abcde"), st.sampled_from("xyz"))


def variant(**factors: str) -> Variant:
    return Variant(
        name="toy/one", title="", framework="Toy", implementation="toy", folder=Path(),
        server="http.server", app="", factors=factors, env={}, tags=(),
    )  # fmt: skip


@pytest.fixture(scope="session")
def real(repository: Workspace) -> Catalog:
    return load_catalog(repository)


def changed(catalog: Catalog, one: str, other: str) -> dict[str, tuple[str, str]]:
    """In what two variants of the repository differ."""
    return differences(
        factors_of(one, catalog.variant(one)), factors_of(other, catalog.variant(other))
    )


def test_folder_and_server_are_factors_that_every_variant_has() -> None:
    found = factors_of("toy/one", variant(views="sync"))
    assert found == {FRAMEWORK: "toy", SERVER: "http.server", "views": "sync"} | WITHOUT_SAYING


def test_a_manifest_may_name_the_framework_where_two_folders_hold_the_same() -> None:
    assert factors_of("toy-1.0/one", variant(framework="toy"))[FRAMEWORK] == "toy"


def test_what_a_manifest_names_goes_before_what_goes_without_saying() -> None:
    found = factors_of("toy/one", variant(extra_hops="4"))
    assert found == factors_of("toy/one", variant()) | {"extra_hops": "4"}


def test_a_factor_that_does_not_apply_to_one_of_two_is_no_difference() -> None:
    """What has no threads does not differ from another in how it makes them."""
    assert differences({"bridge": "none"}, {"bridge": "none", "threads": "reused"}) == {}
    assert differences({"bridge": "none", "threads": "reused"}, {"bridge": "none"}) == {}


def test_a_difference_holds_the_values_of_the_one_and_of_the_other() -> None:
    one, other = {"json": "orjson", "pool": "pooled"}, {"pool": "per-request", "json": "orjson"}
    assert differences(one, other) == {"pool": ("pooled", "per-request")}


@given(factors=FACTORS)
def test_nothing_differs_from_itself(factors: dict[str, str]) -> None:
    assert differences(factors, factors) == {}


@given(one=FACTORS, other=FACTORS)
def test_seen_from_the_other_side_the_values_change_places(
    one: dict[str, str], other: dict[str, str]
) -> None:
    mirrored = {factor: (b, a) for factor, (a, b) in differences(other, one).items()}
    assert differences(one, other) == mirrored


@pytest.mark.parametrize(
    ("one", "other", "wanted"),
    [
        (
            "django/async-pool",
            "django/async-pool-switch-50us",
            {"switch_interval_us": ("5000", "50")},
        ),
        (
            "django/async-pool",
            "django/async-reused-threads",
            {"threads": ("per-request", "reused")},
        ),
        ("starlette/psycopg", "starlette/psycopg-hops-4", {"extra_hops": ("0", "4")}),
        ("django/psycopg", "starlette/psycopg", {"framework": ("django", "starlette")}),
        ("django/inline-bridge", "django/async-pool", {"bridge": ("inline", "per-query")}),
        (
            "starlette/django-orm-threadpool",
            "starlette/django-orm-asgiref",
            {"offload": ("anyio", "asgiref")},
        ),
    ],
)
def test_variants_of_the_repository_that_differ_in_one_factor(
    real: Catalog, one: str, other: str, wanted: dict[str, tuple[str, str]]
) -> None:
    assert changed(real, one, other) == wanted

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.base.errors import MalformedFile
from harness.base.workspace import Workspace
from harness.inputs.catalog import Catalog, load_catalog
from harness.inputs.factors import (
    DECIDING,
    FRAMEWORK,
    SERVER,
    differences,
    factors_of,
    load_vocabulary,
    vocabulary,
)
from harness.inputs.manifests import Variant

USUAL = {"api": "plain", "extra_hops": "0", "middleware": "none", "switch_interval_us": "5000"}
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
    assert found == {FRAMEWORK: "toy", SERVER: "http.server", "views": "sync"} | USUAL


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
        ("django/sync-threads-pool", "drf/sync", {"api": ("plain", "drf")}),
        ("django/sync-threads-pool", "ninja/sync", {"api": ("plain", "ninja")}),
        ("django/async-pool", "ninja/async", {"api": ("plain", "ninja")}),
        ("drf/sync", "drf/sync-stdlib-json", {"json": ("orjson", "stdlib")}),
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


@pytest.mark.parametrize(
    ("factor", "old", "new", "told"),
    [
        ("data", "asyncpg", "django-orm", "Django's ORM instead of asyncpg"),
        ("threads", "reused", "per-request", "two threads started per request"),
        ("extra_hops", "0", "4", "4 extra thread hops instead of 0"),
        ("switch_interval_us", "5000", "50", "a switch interval of 50 µs instead of 5000"),
        ("server", "gunicorn-sync", "granian", "server granian instead of gunicorn-sync"),
        ("views", "sync", "both", "views both instead of sync"),
        ("django", "6.0", "6.1", "django 6.1 instead of 6.0"),
        ("env_malloc_arena_max", "unset", "1", "env malloc arena max 1 instead of unset"),
    ],
)
def test_a_change_is_told_in_the_words_of_the_vocabulary_or_plainly(
    factor: str, old: str, new: str, told: str
) -> None:
    """Also of what kept runs and setups have, and no manifest may name."""
    assert vocabulary().change(factor, old, new) == told


def test_the_vocabulary_has_what_manifests_have_and_all_by_which_the_harness_decides(
    real: Catalog,
) -> None:
    words = vocabulary()
    assert words.usual == USUAL
    assert all(words.factor_problem(v.factors) is None for v in real.variants.values())
    used = {pair for v in real.variants.values() for pair in v.factors.items()}
    listed = {(name, value) for name, f in words.factors.items() for value in f.values}
    assert {pair for pair in used if words.factors[pair[0]].values} <= listed
    assert {name: set(words.factors[name].values) for name in DECIDING} == {
        name: set(values) for name, values in DECIDING.items()
    }


@pytest.mark.parametrize(
    ("was", "becomes", "told"),
    [
        ("values.sync =", "values.both =", "`factors.views.values`: the harness decides by it"),
        ("least = 0\n", "", "`factors.extra_hops` needs one of `values`, `least` with `most`"),
        ('usual = "none"', 'usual = "nothing"', "`factors.middleware.usual`: no such value"),
        ("{new} extra", "{value} extra", "`factors.extra_hops.told` is '{value} extra thread"),
        ('title = "views"', 'titel = "views"', "did you mean `title`?"),
        ("[tags]", "[tag]", "unknown key `tag`; did you mean `tags`?"),
    ],
)
def test_a_vocabulary_that_contradicts_itself_is_refused_with_its_key(
    repository: Workspace, tmp_path: Path, was: str, becomes: str, told: str
) -> None:
    text = (repository.shared / "factors.toml").read_text(encoding="utf-8")
    assert was in text
    path = tmp_path / "factors.toml"
    path.write_text(text.replace(was, becomes, 1), encoding="utf-8")
    with pytest.raises(MalformedFile) as caught:
        load_vocabulary(path)
    assert told in str(caught.value)

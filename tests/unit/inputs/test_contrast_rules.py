"""Contrasts, waterfalls and squares of real variants: taken, or refused in one sentence."""

import json
from pathlib import Path

import pytest

from harness.base.errors import MalformedFile, UnknownName
from harness.base.workspace import Workspace
from harness.inputs.catalog import Catalog, load_catalog
from harness.inputs.study import Contrast, Pair, Square, Waterfall
from harness.inputs.study_loader import load_study

STOCK = "django/async-pool"
REUSED = "django/async-reused-threads"
ZERO_HOP = "django/async-zero-hop-lifecycle"
PER_QUERY = "django/hop-per-query"
NATIVE = "django/native-orm"
NATIVE_STOCK = "django/native-orm-stock-lifecycle"
NATIVE_REUSED = "django/native-orm-stock-lifecycle-reused-threads"
VARIANTS = (STOCK, REUSED, ZERO_HOP, PER_QUERY, NATIVE, NATIVE_STOCK, NATIVE_REUSED)
STUDY = f"""\
title = "T"
question = "Q?"
variants = {json.dumps(VARIANTS)}
baseline = "{STOCK}"
blocks = 2
seed = 1

[[conditions]]
endpoint = "io_read"

"""
TWO_FACTORS = "lifecycle (stock / zero-hop), threads (per-request / reused)"
CORNERS = ((PER_QUERY, NATIVE), (REUSED, NATIVE_REUSED))
"""Life cycle by rows, the ORM's bridge by columns."""


@pytest.fixture(scope="session")
def catalog(repository: Workspace) -> Catalog:
    return load_catalog(repository)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the study is written."""
    return tmp_path / "s.toml"


def contrast(of: str, to: str, more: str = "", name: str = "one") -> str:
    return f'[[contrasts]]\nname = "{name}"\ntitle = "t"\nof = "{of}"\nto = "{to}"\n{more}\n'


def waterfall(*steps: str, bundles: tuple[str, ...] = ()) -> str:
    return (
        f'[[waterfalls]]\ntitle = "t"\nsteps = {json.dumps(steps)}\n'
        f"bundles = {json.dumps(bundles)}\n"
    )


def square(rows: str, columns: str, corners: tuple[tuple[str, str], tuple[str, str]]) -> str:
    return (
        f'[[squares]]\ntitle = "t"\nrows = "{rows}"\ncolumns = "{columns}"\n'
        f"corners = {json.dumps(corners)}\n"
    )


def against(of: str, to: str) -> str:
    return f'against = {{ of = "{of}", to = "{to}" }}'


def refusal(path: Path, catalog: Catalog, comparisons: str) -> str:
    """What is said of a study with these, after the file's name."""
    path.write_text(STUDY + comparisons)
    with pytest.raises(MalformedFile) as caught:
        load_study(path, catalog)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert message.endswith(".")
    return message.removeprefix(f"{path}: ")


def test_a_contrast_of_one_factor_is_taken(path: Path, catalog: Catalog) -> None:
    path.write_text(STUDY + contrast(STOCK, REUSED))
    (made,) = load_study(path, catalog).contrasts
    assert made == Contrast("one", "t", of=STOCK, to=REUSED)


def test_a_contrast_of_two_factors_is_refused_with_both_and_their_values(
    path: Path, catalog: Catalog
) -> None:
    told = refusal(path, catalog, contrast(STOCK, PER_QUERY))
    assert told.startswith(
        f"item 1 of `contrasts`: {STOCK} and {PER_QUERY} differ in {TWO_FACTORS}, so"
    )
    assert told.endswith("(`bundle = true`).")


def test_a_contrast_that_owns_up_to_a_bundle_is_taken(path: Path, catalog: Catalog) -> None:
    path.write_text(STUDY + contrast(STOCK, PER_QUERY, "bundle = true"))
    (made,) = load_study(path, catalog).contrasts
    assert made.bundle


def test_a_contrast_of_what_does_not_differ_is_refused(path: Path, catalog: Catalog) -> None:
    told = refusal(path, catalog, contrast(STOCK, STOCK))
    assert told == (
        f"item 1 of `contrasts`: {STOCK} and {STOCK} differ in no factor; name the factor in their "
        "manifests."
    )


def test_a_bundle_of_nothing_is_refused_too(path: Path, catalog: Catalog) -> None:
    told = refusal(path, catalog, contrast(STOCK, STOCK, "bundle = true"))
    assert "differ in no factor" in told


def test_the_contrast_that_is_wrong_is_named_by_its_place(path: Path, catalog: Catalog) -> None:
    good, bad = contrast(STOCK, REUSED), contrast(STOCK, PER_QUERY, name="other")
    assert refusal(path, catalog, good + bad).startswith("item 2 of `contrasts`: ")


def test_two_contrasts_of_one_name_are_refused(path: Path, catalog: Catalog) -> None:
    twice = contrast(STOCK, REUSED) + contrast(STOCK, ZERO_HOP)
    assert refusal(path, catalog, twice) == "`contrasts`: two are called one; rename one."


def test_a_difference_of_differences_is_taken_where_both_pairs_change_the_same(
    path: Path, catalog: Catalog
) -> None:
    path.write_text(STUDY + contrast(STOCK, REUSED, against(NATIVE_STOCK, NATIVE_REUSED)))
    (made,) = load_study(path, catalog).contrasts
    assert made.against == Pair(NATIVE_STOCK, NATIVE_REUSED)


@pytest.mark.parametrize(
    ("second", "changes"),
    [
        ((STOCK, ZERO_HOP), "lifecycle (stock / zero-hop)"),
        ((REUSED, STOCK), "threads (reused / per-request)"),
        ((STOCK, PER_QUERY), TWO_FACTORS),
        ((NATIVE, NATIVE), "nothing"),
    ],
    ids=["another factor", "the other way round", "one more factor", "none"],
)
def test_a_second_pair_that_changes_something_else_is_refused(
    path: Path, catalog: Catalog, second: tuple[str, str], changes: str
) -> None:
    assert refusal(path, catalog, contrast(STOCK, REUSED, against(*second))) == (
        f"item 1 of `contrasts`: `against` changes {changes}, and the first pair threads "
        "(per-request / reused); a difference of differences needs two pairs that change the same."
    )


def test_a_waterfall_of_single_factors_is_taken(path: Path, catalog: Catalog) -> None:
    path.write_text(STUDY + waterfall(NATIVE, PER_QUERY, REUSED, STOCK))
    assert load_study(path, catalog).waterfalls == (
        Waterfall("t", (NATIVE, PER_QUERY, REUSED, STOCK)),
    )


def test_a_step_of_two_factors_is_refused_with_both_and_their_values(
    path: Path, catalog: Catalog
) -> None:
    told = refusal(path, catalog, waterfall(REUSED, STOCK, PER_QUERY))
    assert told.startswith(
        f"item 1 of `waterfalls`: {STOCK} and {PER_QUERY} differ in {TWO_FACTORS}, so"
    )
    assert told.endswith(f'(`bundles = ["{PER_QUERY}"]`).')


def test_a_step_that_owns_up_to_a_bundle_is_taken(path: Path, catalog: Catalog) -> None:
    path.write_text(STUDY + waterfall(REUSED, STOCK, PER_QUERY, bundles=(PER_QUERY,)))
    (made,) = load_study(path, catalog).waterfalls
    assert made.bundles == (PER_QUERY,)


def test_a_bundle_of_another_step_excuses_none(path: Path, catalog: Catalog) -> None:
    told = refusal(path, catalog, waterfall(REUSED, STOCK, PER_QUERY, bundles=(STOCK,)))
    assert "alone, which is no bundle" in told


def test_a_bundle_that_no_step_leads_to_is_refused(path: Path, catalog: Catalog) -> None:
    told = refusal(path, catalog, waterfall(REUSED, STOCK, bundles=(REUSED,)))
    assert (
        told
        == f"item 1 of `waterfalls`: `bundles`: no step leads to `{REUSED}`; name a step's variant."
    )


def test_a_contrast_of_one_factor_is_no_bundle(path: Path, catalog: Catalog) -> None:
    told = refusal(path, catalog, contrast(STOCK, REUSED, "bundle = true"))
    assert told.endswith("alone, which is no bundle; do not declare one.")


@pytest.mark.parametrize("steps", [(), (STOCK,), (STOCK, REUSED, STOCK)])
def test_a_waterfall_without_a_step_or_in_a_circle_is_refused(
    path: Path, catalog: Catalog, steps: tuple[str, ...]
) -> None:
    assert refusal(path, catalog, waterfall(*steps)) == (
        "item 1 of `waterfalls`: `steps` needs two different variants or more."
    )


def test_a_square_whose_sides_change_one_factor_each_is_taken(path: Path, catalog: Catalog) -> None:
    path.write_text(STUDY + square("lifecycle", "bridge", CORNERS))
    assert load_study(path, catalog).squares == (Square("t", "lifecycle", "bridge", CORNERS),)


@pytest.mark.parametrize(
    ("rows", "columns", "corners", "told"),
    [
        (
            "bridge", "lifecycle", CORNERS,
            "`bridge` alone and alike, and they change lifecycle (zero-hop / stock) and lifecycle "
            "(zero-hop / stock)",
        ),
        (
            "lifecycle", "threads", CORNERS,
            "`threads` alone and alike, and they change bridge (per-query / none) and bridge "
            "(per-query / none)",
        ),
        (
            "lifecycle", "bridge", ((PER_QUERY, NATIVE), (STOCK, NATIVE_REUSED)),
            "`lifecycle` alone and alike, and they change lifecycle (zero-hop / stock), threads "
            "(reused / per-request) and lifecycle (zero-hop / stock)",
        ),
        (
            "lifecycle", "bridge", ((PER_QUERY, NATIVE_REUSED), (REUSED, NATIVE)),
            "`lifecycle` alone and alike, and they change lifecycle (zero-hop / stock) and "
            "lifecycle (stock / zero-hop)",
        ),
        (
            "lifecycle", "bridge", (CORNERS[0], CORNERS[0]),
            "`lifecycle` alone and alike, and they change nothing and nothing",
        ),
    ],
    ids=["turned", "another factor", "one factor more", "crossed", "flat"],
)  # fmt: skip
def test_a_square_with_a_wrong_corner_is_refused_with_what_its_sides_change(
    path: Path,
    catalog: Catalog,
    rows: str,
    columns: str,
    corners: tuple[tuple[str, str], tuple[str, str]],
    told: str,
) -> None:
    assert refusal(path, catalog, square(rows, columns, corners)) == (
        f"item 1 of `squares`: its sides must change {told}; choose other corners."
    )


@pytest.mark.parametrize("name", ["django/nope", "flask/sqlalchemy"], ids=["nowhere", "elsewhere"])
@pytest.mark.parametrize("place", ["contrasts", "against", "waterfalls", "bundles", "squares"])
def test_a_variant_that_the_study_does_not_measure_is_told_with_those_it_does(
    path: Path, catalog: Catalog, place: str, name: str
) -> None:
    comparisons = {
        "contrasts": contrast(STOCK, name),
        "against": contrast(STOCK, REUSED, against(STOCK, name)),
        "waterfalls": waterfall(STOCK, name),
        "bundles": waterfall(STOCK, REUSED, bundles=(name,)),
        "squares": square("lifecycle", "bridge", ((PER_QUERY, NATIVE), (REUSED, name))),
    }
    key = {"against": "contrasts", "bundles": "waterfalls"}.get(place, place)
    path.write_text(STUDY + comparisons[place])
    with pytest.raises(UnknownName) as caught:
        load_study(path, catalog)
    message = str(caught.value)
    assert message.startswith(f"There is no variant `{name}` in {path}, item 1 of `{key}`; ")
    assert message.endswith(f"hoose one of: {', '.join(sorted(VARIANTS))}.")


def test_a_variant_of_a_group_can_be_compared(path: Path, catalog: Catalog) -> None:
    grouped = '[[conditions]]\nendpoint = "noop"\ngroup = "few"\n'
    group = '[groups]\nfew = ["django/inline-bridge"]\n'
    path.write_text(STUDY + grouped + group + contrast(STOCK, "django/inline-bridge"))
    (made,) = load_study(path, catalog).contrasts
    assert made.variants == {STOCK, "django/inline-bridge"}


def test_the_weights_of_a_contrast_are_those_of_its_logarithms() -> None:
    assert Contrast("one", "t", of="a", to="b").weights == {"a": 1.0, "b": -1.0}
    four = Contrast("one", "t", of="a", to="b", against=Pair("c", "d"))
    assert four.weights == {"a": 1.0, "b": -1.0, "c": -1.0, "d": 1.0}
    assert four.variants == {"a", "b", "c", "d"}


def test_a_variant_that_stands_in_both_pairs_has_the_sum_of_its_weights() -> None:
    chained = Contrast("one", "t", of="a", to="b", against=Pair("b", "c"))
    assert chained.weights == {"a": 1.0, "b": -2.0, "c": 1.0}
    shared = Contrast("one", "t", of="a", to="b", against=Pair("c", "b"))
    assert shared.weights == {"a": 1.0, "b": 0.0, "c": -1.0}

from pathlib import Path

import pytest

from harness.base.errors import MalformedFile, UnknownName
from harness.base.workspace import Workspace
from harness.inputs.catalog import load_catalog
from harness.inputs.published_tables import Published, PublishedCell, load_published
from harness.inputs.study import Latency
from harness.inputs.study_loader import find_study, load_study

NAME = "asynchronize-django"
TABLE = """\
title = "T"
source = "S"
note = "N"
cells = [
    { setup = "a/b", endpoint = "cpu", latency_ms = 0, highest_per_s = 1.5, successes = 3 },
]
"""
CELL = PublishedCell("a/b", "cpu", latency_ms=0.0, highest_per_s=1.5, successes=3)


def write(workspace: Workspace, text: str) -> Path:
    path = workspace.shared / "published" / "mine.toml"
    path.write_text(text)
    return path


def problem(workspace: Workspace) -> str:
    with pytest.raises(MalformedFile) as caught:
        load_published(workspace, "mine", "the study")
    return str(caught.value)


@pytest.fixture(scope="session")
def replicated(repository: Workspace) -> Published:
    return load_published(repository, NAME, "the study")


def test_a_table_is_read_with_where_it_is_from(workspace: Workspace) -> None:
    write(workspace, TABLE)
    assert load_published(workspace, "mine", "the study") == Published("T", "S", "N", (CELL,))


def test_the_replicated_table_has_three_setups_on_three_routes_at_three_latencies(
    replicated: Published,
) -> None:
    assert len(replicated.cells) == 27
    assert {cell.setup for cell in replicated.cells} == {
        "django/sync", "django/async-limited", "django/async-unlimited",
    }  # fmt: skip
    assert {cell.endpoint for cell in replicated.cells} == {"cpu", "io_read", "io_create"}
    assert {cell.latency_ms for cell in replicated.cells} == {0.0, 100.0, 200.0}


@pytest.mark.parametrize(
    ("setup", "endpoint", "latency_ms", "figures"),
    [
        ("django/async-unlimited", "io_create", 200.0, (185.0, 23_030)),
        ("django/sync", "io_create", 0.0, (143.6, 24_328)),
        ("django/sync", "io_create", 200.0, (0.7, 124)),
        ("django/async-limited", "io_create", 100.0, (129.0, 12_963)),
        ("django/sync", "io_read", 200.0, (0.6, 105)),
        ("django/async-unlimited", "io_read", 0.0, (34.1, 4_680)),
        ("django/async-limited", "io_read", 200.0, (28.4, 4_312)),
        ("django/async-limited", "cpu", 0.0, (0.1, 24)),
        ("django/async-unlimited", "cpu", 0.0, (3.3, 91)),
        ("django/sync", "cpu", 100.0, (1.5, 255)),
    ],
)
def test_the_replicated_table_has_the_published_figures(
    replicated: Published,
    setup: str,
    endpoint: str,
    latency_ms: float,
    figures: tuple[float, int],
) -> None:
    (cell,) = [
        c
        for c in replicated.cells
        if (c.setup, c.endpoint, c.latency_ms) == (setup, endpoint, latency_ms)
    ]
    assert (cell.highest_per_s, cell.successes) == figures


def test_the_study_that_replicates_the_table_measures_every_cell_of_it(
    repository: Workspace, replicated: Published
) -> None:
    """With the latency on both legs, as it was in the original."""
    study = load_study(find_study(repository, NAME), load_catalog(repository))
    added = {c: (c.latency or Latency()).legs for c in study.conditions}
    assert all(legs["database"] == legs["client"] for legs in added.values())
    asked = {(s, c.endpoint, legs["client"]) for c, legs in added.items() for s in study.variants}
    assert study.published == NAME
    assert asked == {(c.setup, c.endpoint, c.latency_ms) for c in replicated.cells}


@pytest.mark.parametrize("name", ["asynchronise-django", "", "../claims"])
def test_an_unknown_table_is_told_with_who_asks_and_the_known_ones(
    repository: Workspace, name: str
) -> None:
    with pytest.raises(UnknownName) as caught:
        load_published(repository, name, "the study")
    message = str(caught.value)
    assert message.startswith(f"There is no published table `{name}` in the study; choose one of:")
    assert NAME in message


def test_a_cell_that_stands_twice_is_one_sentence_that_names_it(workspace: Workspace) -> None:
    line = TABLE.splitlines()[4]
    again = line.replace("highest_per_s = 1.5", "highest_per_s = 9")
    path = write(workspace, TABLE.replace(line, f"{line}\n{again}"))
    message = problem(workspace)
    assert message.startswith(f"{path}: `cells` has ")
    assert "a/b" in message
    assert message.endswith(" twice; remove one.")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("old", "new"),
    [("latency_ms = 0", "latency_ms = 100"), ('"cpu"', '"io_read"'), ('"a/b"', '"a/c"')],
)
def test_cells_that_differ_in_setup_route_or_latency_stand_beside_each_other(
    workspace: Workspace, old: str, new: str
) -> None:
    line = TABLE.splitlines()[4]
    write(workspace, TABLE.replace(line, f"{line}\n{line.replace(old, new)}"))
    assert len(load_published(workspace, "mine", "the study").cells) == 2


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('note = "N"\n', "", "`note` is missing; add it."),
        (
            "latency_ms = 0",
            "latency_ms = -1",
            "item 1 of `cells`: `latency_ms` is -1; it must be a number",
        ),
        ("per_s = 1.5", "per_s = -1.5", "item 1 of `cells`: `highest_per_s` is"),
        (
            "successes = 3",
            "successes = -3",
            "item 1 of `cells`: `successes` is -3; it must be a whole number",
        ),
        (
            "successes = 3",
            "successes = 3.5",
            "item 1 of `cells`: `successes` is 3.5; it must be a whole number",
        ),
        (
            "setup =",
            "set =",
            "item 1 of `cells`: unknown key `set`; did you mean `setup`? The allowed keys are: "
            "endpoint, highest_per_s, latency_ms, setup, successes.",
        ),
        ("cells = [", "cells = ", "not valid TOML: "),
    ],
)
def test_a_bad_table_is_one_sentence_that_names_file_and_key(
    workspace: Workspace, old: str, new: str, told: str
) -> None:
    assert old in TABLE
    path = write(workspace, TABLE.replace(old, new))
    message = problem(workspace)
    assert message.startswith(f"{path}: {told}")
    assert message.endswith(".")

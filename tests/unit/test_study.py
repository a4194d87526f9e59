from pathlib import Path

import pytest

from harness.catalog import Catalog, load_catalog
from harness.errors import MalformedFile, UnknownName
from harness.study import (
    SPARE_CONNECTIONS,
    Condition,
    LoadSettings,
    find_study,
    load_study,
    study_names,
)
from harness.workspace import Workspace

STUDY = """\
title = "T"
question = "Q?"
variants = ["django/async-pool", "flask/sqlalchemy"]
baseline = "django/async-pool"
blocks = 2
seed = 1

[[conditions]]
endpoint = "cpu"
connections = 8
"""


@pytest.fixture(scope="session")
def catalog(repository: Workspace) -> Catalog:
    return load_catalog(repository)


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "s.toml"
    path.write_text(text)
    return path


def test_reads_a_study_with_its_defaults(tmp_path: Path, catalog: Catalog) -> None:
    study = load_study(write(tmp_path, STUDY), catalog)
    assert study.variants == ("django/async-pool", "flask/sqlalchemy")
    assert study.conditions == (Condition(endpoint="cpu", connections=8, rows=1_000),)
    assert study.conditions[0].name == "cpu-c8-r1000"
    assert study.load == LoadSettings()
    assert study.database.durability == "off"


def test_every_study_of_the_repository_can_be_read(repository: Workspace, catalog: Catalog) -> None:
    names = study_names(repository)
    assert "quick" in names
    for name in names:
        assert load_study(find_study(repository, name), catalog).title


def test_a_study_is_found_by_name_or_by_path(repository: Workspace) -> None:
    assert find_study(repository, "quick") == repository.shared / "studies" / "quick.toml"
    assert find_study(repository, "mine/own.toml") == Path("mine/own.toml")


@pytest.mark.parametrize("name", ["quik", "", "../contract/effects"])
def test_unknown_study_is_told_with_the_known_ones(repository: Workspace, name: str) -> None:
    with pytest.raises(UnknownName, match=r"There is no study `.*`; choose one of: .*quick"):
        find_study(repository, name)


def test_a_path_to_nothing_is_one_sentence(tmp_path: Path, catalog: Catalog) -> None:
    with pytest.raises(MalformedFile, match=r"own\.toml: no such file"):
        load_study(tmp_path / "own.toml", catalog)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("seed = 1", "seeds = 1", "unknown key `seeds`; the allowed keys are: baseline, blocks"),
        (
            "connections = 8",
            "conections = 8",
            "unknown key `conditions[0].conections`; the allowed",
        ),
        ("[[cond", "[load]\nslices = 1\n[[cond", "unknown key `load.slices`; the allowed keys are"),
        ("blocks = 2", "blocks = 0", "`blocks`: expected `int` >= 1"),
        ("blocks = 2", "blocks = 2.5", "`blocks`: expected `int`, got `float`"),
        ("seed = 1\n", "", "`seed` is missing; add it"),
        ("connections = 8", "connections = 0", "`conditions[0].connections`: expected `int` >= 1"),
        ("connections = 8", "rows = -1", "`conditions[0].rows`: expected `int` >= 0"),
        ("[[cond", "[load]\nslice_s = 0\n[[cond", "`load.slice_s`: expected `float` >= 0.01"),
        ("[[cond", "[load]\ntimeout_s = inf\n[[cond", "`load.timeout_s`: expected `float` <= "),
        ("[[cond", "[load]\nwarmup_s = nan\n[[cond", "`load.warmup_s`: expected `float` "),
        ("[[cond", '[load]\nengine = "wrk"\n[[cond', "`load.engine`: invalid enum value 'wrk'"),
        ("[[cond", '[database]\ndurability = "x"\n[[cond', "`database.durability`: invalid enum"),
        ('variants = ["django/async-pool", "flask/sqlalchemy"]', "variants = []", "is empty; name"),
        ('"flask/sqlalchemy"]', '"django/async-pool"]', "`variants` names one twice; remove"),
        (
            '["django/async-pool", "flask/sqlalchemy"]',
            '["flask/sqlalchemy"]',
            "`baseline`: `django/async-pool` is not among `variants`; add it there.",
        ),
        (
            "[[conditions]]\n",
            '[[conditions]]\nendpoint = "cpu"\nconnections = 8\n[[conditions]]\n',
            "`conditions` names one twice; remove the repetition.",
        ),
        (
            '[[conditions]]\nendpoint = "cpu"\nconnections = 8\n',
            "conditions = []\n",
            "`conditions` is empty; name at least one.",
        ),
        ("blocks = 2", "blocks = = 2", "not valid TOML: "),
    ],
)
def test_bad_study_is_one_sentence_that_names_file_and_key(
    tmp_path: Path, catalog: Catalog, old: str, new: str, told: str
) -> None:
    assert old in STUDY
    path = write(tmp_path, STUDY.replace(old, new))
    with pytest.raises(MalformedFile) as caught:
        load_study(path, catalog)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert told in message
    assert message.endswith(".")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"flask/sqlalchemy"]', '"flask/nope"]', "There is no variant `flask/nope` in {}; choose"),
        (
            'baseline = "django/async-pool"',
            'baseline = "x"',
            "There is no variant `x` in {}; choose",
        ),
        ('endpoint = "cpu"', 'endpoint = "cup"', "There is no endpoint `cup` in {}; choose one of"),
    ],
)
def test_unknown_name_in_a_study_is_told_with_the_file_and_the_known_ones(
    tmp_path: Path, catalog: Catalog, old: str, new: str, told: str
) -> None:
    path = write(tmp_path, STUDY.replace(old, new))
    with pytest.raises(UnknownName) as caught:
        load_study(path, catalog)
    assert told.format(path) in str(caught.value)


def test_max_connections_must_hold_all_pools_of_a_block(tmp_path: Path, catalog: Catalog) -> None:
    """Two variants and the baseline's duplicate, 2 workers of 5 connections each, and spares."""
    needed = 3 * 2 * 5 + SPARE_CONNECTIONS
    server = "[server]\nworkers = 2\npool_size = 5\n"
    enough = write(tmp_path, f"{STUDY}{server}[database]\nmax_connections = {needed}\n")
    assert load_study(enough, catalog).database.max_connections == needed
    short = write(tmp_path, f"{STUDY}{server}[database]\nmax_connections = {needed - 1}\n")
    told = rf"hold 30 together; set it to at least {needed}\."
    with pytest.raises(MalformedFile, match=told):
        load_study(short, catalog)


def test_variants_that_connect_per_request_hold_no_pool(tmp_path: Path, catalog: Catalog) -> None:
    per_request = [n for n, v in catalog.variants.items() if v.factors["pool"] == "per-request"]
    text = STUDY.replace("flask/sqlalchemy", per_request[0])
    database = f"[database]\nmax_connections = {2 * 16 + SPARE_CONNECTIONS}\n"
    assert load_study(write(tmp_path, text + database), catalog)

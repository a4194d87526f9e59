"""What the folders under `implementations/` hold: code that a variant loads, and little of it."""

from pathlib import Path

import pytest

from harness.base.workspace import Workspace
from harness.inputs.imports import imports_of
from harness.inputs.manifests import Variant
from tests.toys.catalogs import repository_catalog

WORKSPACE = Workspace()
CATALOG = repository_catalog()
MOST_LINES = 200
IN_LAYERS = ("aiohttp", "django", "fastapi", "flask", "starlette")
"""Folders whose variants separate causes, or data layers: what all share stands in layers."""
TEMPLATES = WORKSPACE.implementations / ".empty"
TEXTS = {path: path.read_bytes() for path in sorted(WORKSPACE.implementations.rglob("*.py"))}


def folder_of(path: Path) -> Path:
    """The folder under `implementations/` that a module stands in."""
    return WORKSPACE.implementations / path.relative_to(WORKSPACE.implementations).parts[0]


def loaded(variant: Variant) -> list[Path]:
    """The modules that a variant's server imports."""
    argv = CATALOG.servers[variant.server].argv
    found = imports_of(variant.folder, variant.app, argv, set(variant.env.values()))
    return [variant.folder / path for path in found.files]


def own_lines(variant: Variant) -> int:
    """Lines that are not blank, of loaded modules that stand in no other folder letter by letter.

    `bridgetoll new` writes, or copies, the others.
    """
    elsewhere = {text for path, text in TEXTS.items() if folder_of(path) != variant.folder}
    own = [TEXTS[path] for path in loaded(variant) if TEXTS[path] not in elsewhere]
    return sum(1 for text in own for line in text.splitlines() if line.strip())


@pytest.mark.parametrize(
    "name", [name for name, v in CATALOG.variants.items() if v.implementation not in IN_LAYERS]
)
def test_a_variant_has_200_lines_of_its_own_at_most(name: str) -> None:
    assert 0 < own_lines(CATALOG.variants[name]) <= MOST_LINES


def test_every_module_is_loaded_by_a_variant() -> None:
    used = {path for variant in CATALOG.variants.values() for path in loaded(variant)}
    modules = {path for path, text in TEXTS.items() if text.strip()}
    assert {path for path in modules - used if folder_of(path) != TEMPLATES} == set()

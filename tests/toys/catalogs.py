"""The catalog of this repository, read once for all tests that ask what it holds."""

from functools import cache

from harness.base.workspace import Workspace
from harness.inputs.catalog import Catalog, load_catalog


@cache
def repository_catalog() -> Catalog:
    """Read it at the first call; nobody changes it."""
    return load_catalog(Workspace())

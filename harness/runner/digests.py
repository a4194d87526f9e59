"""By what a run knows whether it would still be measured as it began."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from harness.base.workspace import Workspace
from harness.inputs.catalog import Catalog
from harness.inputs.study import Study

_HARNESS = Path(__file__).resolve().parents[1]
_MEASURING_ROOMS = ("audit", "lab", "load", "runner")
_CODE = frozenset({".py", ".toml", ".lock"})


def contract_digest(workspace: Workspace) -> str:
    """Of everything that defines the work: schema, rows, HTTP shapes, SQL effects."""
    return _digest([*workspace.shared.glob("*.sql"), *workspace.shared.glob("contract/*")])


def code_digest(workspace: Workspace, catalog: Catalog, study: Study) -> str:
    """Of everything that carries the work out: implementations, servers' settings, the harness."""
    names = {catalog.variant(name).implementation for name in study.everyone}
    folders = [workspace.implementations / name for name in names]
    folders += [_HARNESS / room for room in _MEASURING_ROOMS]
    files = [
        path
        for folder in folders
        for path in folder.rglob("*", recurse_symlinks=True)
        if path.suffix in _CODE
    ]
    return _digest([workspace.shared / "servers.toml", *files])


def _digest(files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]
